"""What a terminal says of itself in its retained status: unsigned, so a claim and a hint, no ground to act on."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta

from edge.domain.protocol.document import convert
from edge.domain.protocol.fields import Epoch, Instant, Whole, whole
from edge.domain.strict_json import is_version, parse_object
from edge.errors import RecordError

MAX_STATUS = 8_192
"""Bytes; ours are under 2 KiB."""
MAX_ALARMS = 32
MAX_COUNTERS = 128
_ALARM = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_FAULTS = dict.fromkeys(("alarms", "alarms.*"), "status: alarms are missing or malformed")
_COUNTER = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class Presence(StrEnum):
    """Whether a terminal is at the broker, by its own word or the broker's."""

    ONLINE = "online"
    STOPPED = "stopped"
    """It said good-bye."""
    OFFLINE = "offline"
    """The broker says so for it: the connection broke."""


@dataclass(frozen=True, slots=True)
class _Word:
    """What every status says."""

    state: Presence


@dataclass(frozen=True, slots=True)
class _Online:
    """What it says besides while its terminal is there."""

    epoch: Epoch
    utc: Instant
    head: Whole
    watermark: Whole
    alarms: Annotated[list[Annotated[str, whole(_ALARM)]], Meta(max_length=MAX_ALARMS)]


@dataclass(frozen=True, slots=True)
class Status:
    """The words of a status that the ledger reads; the others are for people who watch."""

    state: Presence
    epoch: str | None = None
    """Of its journal; this and the following with ONLINE only."""
    head: int = 0
    """The last record's seq."""
    watermark: int = 0
    """The last receipted seq."""
    alarms: tuple[str, ...] = ()
    """Sorted words."""
    utc: str | None = None
    """The terminal's clock."""
    counters: tuple[tuple[str, int], ...] = ()
    """What it counted since its program started, by name; those alone that are whole numbers."""


def decode(raw: bytes) -> Status:
    """Read a status. Raises RecordError for anything that no terminal of this version says."""
    said = parse_object(raw, MAX_STATUS)
    if not is_version(said):
        raise RecordError("status: not version 1")
    state = convert(said, _Word, "status").state
    if state is not Presence.ONLINE:
        return Status(state)
    one = convert(said, _Online, "status", _FAULTS)
    alarms = tuple(sorted(set(one.alarms)))
    return Status(state, one.epoch, one.head, one.watermark, alarms, one.utc, _counters(said))


def _counters(document: dict[str, Any]) -> tuple[tuple[str, int], ...]:
    """Those that can be read: what is shown to people is no reason to take no status of a newer terminal."""
    said = document.get("counters")
    if not isinstance(said, dict):
        return ()
    found = [
        (name, value)
        for name, value in sorted(said.items())
        if _COUNTER.fullmatch(name) and isinstance(value, int) and not isinstance(value, bool) and value >= 0
    ]
    return tuple(found[:MAX_COUNTERS])
