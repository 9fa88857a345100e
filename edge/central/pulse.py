"""That the ledger runs, written down each minute: who asks what is missing must know whether anybody listened."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from edge.central.findings import Finding, Kind
from edge.central.rows import now
from edge.central.store import Store

BEAT_NS = 60_000_000_000
LATE = timedelta(minutes=3)
"""A ledger of which nothing was written for so long does not run, or cannot write. A beat so far ahead was
written by a clock that was set back since: a ledger that runs replaces it within a minute."""


class Pulse:
    """Of one instance, on its thread."""

    def __init__(self, store: Store, instance: str | None) -> None:
        self._store, self._instance = store, instance or ""
        self._beat_ns: int | None = None
        self._unheard: str | None = now()
        """Since when there is no broker."""

    def beat(self, now_ns: int, *, connected: bool) -> None:
        """Write it when it is due, and when the broker came or went. Raises LedgerError."""
        changed = connected == (self._unheard is not None)
        if connected:
            self._unheard = None
        elif changed:
            self._unheard = now()
        if self._beat_ns is None or changed or now_ns - self._beat_ns >= BEAT_NS:
            with self._store.batch():
                self._store.change(_PUT, [(self._instance, now(), self._unheard)])
            self._beat_ns = now_ns


def faults(store: Store, at: datetime) -> Iterator[Finding]:
    """What keeps the ledger from hearing anything. Nothing for one that never ran: it is fed by files."""
    beats = list(store.select("SELECT beat, unheard FROM services"))
    if not beats:
        return
    last = max(beat for beat, _ in beats)
    alive = [unheard for beat, unheard in beats if abs(_late(beat, at)) < LATE]
    if not alive:
        yield Finding(
            None,
            Kind.LEDGER,
            "the ledger was not running, or could write nothing: no record is stored and none is receipted, and "
            "what stands below is of before. Start it (`smartclocker central run`), and see its log and its disk",
            since=last,
        )
    elif all(unheard is not None and _late(unheard, at) >= LATE for unheard in alive):
        yield Finding(
            None,
            Kind.LEDGER,
            "the ledger has no broker: no record is stored and none is receipted, and what stands below is of "
            "before. See the broker, its certificates and the ledger's log",
            since=max(alive),
        )


def _late(text: str, at: datetime) -> timedelta:
    return at - datetime.fromisoformat(text)


_PUT = "INSERT OR REPLACE INTO services (instance, beat, unheard) VALUES (?, ?, ?)"
