"""A record as bytes: a CloudEvents 1.0 JSON document, which is built once and never serialised again.

The stored bytes are signed, and the next record's `prev` is their hash. `decode` is for readers: it checks the form
before anything acts on a field. It keeps unknown fields and accepts unknown kinds, because a ledger may be older
than a terminal.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from edge.domain.protocol.document import first_fault, fits
from edge.domain.protocol.fields import NAME, UTC, Count, Epoch, Hash, Instant, Name, Whole, Word, whole
from edge.domain.protocol.record_kinds import OPTIONAL, SHAPES, Kind
from edge.domain.strict_json import dump, parse_object
from edge.domain.time.evidence import TimeEvidence
from edge.errors import RecordError

PAYLOAD_TYPE = "application/cloudevents+json"
"""The DSSE payload type of a record."""
MAX_PAYLOAD = 16_384
"""Bytes; the largest record that a terminal writes is under 2 KiB."""
GENESIS = "0" * 64
"""`prev` of the first record of an epoch."""

T = TypeVar("T")
_KIND = re.compile(r"[a-z][a-z-]{0,31}")
_TYPE = re.compile(r"smartclocker\.[a-z-]+\.v1")
_DAY = 24 * 60 - 1
"""Minutes; RFC 3339 offsets stay below 24 hours."""
_PLACE = frozenset({"epoch", "seq", "prev", "time"})
"""Names in `data` for the place and time of a record; no kind has fields with these names."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The terminal that a document is from."""

    site: Name
    terminal: Name


@dataclass(frozen=True, slots=True)
class Position:
    """A record's place in the chain."""

    epoch: str
    """32 hex digits, drawn at random when the journal is created."""
    seq: int
    """Number of the record, from 1, without gaps within an epoch."""
    prev: str
    """sha256 (hex) of the previous record's payload bytes; GENESIS for the first."""


_Utc = Annotated[str, whole(UTC)]


class _Time(Struct, frozen=True):
    synchronised: bool
    utc: Instant
    offset_minutes: Annotated[int, Meta(ge=-_DAY, le=_DAY)]
    zone: Word
    boot_id: Word
    boottime_ms: Whole


class _Data(Struct, frozen=True):
    epoch: Epoch
    seq: Count
    prev: Hash
    time: _Time


class _Event(Struct, frozen=True):
    """The fields of a record of any kind, in the order in which an error names the first that is wrong."""

    specversion: Literal["1.0"]
    source: str
    type: Annotated[str, whole(_TYPE)]
    data: _Data
    time: Any = None
    id: Any = None


_FAULTS = {
    "specversion": "specversion is not 1.0",
    "data": "data is not an object",
    "source": "source is not smartclocker/v1/<site>/<terminal>",
    "type": "type is not smartclocker.<kind>.v1",
    "time": "time is not an object",
}


@dataclass(frozen=True, slots=True)
class Draft:
    """A record before it has its place in the chain."""

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
    """A `Kind`, or a name that a newer terminal knows."""
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
    if not _PLACE.isdisjoint(draft.data):
        raise RecordError("the draft's data names its own place or time")
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
    decode(payload)  # the writer is held to the reader's rules, so that every reader can read what is signed
    return payload


def decode(payload: bytes) -> Record:
    """Read a payload. Raises RecordError, which names the field, for anything that is not a well-formed record."""
    said = parse_object(payload, MAX_PAYLOAD)
    event = _typed(said, _Event, "")
    parts = event.source.split("/")
    if len(parts) != 4 or parts[:2] != ["smartclocker", "v1"]:
        raise RecordError(_FAULTS["source"])
    kind = event.type[len("smartclocker.") : -len(".v1")]
    for name, text, form in (("site", parts[2], NAME), ("terminal", parts[3], NAME), ("kind", kind, _KIND)):
        if form.fullmatch(text) is None:
            raise RecordError(f"{name} is missing or malformed")
    data, time = event.data, event.data.time
    evidence = TimeEvidence(
        time.utc, time.offset_minutes, time.zone, time.boot_id, time.boottime_ms, time.synchronised
    )
    if event.time != time.utc:
        raise RecordError("time differs from data.time.utc")
    rest = {key: value for key, value in said["data"].items() if key not in _PLACE}
    record = Record(Origin(parts[2], parts[3]), Position(data.epoch, data.seq, data.prev), kind, rest, evidence)
    if event.id != record.id:
        raise RecordError("id does not match source, epoch and seq")
    shape = SHAPES.get(kind)
    if shape is not None:
        _typed(rest, shape, f"{kind}.")
    return record


def _typed(said: Mapping[str, Any], kind: type[T], of: str) -> T:
    """Check a value against a type. Raises RecordError, which names the first field that is missing or
    malformed.
    """
    try:
        return msgspec.convert(said, kind)
    except msgspec.ValidationError as error:
        place = first_fault(said, kind).removeprefix("data.").partition(".*")[0]
        if place == "time.utc" and fits(said["data"]["time"].get("utc"), _Utc):
            raise RecordError("time.utc is not a date and time of day") from error
        required = place not in OPTIONAL.get(of.removesuffix("."), {})
        wrong = _FAULTS.get(f"{of}{place}") or f"{of}{place} is {'missing or ' if required else ''}malformed"
        raise RecordError(wrong) from error
