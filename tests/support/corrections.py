"""Punches and their corrections, as records that a reader has."""

from edge.domain.protocol.record import Draft, Origin, Position, Record, decode, encode
from edge.domain.protocol.record_kinds import Kind
from tests.support.clock import evidence
from tests.support.people import ANN
from tests.support.records import punch_data

DOOR, OFFICE = Origin("hq", "door-1"), Origin("hq", "office")
EPOCH = "e" * 32
IN_AT, OUT_AT, LATER = "2026-03-02T07:58:00.000Z", "2026-03-02T16:00:00.000Z", "2026-03-02T17:30:00.000Z"


def record(seq: int, kind: Kind, data: dict, utc: str = IN_AT, origin: Origin = DOOR, epoch: str = EPOCH) -> Record:
    """A record as a reader gets it: through the writer's and the reader's rules."""
    return decode(encode(origin, Position(epoch, seq, "0" * 64), Draft(kind, data, evidence(utc=utc))))


def punch(seq: int, utc: str = IN_AT, direction: str = "in", person: str = ANN, **place) -> Record:
    return record(seq, Kind.PUNCH, punch_data(person, direction), utc, **place)


def fields(change: str, corrects: Record | str | None = None, **other) -> dict:
    return {
        "person": ANN,
        "change": change,
        "corrects": corrects.id if isinstance(corrects, Record) else corrects,
        "direction": None,
        "at": None,
        "reason": "other",
        "worker": "asked",
        "employer": "agrees",
        **other,
    }


def correction(seq: int, change: str, corrects: Record | str | None = None, *, utc: str = LATER, **other) -> Record:
    place = {name: other.pop(name) for name in ("origin", "epoch") if name in other}
    return record(seq, Kind.CORRECTION, fields(change, corrects, **other), utc, **place)
