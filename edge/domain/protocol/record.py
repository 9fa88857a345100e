"""What a record says, as bytes: a CloudEvents 1.0 JSON document, built once and never re-serialised.

The stored bytes are what is signed and what the next record's `prev` hashes. `decode` is for readers: it checks
form before anything acts on a word of it, keeps unknown fields, and accepts kinds that it does not know, since a
ledger may be older than a terminal.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge.domain.protocol.record_kinds import EPOCH, FIELDS, HASH, OPTIONAL, UTC, WORD, Kind, is_instant
from edge.domain.strict_json import MAX_INTEGER, dump, parse_object
from edge.domain.time.evidence import TimeEvidence
from edge.errors import RecordError

PAYLOAD_TYPE = "application/cloudevents+json"
"""The DSSE payload type of a record."""
MAX_PAYLOAD = 16_384
"""Bytes; the largest record we write is under 2 KiB."""
GENESIS = "0" * 64
"""`prev` of the first record of an epoch."""

NAME = re.compile(r"(?!roster\Z)[a-z0-9][a-z0-9-]{0,31}")
"""A site or terminal: safe as a topic level, a file name and a certificate's common name. `roster` is a topic level
of its own."""
_KIND = re.compile(r"[a-z][a-z-]{0,31}")
_TYPE = re.compile(r"smartclocker\.([a-z-]+)\.v1")
_DAY = 24 * 60 - 1
"""Minutes; RFC 3339 offsets stay below 24 hours."""
_PLACE = frozenset({"epoch", "seq", "prev", "time"})
"""Names in `data` that say where and when; no kind has fields of these names."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Which terminal speaks."""

    site: str
    terminal: str


@dataclass(frozen=True, slots=True)
class Position:
    """A record's place in the chain."""

    epoch: str
    """32 hex digits, random at journal creation."""
    seq: int
    """From 1, without gaps within an epoch."""
    prev: str
    """sha256 (hex) of the previous record's payload bytes; GENESIS for the first."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A record before it has its place: what the deciding thread knows."""

    kind: Kind
    data: Mapping[str, Any]
    """The kind's own fields (JSON values)."""
    time: TimeEvidence


@dataclass(frozen=True, slots=True)
class Record:
    """A decoded record."""

    origin: Origin
    position: Position
    kind: str
    """A `Kind`, or a word that a newer terminal knows."""
    data: Mapping[str, Any]
    """The kind's own fields, without place and time."""
    time: TimeEvidence

    @property
    def id(self) -> str:
        """The CloudEvents id: `<terminal>/<epoch>/<seq>`."""
        return f"{self.origin.terminal}/{self.position.epoch}/{self.position.seq}"


def payload_hash(payload: bytes) -> str:
    """sha256 of the payload bytes, in hex: the value of the next record's `prev`, and a receipt's `head`."""
    return hashlib.sha256(payload).hexdigest()


def encode(origin: Origin, position: Position, draft: Draft) -> bytes:
    """Build the payload of a record. Raises RecordError when the draft breaks the contract of its kind."""
    _expect(_PLACE.isdisjoint(draft.data), "the draft's data names its own place or time")
    data = {
        "epoch": position.epoch,
        "seq": position.seq,
        "prev": position.prev,
        **draft.data,
        "time": {
            "utc": draft.time.utc,
            "offset_minutes": draft.time.offset_minutes,
            "zone": draft.time.zone,
            "boot_id": draft.time.boot_id,
            "boottime_ms": draft.time.boottime_ms,
            "synchronised": draft.time.synchronised,
        },
    }
    event = {
        "specversion": "1.0",
        "id": f"{origin.terminal}/{position.epoch}/{position.seq}",
        "source": f"smartclocker/v1/{origin.site}/{origin.terminal}",
        "type": f"smartclocker.{draft.kind}.v1",
        "time": draft.time.utc,
        "datacontenttype": "application/json",
        "data": data,
    }
    payload = dump(event)
    decode(payload)  # the writer is held to the reader's rules: what we sign, everyone can read
    return payload


def decode(payload: bytes) -> Record:
    """Read a payload. Raises RecordError, naming the field, for anything that is not a well-formed record."""
    event = parse_object(payload, MAX_PAYLOAD)
    _expect(event.get("specversion") == "1.0", "specversion is not 1.0")
    data = event.get("data")
    if not isinstance(data, dict):
        raise RecordError("data is not an object")
    source, kind = event.get("source"), event.get("type")
    parts = source.split("/") if isinstance(source, str) else []
    _expect(
        len(parts) == 4 and parts[:2] == ["smartclocker", "v1"], "source is not smartclocker/v1/<site>/<terminal>"
    )
    origin = Origin(_text(parts[2], NAME, "site"), _text(parts[3], NAME, "terminal"))
    word = _TYPE.fullmatch(kind) if isinstance(kind, str) else None
    if word is None:
        raise RecordError("type is not smartclocker.<kind>.v1")
    position = Position(
        _text(data.get("epoch"), EPOCH, "epoch"),
        _integer(data.get("seq"), "seq", 1, MAX_INTEGER),
        _text(data.get("prev"), HASH, "prev"),
    )
    evidence = _time(data.get("time"))
    _expect(event.get("time") == evidence.utc, "time differs from data.time.utc")
    rest = {key: value for key, value in data.items() if key not in _PLACE}
    record = Record(origin, position, _text(word[1], _KIND, "kind"), rest, evidence)
    _expect(event.get("id") == record.id, "id does not match source, epoch and seq")
    for name, check in FIELDS.get(record.kind, {}).items():
        if name not in rest or not check(rest[name]):
            raise RecordError(f"{record.kind}.{name} is missing or malformed")
    for name, check in OPTIONAL.get(record.kind, {}).items():
        if name in rest and not check(rest[name]):
            raise RecordError(f"{record.kind}.{name} is malformed")
    return record


def _expect(held: bool, message: str) -> None:
    if not held:
        raise RecordError(message)


def _text(value: object, pattern: re.Pattern[str], name: str) -> str:
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise RecordError(f"{name} is missing or malformed")
    return value


def _integer(value: object, name: str, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise RecordError(f"{name} is missing or malformed")
    return value


def _time(value: object) -> TimeEvidence:
    if not isinstance(value, dict):
        raise RecordError("time is not an object")
    synchronised = value.get("synchronised")
    if not isinstance(synchronised, bool):
        raise RecordError("time.synchronised is missing or malformed")
    utc = _text(value.get("utc"), UTC, "time.utc")
    if not is_instant(utc):
        raise RecordError("time.utc is no date or time of day")
    return TimeEvidence(
        utc=utc,
        offset_minutes=_integer(value.get("offset_minutes"), "time.offset_minutes", -_DAY, _DAY),
        zone=_text(value.get("zone"), WORD, "time.zone"),
        boot_id=_text(value.get("boot_id"), WORD, "time.boot_id"),
        boottime_ms=_integer(value.get("boottime_ms"), "time.boottime_ms", 0, MAX_INTEGER),
        synchronised=synchronised,
    )
