"""A people store of one's own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.people.people_store import People

STORAGE = bytes(range(32))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "people.db"


@pytest.fixture
def open_people(path: Path) -> Iterator[Callable[[], People]]:
    opened: list[People] = []

    def make() -> People:
        opened.append(People(path, STORAGE))
        return opened[-1]

    yield make
    for people in opened:
        people.close()
