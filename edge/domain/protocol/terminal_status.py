"""A terminal's retained status about itself. It is not signed, so it is a claim, and nothing may be decided by it
alone.
"""

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
"""Bytes; a terminal's own are under 2 KiB."""
MAX_ALARMS = 32
MAX_COUNTERS = 128
_ALARM = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_FAULTS = dict.fromkeys(("alarms", "alarms.*"), "status: alarms are missing or malformed")
_COUNTER = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class Presence(StrEnum):
    """Whether a terminal is connected to the broker, as the terminal or the broker states it."""

    ONLINE = "online"
    STOPPED = "stopped"
    """The terminal ended the connection itself."""
    OFFLINE = "offline"
    """The broker published the terminal's last will, because the connection broke."""


@dataclass(frozen=True, slots=True)
class _Word:
    """The field that every status has."""

    state: Presence


@dataclass(frozen=True, slots=True)
class _Online:
    """The further fields of a status while its terminal is connected."""

    epoch: Epoch
    utc: Instant
    head: Whole
    watermark: Whole
    alarms: Annotated[list[Annotated[str, whole(_ALARM)]], Meta(max_length=MAX_ALARMS)]


@dataclass(frozen=True, slots=True)
class Status:
    """The fields of a status that the ledger reads. Other fields are for people who watch the broker."""

    state: Presence
    epoch: str | None = None
    """Epoch of the journal. This field and all below are given with ONLINE only."""
    head: int = 0
    """Number of the last record."""
    watermark: int = 0
    """Number of the last receipted record."""
    alarms: tuple[str, ...] = ()
    """Alarm words, sorted."""
    utc: str | None = None
    """The time by the terminal's clock."""
    counters: tuple[tuple[str, int], ...] = ()
    """The counters since the terminal's program started, by name; only those that are whole numbers."""


def decode(raw: bytes) -> Status:
    """Read a status. Raises RecordError for a document that no terminal of this version sends."""
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
    """The counters that can be read. Others are passed over: a counter is only shown to people, so an unknown form
    of it must not make the whole status of a newer terminal unreadable.
    """
    said = document.get("counters")
    if not isinstance(said, dict):
        return ()
    found = [
        (name, value)
        for name, value in sorted(said.items())
        if _COUNTER.fullmatch(name) and isinstance(value, int) and not isinstance(value, bool) and value >= 0
    ]
    return tuple(found[:MAX_COUNTERS])
