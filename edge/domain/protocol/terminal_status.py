"""What a terminal says of itself in its retained status: unsigned, so a claim and a hint, no ground to act on."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from edge.domain.protocol.record_kinds import EPOCH, is_instant
from edge.domain.strict_json import is_version, parse_object
from edge.errors import RecordError

MAX_STATUS = 8_192
"""Bytes; ours are under 2 KiB."""
MAX_ALARMS = 32
MAX_COUNTERS = 128
_ALARM = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_COUNTER = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class Presence(StrEnum):
    """Whether a terminal is at the broker, by its own word or the broker's."""

    ONLINE = "online"
    STOPPED = "stopped"
    """It said good-bye."""
    OFFLINE = "offline"
    """The broker says so for it: the connection broke."""


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
    document = parse_object(raw, MAX_STATUS)
    if not is_version(document):
        raise RecordError("status: not version 1")
    state = document.get("state")
    if not isinstance(state, str) or state not in set(Presence):
        raise RecordError("status: state is missing or malformed")
    if state != Presence.ONLINE:
        return Status(Presence(state))
    epoch, utc = document.get("epoch"), document.get("utc")
    if not isinstance(epoch, str) or EPOCH.fullmatch(epoch) is None:
        raise RecordError("status: epoch is missing or malformed")
    if not isinstance(utc, str) or not is_instant(utc):
        raise RecordError("status: utc is missing or malformed")
    return Status(
        Presence.ONLINE, epoch, _count(document, "head"), _count(document, "watermark"), _alarms(document), utc,
        _counters(document),
    )  # fmt: skip


def _count(document: dict[str, Any], name: str) -> int:
    value = document.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise RecordError(f"status: {name} is missing or malformed")
    return value


def _alarms(document: dict[str, Any]) -> tuple[str, ...]:
    words = document.get("alarms")
    if not isinstance(words, list) or len(words) > MAX_ALARMS:
        raise RecordError("status: alarms are missing or malformed")
    if not all(isinstance(word, str) and _ALARM.fullmatch(word) for word in words):
        raise RecordError("status: alarms are missing or malformed")
    return tuple(sorted(set(words)))


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
