"""Names of tests that a page gives."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def missing(tests: str) -> list[str]:
    """What of a cell is not there; the cell itself when it names nothing."""
    named = re.findall(r"`(tests/[\w/.-]+\.py)(?:::(\w+))?`", tests)
    wrong = [] if named else ["no test at all"]
    for path, function in named:
        text = (ROOT / path).read_text() if (ROOT / path).exists() else ""
        if not re.search(rf"^def {function}\(" if function else r"^def test_", text, re.MULTILINE):
            wrong.append(f"{path}::{function}")
    return wrong
