"""The simulator's reader: what it refuses, so that a page can say so."""

import pytest

from edge.adapters.browser.reader import LONGEST, BrowserReader
from edge.domain.people.credentials import Read, Token

BADGE = Read(Token.BADGE, "4711")


@pytest.fixture
def reader():
    made = BrowserReader()
    made.open()
    return made


@pytest.mark.parametrize("text", ["", "  ", "7" * (LONGEST + 1)])
def test_what_is_no_read_is_refused(reader: BrowserReader, text: str) -> None:
    assert not reader.offer(Read(Token.BADGE, text))


def test_a_flood_is_bounded(reader: BrowserReader) -> None:
    taken = sum(reader.offer(BADGE) for _ in range(1_000))
    assert 4 <= taken <= 100
    assert [reader.read(1) for _ in range(taken)] == [BADGE] * taken
    assert reader.read(0.01) is None


def test_an_unplugged_reader_is_away_and_takes_nothing(reader: BrowserReader) -> None:
    assert not reader.away
    reader.unplugged = True
    assert reader.away
    assert not reader.offer(BADGE)
    assert reader.read(0.01) is None
    reader.unplugged = False
    assert reader.offer(BADGE)


def test_nothing_waits_over_a_close(reader: BrowserReader) -> None:
    reader.offer(BADGE)
    reader.close()
    assert not reader.offer(BADGE)
    reader.open()
    assert reader.read(0.01) is None
