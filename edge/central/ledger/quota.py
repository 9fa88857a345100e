"""Limits how many bytes of one terminal are stored in a day. Records beyond the limit are put off; none is lost.

A record that is put off gets no receipt, so its terminal keeps it and sends it again; it is stored the next day
(UTC). `central gaps` names the terminal. A terminal of a few hundred people needs about a hundredth of the limit.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from edge.central.store.findings import Problem, ProblemKind
from edge.central.store.model import RegisteredTerminal, StoredRecord, now
from edge.central.store.records import Store
from edge.domain.time.instant import utc_text

DAILY = 256_000_000
"""Bytes as `Quota.take` counts them; about 300,000 punches."""
_ROW = 250
"""About how many bytes a record takes in tables and indexes beside its payload and signature."""
_SAID_FOR = timedelta(hours=24)


class Quota:
    """The use of the quota in one batch, inside its transaction."""

    def __init__(self, store: Store, daily: int) -> None:
        self._store, self._daily = store, daily
        self._day = now()[:10]
        self._taken: dict[int, int] = {}
        self._put_off: dict[int, int] = {}
        self._changed: set[int] = set()

    def admits(self, terminal: int) -> bool:
        """Whether one more record of this terminal may be stored today. Counts a record that may not be stored.

        Raises LedgerError.
        """
        if terminal not in self._taken:
            rows = list(self._store.select(_GET, (terminal, self._day)))
            self._taken[terminal], self._put_off[terminal] = rows[0] if rows else (0, 0)
        if self._taken[terminal] < self._daily:
            return True
        self._put_off[terminal] += 1
        self._changed.add(terminal)
        return False

    def take(self, terminal: int, entry: StoredRecord) -> None:
        """Counts a stored record of this terminal. Call `admits` first."""
        self._taken[terminal] += len(entry.payload) + len(entry.signature) + _ROW
        self._changed.add(terminal)

    def flush(self) -> None:
        """Writes the counts. Raises LedgerError."""
        rows = [(one, self._day, self._taken[one], self._put_off[one], now()) for one in sorted(self._changed)]
        if rows:
            self._store.change(_PUT, rows)


def found(store: Store, at: datetime) -> Iterator[Problem]:
    """A problem for each terminal that is not revoked and had records put off in the last 24 hours.

    Raises LedgerError.
    """
    oldest = utc_text(at - _SAID_FOR)
    terminals: dict[int, RegisteredTerminal] = {one.id: one for one in store.terminals()}
    for number, day, taken in store.select(_PUT_OFF, (oldest,)):
        terminal = terminals[number]
        if terminal.revoked is None:
            yield Problem(
                terminal.origin,
                ProblemKind.QUOTA,
                f"sent {taken // 1_000_000} MB of new records on {day} (UTC), the most that is stored in a day; "
                "the rest is put off and stays on the terminal. Find out what it sends: revoke its identity if "
                "somebody else uses it, or allow more (`central run --daily-mb`)",
            )


_GET = "SELECT bytes, put_off FROM intake WHERE terminal = ? AND day = ?"
_PUT = "INSERT OR REPLACE INTO intake (terminal, day, bytes, put_off, at) VALUES (?, ?, ?, ?, ?)"
_PUT_OFF = "SELECT terminal, day, bytes FROM intake WHERE put_off > 0 AND at >= ? ORDER BY day, terminal"
