"""docs/privacy.md: each promise names code and a test, and both are there."""

import re
from pathlib import Path

import pytest

from tests.support.named_tests import missing

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/privacy.md").read_text()
PROMISES = re.findall(r"^\| (.+?) \| (`edge/.+?) \| (`tests/.+?) \|$", PAGE, re.MULTILINE)


def lost(cell: str) -> list[str]:
    named = re.findall(r"`(edge/[\w/.]+)`", cell)
    return [path for path in named if not (ROOT / path).exists()] if named else ["no code at all"]


@pytest.mark.parametrize(("promise", "code", "tests"), PROMISES, ids=[row[0][:40] for row in PROMISES])
def test_each_promise_has_code_and_a_test(promise: str, code: str, tests: str) -> None:
    assert lost(code) == []
    assert missing(tests) == []


def test_no_row_of_the_table_escapes() -> None:
    (table,) = re.findall(r"\n\| promise \|.*?\n\|---.*?\n(.*?)\n\n", PAGE, re.DOTALL)
    assert len(PROMISES) == len(table.splitlines()) > 10
    assert lost("") == ["no code at all"]
    assert lost("`edge/no/such.py`") == ["edge/no/such.py"]
