"""Receipts: round trip, and each way of being malformed."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.protocol.receipt import Receipt
from edge.domain.protocol.record import GENESIS, Origin
from edge.errors import RecordError

GOOD = Receipt(Origin("hq", "door-1"), "e" * 32, 7, "d" * 64, "2026-03-01T08:00:00.123Z")


def test_the_bytes_are_the_documented_ones() -> None:
    assert GOOD.encode().decode() == (
        '{"v":1,"site":"hq","terminal":"door-1","epoch":"eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee","upto":7,"head":"'
        + "d" * 64
        + '","issued":"2026-03-01T08:00:00.123Z"}'
    )
    assert Receipt.decode(GOOD.encode()) == GOOD


def test_words_of_a_later_ledger_are_ignored() -> None:
    assert Receipt.decode(json.dumps({**json.loads(GOOD.encode()), "shard": 4}).encode()) == GOOD


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("v", 2), ("v", "1"), ("v", True), ("v", 1.0), ("v", None), ("site", "HQ"), ("site", 1),
        ("terminal", "roster"),
        ("terminal", ""), ("epoch", "E" * 32), ("upto", -1), ("upto", True), ("upto", 7.0),
        ("upto", "7"), ("upto", 2**53 + 1), ("head", "d" * 63), ("head", None), ("issued", ""), ("issued", 5),
        ("issued", "yesterday"), ("issued", "2026-03-01T08:00:00"), ("issued", "\u0662026-03-01T08:00:00Z"),
        ("issued", "2026-03-01T08:00:00Z\n"),
    ],
)  # fmt: skip
def test_a_malformed_receipt_is_refused(name: str, value: object) -> None:
    document = json.loads(GOOD.encode())
    with pytest.raises(RecordError):
        Receipt.decode(json.dumps({**document, name: value}).encode())
    del document[name]
    with pytest.raises(RecordError):
        Receipt.decode(json.dumps(document).encode())


def test_a_receipt_of_nothing_has_the_head_of_nothing() -> None:
    nothing = Receipt(GOOD.origin, GOOD.epoch, 0, GENESIS, GOOD.issued)
    assert Receipt.decode(nothing.encode()) == nothing
    with pytest.raises(RecordError, match="upto is 0"):
        Receipt(GOOD.origin, GOOD.epoch, 0, GOOD.head, GOOD.issued).encode()


def test_a_receipt_is_bounded() -> None:
    with pytest.raises(RecordError, match="limit"):
        Receipt.decode(json.dumps({**json.loads(GOOD.encode()), "note": "x" * Receipt.MAX_PAYLOAD}).encode())


def test_a_receipt_that_none_would_accept_is_not_written() -> None:
    with pytest.raises(RecordError, match="head"):
        Receipt(GOOD.origin, GOOD.epoch, 1, "none", GOOD.issued).encode()


@given(st.data())
def test_a_corrupt_receipt_never_crashes(data: st.DataObject) -> None:
    raw = bytearray(GOOD.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(RecordError):
        Receipt.decode(bytes(raw))
