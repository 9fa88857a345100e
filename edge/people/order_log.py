"""The orders of the authority in the people file: each is taken once, in order, and kept until it is due."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.domain.protocol.record_draft import RecordDraft
from edge.domain.time.evidence import TimeEvidence
from edge.domain.time.instant import is_instant
from edge.people import outbox
from edge.people.outbox import Outbox
from edge.people.people_file import Writing
from edge.people.schema import PEOPLE

_MARK = """
INSERT INTO marks VALUES (?, ?)
ON CONFLICT (scope) DO UPDATE SET sequence = max(sequence, excluded.sequence)
"""
_KNOW = "INSERT OR IGNORE INTO orders (id, sequence, taken) VALUES (?, 0, ?)"


@dataclass(frozen=True, slots=True)
class KeptOrder:
    """An order that was taken and is still to be carried out."""

    id: str
    due: str
    """When it is to be carried out (RFC 3339 UTC with milliseconds and Z)."""
    wire: bytes
    """The order's envelope, as it arrived."""


class OrderBook:
    """The orders in the people file, on the thread of its `People`. Every method raises PeopleError."""

    def __init__(self, db: sqlite3.Connection, path: Path, writing: Writing, pending: Outbox) -> None:
        """`pending` is the outbox of the same file."""
        self._db, self._path, self._writing, self._outbox = db, path, writing, pending

    def known(self, order: str) -> bool:
        """Whether this order was taken, with any outcome."""
        return self._one("SELECT 1 FROM orders WHERE id = ?", order) is not None

    def remembers(self) -> bool:
        """Whether no order was forgotten yet. Then an order that is not known was never taken with this file."""
        with PEOPLE.guard(self._path):
            count = self._db.execute("SELECT count(*) FROM orders").fetchone()[0]
        return int(count) < outbox.KEPT_IDS

    def forgets_the_oldest(self) -> bool:
        """Whether the forgotten orders are older than the known ones: that is so once this version has taken an
        order.
        """
        return self._one("SELECT max(taken) FROM orders WHERE taken > ?", 0) is not None

    def newest(self, scope: str) -> int:
        """The highest sequence number of the orders that were taken for one scope; 0 for none."""
        found = self._one("SELECT sequence FROM marks WHERE scope = ?", scope)
        return int(found) if found is not None else 0

    def raise_mark(self, scope: str, sequence: int) -> None:
        """Note that no order of this scope with a lower sequence number counts any more."""
        with self._writing():
            self._db.execute(_MARK, (scope, sequence))

    def take(
        self,
        order: str,
        scope: str | None,
        sequence: int,
        *,
        records: Sequence[RecordDraft] | None,
        due: str | None = None,
        wire: bytes | None = None,
    ) -> None:
        """Remember that an order was taken, with the records for the journal.

        `due` and `wire` are those of an order that is still to be carried out, as in `KeptOrder`.
        """
        with self._writing():
            self._outbox.insert(order, records, sequence=sequence, due=due, wire=wire)
            if scope is not None:
                self._db.execute(_MARK, (scope, sequence))

    def know(self, acts: Iterable[str]) -> None:
        """Remember acts whose records are in the journal already. The next `take` forgets those that are too
        many.
        """
        with self._writing():
            # read once, because no index has it
            (last,) = self._db.execute("SELECT coalesce(max(taken), 0) FROM orders").fetchone()
            self._db.executemany(_KNOW, [(act, taken) for taken, act in enumerate(acts, last + 1)])

    def carried_out(self, order: str, records: Sequence[RecordDraft] | None) -> None:
        """Note that a kept order was carried out and is no longer due. With None the journal has its records
        already.
        """
        with self._writing():
            self._db.execute("UPDATE orders SET due = NULL, wire = NULL WHERE id = ?", (order,))
            self._outbox.replace(order, records)

    def carried_out_yet(self, order: str) -> bool:
        """Whether an order is kept no more, because it was carried out."""
        return self._one("SELECT 1 FROM orders WHERE due IS NOT NULL AND id = ?", order) is None

    def kept(self) -> list[KeptOrder]:
        """The orders that are still to be carried out, the earliest first."""
        query = "SELECT id, due, wire FROM orders WHERE due IS NOT NULL ORDER BY due, sequence, id"
        with PEOPLE.guard(self._path):
            rows = self._db.execute(query).fetchall()
        return [KeptOrder(order, due, wire or b"") for order, due, wire in rows]

    def rotations(self) -> list[tuple[int, bytes, bool]]:
        """(number, envelope, whether the replaced key has ended) of each rotation, the oldest first."""
        with PEOPLE.guard(self._path):
            rows = self._db.execute("SELECT n, wire, ended FROM authority ORDER BY n").fetchall()
        return [(n, wire, bool(ended)) for n, wire, ended in rows]

    def add_key(self, wire: bytes) -> None:
        """Keep the rotation that names the authority's next key."""
        with self._writing():
            self._db.execute("INSERT INTO authority (wire, ended) VALUES (?, 0)", (wire,))

    def end_key(self, number: int) -> None:
        """Note that the key that this rotation replaces has ended, whatever the clock tells later."""
        with self._writing():
            self._db.execute("UPDATE authority SET ended = 1 WHERE n = ?", (number,))

    def anchor(self) -> TimeEvidence | None:
        """The last noted moment at which the clock followed a time server; None when there is none."""
        with PEOPLE.guard(self._path):
            row = self._db.execute("SELECT utc, boot_id, boottime_ms FROM anchor").fetchone()
        if row is None or not is_instant(row[0]):
            return None  # there was none, or it was altered: the next certain moment replaces it
        return TimeEvidence(row[0], 0, "UTC", row[1], row[2], synchronised=True)

    def set_anchor(self, time: TimeEvidence) -> None:
        """Note a moment at which the clock followed a time server."""
        with self._writing():
            row = (time.utc, time.boot_id, time.boottime_ms)
            self._db.execute("INSERT OR REPLACE INTO anchor VALUES (1, ?, ?, ?)", row)

    def _one(self, query: str, word: str | int) -> int | None:
        with PEOPLE.guard(self._path):
            row = self._db.execute(query, (word,)).fetchone()
        return None if row is None else row[0]
