"""docs/invariants.md names a test for each invariant, and each is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/invariants.md").read_text()
ROWS = {found[1]: found[2] for found in re.finditer(r"^\| (I\d+) \| .* \| ([^|]*) \|$", PAGE, re.MULTILINE)}


def missing(tests: str) -> list[str]:
    """What of a cell is not there; the cell itself when it names nothing."""
    named = re.findall(r"`(tests/[\w/.-]+\.py)(?:::(\w+))?`", tests)
    wrong = [] if named else ["no test at all"]
    for path, function in named:
        text = (ROOT / path).read_text() if (ROOT / path).exists() else ""
        if not re.search(rf"^def {function}\(" if function else r"^def test_", text, re.MULTILINE):
            wrong.append(f"{path}::{function}")
    return wrong


@pytest.mark.parametrize("invariant", [f"I{number}" for number in range(1, 24)])
def test_each_invariant_has_tests_and_they_are_there(invariant: str) -> None:
    assert missing(ROWS[invariant]) == []


def test_this_test_can_fail() -> None:
    assert missing("") == ["no test at all"]
    assert missing("`tests/unit/no_such_file.py`") == ["tests/unit/no_such_file.py::"]
    assert missing("`tests/docs/test_invariants.py::test_no_such`") == [
        "tests/docs/test_invariants.py::test_no_such"
    ]
