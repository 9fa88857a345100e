"""The retained status of a terminal: information for whoever watches the fleet, unsigned, never about a person."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge import __version__
from edge.domain.protocol import topics
from edge.domain.protocol.record import Origin


@dataclass(frozen=True, slots=True)
class Online:
    """What a connected terminal says of itself."""

    epoch: str
    head: int
    """The last record's seq."""
    watermark: int
    """The last receipted seq."""
    refused: bool
    """Whether the broker refuses our records."""
    alarms: Sequence[str]
    counters: Mapping[str, int | float | str | bool]
    utc: str


def last_will(origin: Origin) -> tuple[str, bytes]:
    """Topic and payload of what the broker says, retained, when the terminal vanishes."""
    return topics.status(origin), _encode({"v": 1, "state": "offline"})


def stopped() -> bytes:
    """The payload of a clean stop, retained."""
    return _encode({"v": 1, "state": "stopped"})


def online(now: Online) -> bytes:
    """The payload while connected, retained."""
    return _encode(
        {
            "v": 1,
            "state": "online",
            "version": __version__,
            "epoch": now.epoch,
            "head": now.head,
            "watermark": now.watermark,
            "pending": now.head - now.watermark,
            "uplink": "refused" if now.refused else "ok",
            "alarms": sorted(set(now.alarms)),
            "counters": dict(now.counters),
            "utc": now.utc,
        }
    )


def _encode(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
