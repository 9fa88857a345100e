"""A status is anybody's word: read strictly, bounded, believed for nothing."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.protocol.record import Origin
from edge.domain.protocol.terminal_status import MAX_ALARMS, MAX_STATUS, Presence, Status, decode
from edge.errors import RecordError
from edge.terminal.uplink.status import Online, last_will, online, stopped

SAID = Online("e" * 32, 9, 7, False, ("ring-full", "fork"), {"sent": 3}, "2026-03-01T08:00:00.123Z")
READ = Status(Presence.ONLINE, "e" * 32, 9, 7, ("fork", "ring-full"), SAID.utc, (("sent", 3),))


def test_what_terminals_say_is_read() -> None:
    assert decode(online(SAID)) == READ
    assert decode(stopped()) == Status(Presence.STOPPED)
    assert decode(last_will(Origin("hq", "door-1"))[1]) == Status(Presence.OFFLINE)


def test_words_of_a_later_terminal_are_ignored() -> None:
    assert decode(json.dumps({**json.loads(online(SAID)), "mood": "good"}).encode()) == READ


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("v", 2), ("v", True), ("v", 1.0), ("state", "ONLINE"), ("state", None), ("state", ["online"]),
        ("state", {}),
        ("epoch", "E" * 32), ("epoch", None), ("epoch", 5), ("head", -1), ("head", True), ("head", 2**53 + 1),
        ("head", "9"), ("head", 9.0), ("watermark", None), ("alarms", "fork"), ("alarms", None),
        ("alarms", ["fork\n"]), ("alarms", ["\x1b[2J"]), ("alarms", ["a" * 65]), ("alarms", [[]]), ("alarms", [5]),
        ("alarms", ["a"] * (MAX_ALARMS + 1)), ("utc", "yesterday"), ("utc", "2026-02-30T08:00:00.123Z"), ("utc", 5),
    ],
)  # fmt: skip
def test_what_no_terminal_says_is_refused(name: str, value: object) -> None:
    document = json.loads(online(SAID))
    with pytest.raises(RecordError):
        decode(json.dumps({**document, name: value}).encode())
    del document[name]
    with pytest.raises(RecordError):
        decode(json.dumps(document).encode())


def test_a_status_is_bounded() -> None:
    with pytest.raises(RecordError, match="limit"):
        decode(json.dumps({**json.loads(online(SAID)), "note": "x" * MAX_STATUS}).encode())


@given(st.data())
def test_a_corrupt_status_never_crashes(data: st.DataObject) -> None:
    raw = bytearray(online(SAID))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(RecordError):
        decode(bytes(raw))
