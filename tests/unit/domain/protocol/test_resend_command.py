"""Commands: round trip, and each way of being malformed."""

import contextlib
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.protocol.record import Origin
from edge.domain.protocol.resend_command import MAX_RANGE, Resend, expired
from edge.errors import RecordError

GOOD = Resend(
    "c" * 32, Origin("hq", "door-1"), "2026-03-01T08:00:00.000Z", "2026-03-01T09:00:00.000Z", "e" * 32, 7, 9
)


def test_the_bytes_are_the_documented_ones() -> None:
    assert GOOD.encode().decode() == (
        '{"v":1,"id":"cccccccccccccccccccccccccccccccc","site":"hq","terminal":"door-1",'
        '"issued":"2026-03-01T08:00:00.000Z","expires":"2026-03-01T09:00:00.000Z","command":"resend",'
        '"epoch":"eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee","first":7,"last":9}'
    )
    assert Resend.decode(GOOD.encode()) == GOOD


def test_words_of_a_later_ledger_are_ignored() -> None:
    assert Resend.decode(json.dumps({**json.loads(GOOD.encode()), "why": "restored"}).encode()) == GOOD


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("v", 2), ("v", "1"), ("v", True), ("v", 1.0), ("v", None), ("id", "C" * 32), ("id", "c" * 31), ("id", 7),
        ("site", "HQ"), ("terminal", "roster"), ("terminal", ""),
        ("command", "erase"), ("command", "RESEND"), ("command", ["resend"]),
        ("epoch", "E" * 32), ("first", 0), ("first", -1), ("first", True), ("first", 7.0), ("first", "7"),
        ("first", 10), ("first", 2**53 + 1), ("last", 6), ("last", None), ("last", 7 + MAX_RANGE), ("last", False),
        ("issued", "yesterday"), ("issued", "2026-03-01T08:00:00Z"), ("issued", "2026-02-30T08:00:00.000Z"),
        ("issued", "2026-03-01T09:00:00.000Z"), ("expires", "2026-03-01T08:00:00.000Z"), ("expires", 5),
        ("expires", "2026-03-08T08:00:00.001Z"), ("expires", "2026-03-01T09:00:00.000+00:00"),
    ],
)  # fmt: skip
def test_a_malformed_command_is_refused(name: str, value: object) -> None:
    document = json.loads(GOOD.encode())
    with pytest.raises(RecordError):
        Resend.decode(json.dumps({**document, name: value}).encode())
    del document[name]
    with pytest.raises(RecordError):
        Resend.decode(json.dumps(document).encode())


def test_the_largest_range_and_the_longest_life_are_taken() -> None:
    longest = replace(GOOD, last=GOOD.first + MAX_RANGE - 1, expires="2026-03-08T08:00:00.000Z")
    assert Resend.decode(longest.encode()) == longest
    with pytest.raises(RecordError, match="10000 at most, in parts"):
        replace(longest, last=longest.last + 1).encode()


def test_a_command_is_bounded() -> None:
    with pytest.raises(RecordError, match="limit"):
        Resend.decode(json.dumps({**json.loads(GOOD.encode()), "note": "x" * Resend.MAX_PAYLOAD}).encode())


def test_a_resend_command_ends_on_the_millisecond() -> None:
    assert not expired(GOOD, "2026-03-01T08:59:59.999Z")
    assert expired(GOOD, "2026-03-01T09:00:00.000Z")
    assert expired(GOOD, "2027-01-01T00:00:00.000Z")


@given(st.data())
def test_a_corrupt_command_never_crashes(data: st.DataObject) -> None:
    raw = bytearray(GOOD.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(RecordError):
        Resend.decode(bytes(raw))
