"""That the ledger runs, written down each minute: who asks what is missing must know whether anybody listened."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from edge.central.store import looked
from edge.central.store.findings import Problem, ProblemKind
from edge.central.store.model import now
from edge.central.store.records import Store

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

    def end(self) -> None:
        """It is stopped in order: nobody misses it while another instance serves. Raises LedgerError."""
        with self._store.batch():
            others = self._store.select("SELECT beat FROM services WHERE instance != ?", (self._instance,))
            at = datetime.fromisoformat(now())
            if any(abs(_late(beat, at)) < LATE for (beat,) in others):
                self._store.change("DELETE FROM services WHERE instance = ?", [(self._instance,)])


def faults(store: Store, at: datetime) -> Iterator[Problem]:
    """What keeps the ledger from hearing anything. Nothing for one that never ran: it is fed by files.

    While one instance serves, each other one that does not is named, since the next failure would be a whole one,
    until somebody says that it does not come back.
    """
    beats = sorted(store.select("SELECT instance, beat, unheard FROM services"))
    if not beats:
        return
    dead = [(name, beat) for name, beat, _ in beats if abs(_late(beat, at)) >= LATE]
    alive = [(name, unheard) for name, beat, unheard in beats if abs(_late(beat, at)) < LATE]
    deaf = [(name, since) for name, since in alive if since is not None and _late(since, at) >= LATE]
    if not alive:
        yield Problem(
            None,
            ProblemKind.LEDGER,
            "the ledger was not running, or could write nothing: no record is stored and none is receipted, and "
            "what stands below is of before. Start it (`smartclocker central run`), and see its log and its disk",
            since=max(beat for _, beat in dead),
        )
        return
    if len(deaf) == len(alive):
        yield Problem(
            None,
            ProblemKind.LEDGER,
            "the ledger has no broker: no record is stored and none is receipted, and what stands below is of "
            "before. See the broker, its certificates and the ledger's log",
            since=max(since for _, since in deaf),
        )
    else:
        for name, since in deaf:
            text = (
                f"{_called(name)} has no broker, and another serves: see its certificate, its network and its log"
            )
            yield Problem(None, ProblemKind.LEDGER, text, since=since)
    gone = looked.instances(store)
    for name, beat in dead:
        if gone.get(name) == beat:
            continue
        yield Problem(
            None,
            ProblemKind.LEDGER,
            f"{_called(name)} does not run, or can write nothing, and it was not stopped in order: start it, and "
            f"see its log. Where it is not to come back, `smartclocker central acknowledge DIR ledger "
            f"{name or looked.UNNAMED} --why TEXT`",
            since=beat,
        )


def _called(instance: str) -> str:
    return f"the ledger's instance {instance}" if instance else "the ledger without --instance"


def _late(text: str, at: datetime) -> timedelta:
    return at - datetime.fromisoformat(text)


_PUT = "INSERT OR REPLACE INTO services (instance, beat, unheard) VALUES (?, ?, ?)"
