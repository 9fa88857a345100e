"""What several test files share lies in tests/support: a test file imports no other test file."""

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2]
OF_A_TEST_FILE = re.compile(
    r"^\s*(?:from tests[\w.]*\.test_\w+ import|from tests[\w.]* import test_|import tests[\w.]*\.test_)"
)


def test_no_test_file_is_imported() -> None:
    """Except by the programs that it starts itself."""
    found = [
        f"{path.relative_to(TESTS)}:{number}"
        for path in TESTS.rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if OF_A_TEST_FILE.match(line) and f".{path.stem} " not in line
    ]
    assert found == [], "move what they share to tests/support"


def test_support_modules_are_short_and_say_what_they_are() -> None:
    for path in (TESTS / "support").glob("*.py"):
        text = path.read_text()
        assert text.startswith('"""'), path
        assert len(text.splitlines()) < 250, path
