"""The files of the earlier program, afresh for each test."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.earlier_files.opening import extract


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    return extract(tmp_path / "earlier")


@pytest.fixture
def contents(earlier: Path) -> Any:
    """What the earlier program read in them."""
    return json.loads((earlier / "contents.json").read_text(encoding="utf-8"))
