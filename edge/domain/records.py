"""What a record says, as bytes: a CloudEvents 1.0 JSON document, built once and never re-serialised.

The stored bytes are what is signed and what the next record's `prev` hashes. `decode` is for readers: it checks
form before anything acts on a word of it, keeps unknown fields, and accepts kinds that it does not know, since a
ledger may be older than a terminal.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from edge.domain.types import Band, Direction, DirectionSource, Method, TimeEvidence
from edge.errors import RecordError

PAYLOAD_TYPE = "application/cloudevents+json"
"""The DSSE payload type of a record."""
MAX_PAYLOAD = 16_384
"""Bytes; the largest record we write is under 2 KiB."""
GENESIS = "0" * 64
"""`prev` of the first record of an epoch."""
_MAX_INTEGER = 2**53
"""RFC 8785 and every JavaScript reader lose integers beyond it."""

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
"""A site or terminal: safe as a topic level, a file name and a certificate's common name."""
PERSON = re.compile(r"[a-z2-7]{26}")
"""An opaque person id: 128 random bits in base32."""
EPOCH = re.compile(r"[0-9a-f]{32}")
_HASH = re.compile(r"[0-9a-f]{64}")
_KIND = re.compile(r"[a-z][a-z-]{0,31}")
_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class Kind(StrEnum):
    """The kinds of record that this version writes; docs/protocol.md describes each."""

    PUNCH = "punch"
    SUPPRESSED = "suppressed"
    CORRECTION = "correction"
    ENROLLED = "enrolled"
    CONSENT = "consent"
    ERASED = "erased"
    RESTRICTED = "restricted"
    BOOT = "boot"
    CLOCK_STEP = "clock-step"
    GAP = "gap"
    TAMPER = "tamper"
    COMMAND_RESULT = "command-result"


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
    payload = json.dumps(event, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
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
    word = re.fullmatch(r"smartclocker\.([a-z-]+)\.v1", kind) if isinstance(kind, str) else None
    if word is None:
        raise RecordError("type is not smartclocker.<kind>.v1")
    position = Position(
        _text(data.get("epoch"), EPOCH, "epoch"),
        _integer(data.get("seq"), "seq", 1),
        _text(data.get("prev"), _HASH, "prev"),
    )
    evidence = _time(data.get("time"))
    _expect(event.get("time") == evidence.utc, "time differs from data.time.utc")
    rest = {key: value for key, value in data.items() if key not in {"epoch", "seq", "prev", "time"}}
    record = Record(origin, position, _text(word[1], _KIND, "kind"), rest, evidence)
    _expect(event.get("id") == record.id, "id does not match source, epoch and seq")
    for name, check in _FIELDS.get(record.kind, {}).items():
        _expect(name in rest and check(rest[name]), f"{record.kind}.{name} is missing or malformed")
    return record


def parse_object(raw: bytes, limit: int) -> dict[str, Any]:
    """A JSON object without duplicate keys, non-finite numbers or integers beyond 2^53. Raises RecordError."""
    if len(raw) > limit:
        raise RecordError(f"{len(raw)} bytes, more than the limit of {limit}")
    try:
        value = json.loads(
            raw, object_pairs_hook=_no_duplicates, parse_constant=_no_constant, parse_int=_small_integer
        )
    except RecordError:
        raise
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise RecordError("not a JSON document") from error
    if not isinstance(value, dict):
        raise RecordError("not a JSON object")
    return value


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    _expect(len(out) == len(pairs), "a key appears twice")
    return out


def _no_constant(word: str) -> None:
    raise RecordError(f"{word} is not JSON")


def _small_integer(digits: str) -> int:
    _expect(len(digits) <= 17, "an integer beyond 2^53")
    value = int(digits)
    _expect(abs(value) <= _MAX_INTEGER, "an integer beyond 2^53")
    return value


def _expect(held: bool, message: str) -> None:
    if not held:
        raise RecordError(message)


def _text(value: object, pattern: re.Pattern[str], name: str) -> str:
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise RecordError(f"{name} is missing or malformed")
    return value


def _integer(value: object, name: str, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise RecordError(f"{name} is missing or malformed")
    return value


def _time(value: object) -> TimeEvidence:
    if not isinstance(value, dict):
        raise RecordError("time is not an object")
    zone, boot, synchronised = value.get("zone"), value.get("boot_id"), value.get("synchronised")
    if not isinstance(zone, str) or not isinstance(boot, str) or not isinstance(synchronised, bool):
        raise RecordError("time.zone, time.boot_id or time.synchronised is missing or malformed")
    return TimeEvidence(
        utc=_text(value.get("utc"), _UTC, "time.utc"),
        offset_minutes=_integer(value.get("offset_minutes"), "time.offset_minutes", -24 * 60),
        zone=zone,
        boot_id=boot,
        boottime_ms=_integer(value.get("boottime_ms"), "time.boottime_ms", 0),
        synchronised=synchronised,
    )


def _one_of(words: type[StrEnum]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and value in set(words)


def _is_person(value: object) -> bool:
    return isinstance(value, str) and PERSON.fullmatch(value) is not None


def _is_words(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)


def _is_word(value: object) -> bool:
    return isinstance(value, str) and value != ""


_PUNCH: dict[str, Callable[[object], bool]] = {
    "person": _is_person,
    "direction": _one_of(Direction),
    "direction_source": _one_of(DirectionSource),
    "method": _one_of(Method),
    "quality": _one_of(Band),
    "liveness": _one_of(Band),
    "models": _is_words,
}
_FIELDS: dict[str, dict[str, Callable[[object], bool]]] = {
    Kind.PUNCH: _PUNCH,
    Kind.SUPPRESSED: {**_PUNCH, "duplicate_of": lambda value: isinstance(value, int) and value >= 1},
    Kind.ENROLLED: {"person": _is_person, "models": _is_words, "templates": lambda value: isinstance(value, int)},
    Kind.CONSENT: {
        "person": _is_person,
        "state": lambda value: value in {"given", "withdrawn"},
        "policy_version": _is_word,
        "policy_sha256": lambda value: isinstance(value, str) and _HASH.fullmatch(value) is not None,
    },
    Kind.BOOT: {"version": _is_word, "models": _is_words},
}
"""What each kind must carry; docs/protocol.md and its JSON Schemas say the same in their own words."""
