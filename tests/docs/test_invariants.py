"""docs/invariants.md names a test for each invariant, and each is there."""

import re

import pytest

from tests.support.named_tests import ROOT, missing

PAGE = (ROOT / "docs/invariants.md").read_text()
ROWS = {found[1]: found[2] for found in re.finditer(r"^\| (I\d+) \| .* \| ([^|]*) \|$", PAGE, re.MULTILINE)}


@pytest.mark.parametrize("invariant", [f"I{number}" for number in range(1, 26)])
def test_each_invariant_has_tests_and_they_are_there(invariant: str) -> None:
    assert missing(ROWS[invariant]) == []


def test_this_test_can_fail() -> None:
    assert missing("") == ["no test at all"]
    assert missing("`tests/unit/no_such_file.py`") == ["tests/unit/no_such_file.py::"]
    assert missing("`tests/docs/test_invariants.py::test_no_such`") == [
        "tests/docs/test_invariants.py::test_no_such"
    ]
