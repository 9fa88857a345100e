"""The retained status of a terminal: unsigned information for people who watch the terminals, never about a person.

It is sent after connecting, on a change, each minute, and to ask the ledger for a receipt.
"""

import contextlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from edge import __version__
from edge.domain.protocol import topics
from edge.domain.protocol.record import Origin
from edge.errors import JournalError
from edge.journal.journal import Journal
from edge.ports import Clock, Uplink
from edge.terminal.runtime.alarms import Alarms
from edge.terminal.runtime.status_source import StatusSource
from edge.terminal.uplink.counters import Counters
from edge.terminal.uplink.send_window import Delivery

STATUS_EVERY_S = 60.0
TOKEN = 0
"""The token of every status; records have other tokens."""
_SECOND = 1_000_000_000
_LOOK_NS = _SECOND // 10
"""Interval at which the sources are read, because the loop turns far more often under load."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Online:
    """The status of a connected terminal."""

    epoch: str
    head: int
    """Number of the last record."""
    watermark: int
    """Number of the last receipted record."""
    refused: bool
    """Whether the broker refuses our records."""
    alarms: Sequence[str]
    counters: Mapping[str, int | float | str | bool]
    utc: str


def last_will(origin: Origin) -> tuple[str, bytes]:
    """Topic and payload that the broker publishes, retained, when the terminal vanishes."""
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


class StatusReporter:
    """Sends the status; used on the publisher's thread, while it is connected."""

    def __init__(
        self,
        uplink: Uplink,
        origin: Origin,
        clock: Clock,
        alarms: Alarms,
        sources: StatusSource,
    ) -> None:
        """`sources` adds the alarms and counters of the rest of the program to the publisher's."""
        self._uplink, self._topic, self._clock = uplink, topics.status(origin), clock
        self._alarms, self._sources = alarms, sources
        self._due_at = self._look_at = 0
        self._told: tuple[bool, frozenset[str]] | None = None
        self._alarms_told: list[str] = []
        self._refused = False

    def forget(self) -> None:
        """Forget what was sent, because after a new connection nobody may have received it."""
        self._told = None

    def tell(self, journal: Journal, delivery: Delivery, counters: Counters) -> None:
        """Send the status if it is due. Raises JournalError."""
        now = self._clock.monotonic_ns()
        ours, asked = (delivery.refused is not None, self._alarms.words), delivery.asks(now)
        if ours == self._told and not asked and now < self._look_at:
            return
        self._look_at = now + _LOOK_NS
        alarms = sorted({*self._alarms.words, *self._sources.alarms})
        if ours == self._told and not asked and alarms == self._alarms_told and now < self._due_at:
            return
        if self._online(journal, delivery, counters, alarms):
            self._due_at = now + round(STATUS_EVERY_S * _SECOND)
            self._told, self._alarms_told = ours, alarms

    def _online(self, journal: Journal, delivery: Delivery, counters: Counters, alarms: list[str]) -> bool:
        stats = journal.stats()
        document = Online(
            epoch=journal.epoch,
            head=stats.head,
            watermark=stats.watermark,
            refused=delivery.refused is not None,
            alarms=alarms,
            counters={**asdict(counters), **self._sources.counters()},
            utc=self._clock.evidence().utc,
        )
        return self._uplink.publish(self._topic, online(document), token=TOKEN, retain=True)

    def goodbye(self, journal: Journal, delivery: Delivery, counters: Counters) -> None:
        """Send a last status, so that the centre knows which records it lacks meanwhile, and then that we stop."""
        with contextlib.suppress(JournalError):
            self._online(journal, delivery, counters, self._alarms_told)
        self._uplink.publish(self._topic, stopped(), token=TOKEN, retain=True)

    def acknowledged(self, refused: str | None) -> None:
        """Take the broker's answer to a status; `refused` is the reason code of a failure."""
        if refused is not None and not self._refused:
            _log.warning(
                "the broker refuses our status (%s); let its ACL allow the user of our certificate to write %s",
                refused,
                self._topic,
            )
        self._refused = refused is not None
