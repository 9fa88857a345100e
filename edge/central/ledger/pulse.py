"""A heartbeat of the ledger, written each minute, so that `central gaps` can tell whether the ledger was
running.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from edge.central.store import looked
from edge.central.store.findings import Problem, ProblemKind
from edge.central.store.model import now
from edge.central.store.records import Store

BEAT_NS = 60_000_000_000
LATE = timedelta(minutes=3)
"""A ledger without a beat for this long does not run, or cannot write. A beat that is this far in the future was
written before the clock was set back; a running ledger replaces it within a minute.
"""


class Pulse:
    """Writes the heartbeat of one instance, on the thread of its store."""

    def __init__(self, store: Store, instance: str | None) -> None:
        self._store, self._instance = store, instance or ""
        self._beat_ns: int | None = None
        self._unheard: str | None = now()
        """Since when there is no connection to the broker; None while there is one."""

    def beat(self, now_ns: int, *, connected: bool) -> None:
        """Writes a beat each minute, and when the connection to the broker begins or ends. Raises LedgerError."""
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
        """Removes this instance after an orderly stop, if another instance runs. Raises LedgerError.

        The last instance keeps its beat, so that `central gaps` reports that no ledger runs.
        """
        with self._store.batch():
            others = self._store.select("SELECT beat FROM services WHERE instance != ?", (self._instance,))
            at = datetime.fromisoformat(now())
            if any(abs(_late(beat, at)) < LATE for (beat,) in others):
                self._store.change("DELETE FROM services WHERE instance = ?", [(self._instance,)])


def faults(store: Store, at: datetime) -> Iterator[Problem]:
    """The problems that keep the ledger from receiving records.

    A ledger that never ran has none, because it takes its records from files. While one instance runs, every other
    instance that does not run is named, because the next failure would stop all intake. It is named until somebody
    acknowledges that it does not come back.
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
            "the ledger was not running, or could not write: no record is stored or receipted, and the problems "
            "below are from before. Start it (`smartclocker central run`), and check its log and its disk",
            since=max(beat for _, beat in dead),
        )
        return
    if len(deaf) == len(alive):
        yield Problem(
            None,
            ProblemKind.LEDGER,
            "the ledger has no broker: no record is stored or receipted, and the problems below are from before. "
            "Check the broker, its certificates and the ledger's log",
            since=max(since for _, since in deaf),
        )
    else:
        for name, since in deaf:
            text = (
                f"{_called(name)} has no broker, and another serves: check its certificate, its network and its log"
            )
            yield Problem(None, ProblemKind.LEDGER, text, since=since)
    gone = looked.instances(store)
    for name, beat in dead:
        if gone.get(name) == beat:
            continue
        yield Problem(
            None,
            ProblemKind.LEDGER,
            f"{_called(name)} does not run, or cannot write, and it was not stopped in good order: start it, and "
            f"check its log. If it will not come back, `smartclocker central acknowledge DIR ledger "
            f"{name or looked.UNNAMED} --why TEXT`",
            since=beat,
        )


def _called(instance: str) -> str:
    return f"the ledger's instance {instance}" if instance else "the ledger without --instance"


def _late(text: str, at: datetime) -> timedelta:
    return at - datetime.fromisoformat(text)


_PUT = "INSERT OR REPLACE INTO services (instance, beat, unheard) VALUES (?, ?, ?)"
