"""Records: what is written can be read, what is not well-formed is refused by the name of its field."""

import contextlib
import dataclasses
import json
import string
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.protocol.fields import NAME
from edge.domain.protocol.record import GENESIS, MAX_PAYLOAD, Draft, Origin, Position, decode, encode
from edge.domain.protocol.record_kinds import Kind
from edge.domain.time.evidence import TimeEvidence
from edge.domain.vocabulary import Band, Direction, DirectionSource, Method
from edge.errors import RecordError

PLACE = Position("e" * 32, 7, "d" * 64)


def test_every_kind_is_read_as_it_was_written(draft: Draft, origin: Origin) -> None:
    record = decode(encode(origin, PLACE, draft))
    assert (record.origin, record.position, record.kind, record.time) == (origin, PLACE, draft.kind, draft.time)
    assert record.data == draft.data
    assert record.id == f"door-1/{'e' * 32}/7"


def test_the_bytes_are_the_documented_ones(punch: Draft, origin: Origin) -> None:
    """A change of these bytes is a change of the contract."""
    assert encode(origin, Position("e" * 32, 1, GENESIS), punch).decode() == (
        '{"specversion":"1.0","id":"door-1/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee/1","source":"smartclocker/v1/hq/door-1",'
        '"type":"smartclocker.punch.v1","time":"2026-03-01T08:00:00.000Z","datacontenttype":"application/json",'
        '"data":{"epoch":"eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee","seq":1,"prev":"' + GENESIS + '",'
        '"person":"aaaaaaaaaaaaaaaaaaaaaaaaaa","direction":"in","direction_source":"alternated","method":"face",'
        '"quality":"high","liveness":"none","models":["mobilefacenet-1"],'
        '"time":{"utc":"2026-03-01T08:00:00.000Z","offset_minutes":60,"zone":"Europe/Madrid",'
        '"boot_id":"5d1e6a2c-9f3b-4c7d-8e21-aa0b1c2d3e4f","boottime_ms":1234,"synchronised":true}}}'
    )


@pytest.mark.parametrize("name", ["epoch", "seq", "prev", "time"])
def test_a_draft_cannot_choose_its_place(punch: Draft, origin: Origin, name: str) -> None:
    forged = dataclasses.replace(punch, data={**punch.data, name: "0" * 64})
    with pytest.raises(RecordError, match="place or time"):
        encode(origin, PLACE, forged)


def edited(punch: Draft, origin: Origin, edit: Callable[[dict[str, Any]], object]) -> bytes:
    event = json.loads(encode(origin, PLACE, punch))
    edit(event)
    return json.dumps(event).encode()


FIELDS = [
    ("specversion", "0.3"), ("specversion", 1.0), ("id", "door-1/x/7"), ("id", None),
    ("source", "smartclocker/v1/hq"), ("source", "smartclocker/v2/hq/door-1"), ("source", 5),
    ("source", "smartclocker/v1/HQ/door-1"),
    ("source", "smartclocker/v1/hq/roster"), ("source", "smartclocker/v1/hq/door-1\n"), ("type", "punch"),
    ("type", "smartclocker.Punch.v1"), ("type", "smartclocker.punch.v2"), ("type", "smartclocker.-punch.v1"),
    ("type", "smartclocker." + "p" * 40 + ".v1"), ("type", ["smartclocker.punch.v1"]),
    ("time", "2026-03-01T08:00:00.001Z"), ("data", []), ("data", None),
]  # fmt: skip
DATA = [
    ("epoch", "E" * 32), ("epoch", "e" * 31), ("epoch", 1), ("seq", 0), ("seq", -1), ("seq", True), ("seq", 7.0),
    ("seq", "7"), ("seq", 8), ("prev", "D" * 64), ("prev", None), ("person", "A" * 26), ("person", "a" * 25),
    ("person", "a" * 26 + "\n"), ("person", None), ("direction", "up"), ("direction", []), ("direction", {}),
    ("direction_source", "guess"), ("method", "iris"), ("quality", 0.9), ("liveness", None), ("models", "m"),
    ("models", [1]), ("models", [""]), ("models", ["a\nb"]), ("models", ["m"] * 33), ("time", None),
    ("time", "now"),
]  # fmt: skip
TIME = [
    ("utc", "2026-03-01T08:00:00Z"), ("utc", "2026-02-30T08:00:00.000Z"), ("utc", "2026-03-01T25:00:00.000Z"),
    ("utc", "\u0662026-03-01T08:00:00.000Z"), ("utc", "2026-03-01T08:00:00.000+00:00"), ("utc", None),
    ("offset_minutes", 1440), ("offset_minutes", -1440), ("offset_minutes", 60.0), ("offset_minutes", True),
    ("zone", ""), ("zone", None), ("zone", "a\u2028b"), ("zone", "z" * 201), ("boot_id", ""), ("boot_id", 5),
    ("boottime_ms", -1), ("boottime_ms", "1"), ("synchronised", 1), ("synchronised", None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), FIELDS)
def test_a_malformed_event_is_refused(punch: Draft, origin: Origin, name: str, value: object) -> None:
    with pytest.raises(RecordError):
        decode(edited(punch, origin, lambda event: event.update({name: value})))
    with pytest.raises(RecordError):
        decode(edited(punch, origin, lambda event: event.pop(name)))


@pytest.mark.parametrize(("name", "value"), DATA)
def test_malformed_data_is_refused(punch: Draft, origin: Origin, name: str, value: object) -> None:
    with pytest.raises(RecordError, match=name if name != "seq" else "seq|id"):
        decode(edited(punch, origin, lambda event: event["data"].update({name: value})))
    with pytest.raises(RecordError, match=name):
        decode(edited(punch, origin, lambda event: event["data"].pop(name)))


@pytest.mark.parametrize(("name", "value"), TIME)
def test_malformed_time_is_refused(punch: Draft, origin: Origin, name: str, value: object) -> None:
    def edit(event: dict[str, Any]) -> None:
        event["data"]["time"][name] = value
        event["time"] = event["data"]["time"]["utc"]

    with pytest.raises(RecordError, match=r"time\."):
        decode(edited(punch, origin, edit))
    with pytest.raises(RecordError, match=r"time\."):
        decode(edited(punch, origin, lambda event: event["data"]["time"].pop(name)))


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (Kind.SUPPRESSED, "duplicate_of", 0),
        (Kind.SUPPRESSED, "duplicate_of", True),
        (Kind.ENROLLED, "templates", 0),
        (Kind.ENROLLED, "templates", True),
        (Kind.CONSENT, "state", "maybe"),
        (Kind.CONSENT, "state", {}),
        (Kind.CONSENT, "policy_version", ""),
        (Kind.CONSENT, "policy_sha256", "C" * 64),
        (Kind.BOOT, "version", None),
    ],
)
def test_each_kind_has_its_own_rules(
    origin: Origin, time: TimeEvidence, kind: Kind, name: str, value: object, request: pytest.FixtureRequest
) -> None:
    good = {
        Kind.SUPPRESSED: {"duplicate_of": 1, "person": "a" * 26, "direction": "in",
                          "direction_source": "configured",
                          "method": "face", "quality": "low", "liveness": "low", "models": []},
        Kind.ENROLLED: {"person": "a" * 26, "models": [], "templates": 1},
        Kind.CONSENT: {"person": "a" * 26, "state": "given", "policy_version": "1", "policy_sha256": "c" * 64},
        Kind.BOOT: {"version": "1", "models": []},
    }[kind]  # fmt: skip
    encode(origin, PLACE, Draft(kind, good, time))
    with pytest.raises(RecordError, match=f"{kind}.{name}"):
        encode(origin, PLACE, Draft(kind, {**good, name: value}, time))


def test_a_newer_terminals_words_are_kept(punch: Draft, origin: Origin) -> None:
    def newer(event: dict[str, Any]) -> None:
        event["type"] = "smartclocker.overtime.v1"
        event["traceparent"] = "00-x"
        event["data"]["minutes"] = 15

    record = decode(edited(punch, origin, newer))
    assert (record.kind, record.data["minutes"]) == ("overtime", 15)


def test_a_record_is_bounded(punch: Draft, origin: Origin) -> None:
    with pytest.raises(RecordError, match="limit"):
        encode(origin, PLACE, dataclasses.replace(punch, data={**punch.data, "note": "x" * MAX_PAYLOAD}))


@pytest.mark.parametrize("name", ["", "-a", "A", "a" * 33, "a_b", "a/b", "a+", "#", "roster", "\u00e1", "a\n"])
def test_names_that_are_no_topic_level(name: str) -> None:
    assert NAME.fullmatch(name) is None


@pytest.mark.parametrize("name", ["a", "0", "door-1", "roster-2", "rosters", "a" * 32])
def test_names_that_are(name: str) -> None:
    assert NAME.fullmatch(name)


LINES = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=60)
HEX = st.text("0123456789abcdef", min_size=64, max_size=64)
NAMES = st.from_regex(NAME, fullmatch=True)
TIMES = st.builds(
    TimeEvidence,
    utc=st.datetimes().map(lambda when: when.isoformat(timespec="milliseconds") + "Z"),
    offset_minutes=st.integers(-1439, 1439),
    zone=LINES,
    boot_id=LINES,
    boottime_ms=st.integers(0, 2**53),
    synchronised=st.booleans(),
)
PEOPLE = st.text(string.ascii_lowercase + "234567", min_size=26, max_size=26)
PUNCHES = st.fixed_dictionaries(
    {
        "person": PEOPLE,
        "direction": st.sampled_from(Direction),
        "direction_source": st.sampled_from(DirectionSource),
        "method": st.sampled_from(Method),
        "quality": st.sampled_from(Band),
        "liveness": st.sampled_from(Band),
        "models": st.lists(LINES, max_size=5),
    },
    optional={"note": st.text(max_size=100), "n": st.integers(-(2**53), 2**53), "more": st.lists(st.booleans())},
)


@given(
    st.builds(Origin, NAMES, NAMES),
    st.builds(Position, HEX.map(lambda digits: digits[:32]), st.integers(1, 2**53), HEX),
    st.builds(Draft, st.just(Kind.PUNCH), PUNCHES, TIMES),
)
def test_round_trip(origin: Origin, place: Position, draft: Draft) -> None:
    record = decode(encode(origin, place, draft))
    assert (record.origin, record.position, record.time, record.data) == (origin, place, draft.time, draft.data)


@given(st.data())
def test_a_corrupt_record_is_refused_or_read_but_never_crashes(data: st.DataObject) -> None:
    time = TimeEvidence("2026-03-01T08:00:00.000Z", 60, "UTC", "b", 1, True)
    raw = bytearray(encode(Origin("hq", "d"), PLACE, Draft(Kind.BOOT, {"version": "1", "models": []}, time)))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(RecordError):
        decode(bytes(raw))


ANYTHING = st.recursive(
    st.none() | st.integers(-5, 5) | st.text(max_size=5) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)


@given(
    ANYTHING,
    st.sampled_from(["specversion", "id", "source", "type", "time", "data"]),
    st.none() | st.sampled_from(["epoch", "seq", "prev", "person", "direction", "models", "time"]),
)
def test_any_value_anywhere_never_crashes(value: object, outer: str, inner: str | None) -> None:
    time = TimeEvidence("2026-03-01T08:00:00.000Z", 60, "UTC", "b", 1, True)
    event = json.loads(encode(Origin("hq", "d"), PLACE, Draft(Kind.BOOT, {"version": "1", "models": []}, time)))
    if inner is None:
        event[outer] = value
    else:
        event["data"][inner] = value
    with contextlib.suppress(RecordError):
        decode(json.dumps(event).encode())
