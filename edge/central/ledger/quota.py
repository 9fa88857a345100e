"""How much of the centre's disk one terminal may take in a day: what comes beyond is put off, and nothing is lost.

A record that is put off gets no receipt, so that its terminal keeps it and sends it again; the next day (UTC) it is
stored. Who is put off stands in `central gaps`: a terminal of a few hundred people needs a hundredth of it.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from edge.central.store.findings import Problem, ProblemKind
from edge.central.store.model import RegisteredTerminal, StoredRecord, now
from edge.central.store.records import Store
from edge.domain.time.instant import utc_text

DAILY = 256_000_000
"""Bytes, as they are counted here; some 300,000 punches."""
_ROW = 250
"""What a record takes in the tables and indexes beside its payload and signature, about."""
_SAID_FOR = timedelta(hours=24)


class Quota:
    """Of one batch, in its transaction."""

    def __init__(self, store: Store, daily: int) -> None:
        self._store, self._daily = store, daily
        self._day = now()[:10]
        self._taken: dict[int, int] = {}
        self._put_off: dict[int, int] = {}
        self._changed: set[int] = set()

    def admits(self, terminal: int) -> bool:
        """Whether one more of its records may be stored today; one that may not is counted. Raises LedgerError."""
        if terminal not in self._taken:
            rows = list(self._store.select(_GET, (terminal, self._day)))
            self._taken[terminal], self._put_off[terminal] = rows[0] if rows else (0, 0)
        if self._taken[terminal] < self._daily:
            return True
        self._put_off[terminal] += 1
        self._changed.add(terminal)
        return False

    def take(self, terminal: int, entry: StoredRecord) -> None:
        """One of its records was stored."""
        self._taken[terminal] += len(entry.payload) + len(entry.signature) + _ROW
        self._changed.add(terminal)

    def flush(self) -> None:
        """Write it down. Raises LedgerError."""
        rows = [(one, self._day, self._taken[one], self._put_off[one], now()) for one in sorted(self._changed)]
        if rows:
            self._store.change(_PUT, rows)


def found(store: Store, at: datetime) -> Iterator[Problem]:
    """Terminals of which something was put off within a day, while they may speak. Raises LedgerError."""
    oldest = utc_text(at - _SAID_FOR)
    terminals: dict[int, RegisteredTerminal] = {one.id: one for one in store.terminals()}
    for number, day, taken in store.select(_PUT_OFF, (oldest,)):
        terminal = terminals[number]
        if terminal.revoked is None:
            yield Problem(
                terminal.origin,
                ProblemKind.QUOTA,
                f"sent {taken // 1_000_000} MB of new records on {day} (UTC), as much as is stored in a day; the "
                "rest is put off, and stays on the terminal. See what it sends: revoke its identity if it is not "
                "itself, or allow more (`central run --daily-mb`)",
            )


_GET = "SELECT bytes, put_off FROM intake WHERE terminal = ? AND day = ?"
_PUT = "INSERT OR REPLACE INTO intake (terminal, day, bytes, put_off, at) VALUES (?, ?, ?, ?, ?)"
_PUT_OFF = "SELECT terminal, day, bytes FROM intake WHERE put_off > 0 AND at >= ? ORDER BY day, terminal"
