"""What the authority ordered, as the people file remembers it: taken once, in order, and owed to the journal.

It is the outbox. An order and what it changes are one transaction of the people file. What the journal must say of
it is `owed` in the same transaction, so that a crash between the two files loses neither: it is settled once the
record is durable.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from edge.domain.protocol.record_kinds import Kind, is_instant
from edge.domain.time.evidence import TimeEvidence
from edge.people.schema import PEOPLE

KEPT_IDS = 10_000
"""Settled orders that are remembered; far more than are issued before the oldest of them have expired."""
Saying = tuple[str, Mapping[str, Any]]
"""A record to be made: its kind and its own fields."""
_FORGET = """
DELETE FROM orders WHERE owed IS NULL AND due IS NULL AND id IN (
    SELECT id FROM orders WHERE owed IS NULL AND due IS NULL ORDER BY taken DESC, sequence DESC LIMIT -1 OFFSET ?)
"""
_MARK = """
INSERT INTO marks VALUES (?, ?)
ON CONFLICT (scope) DO UPDATE SET sequence = max(sequence, excluded.sequence)
"""
_TAKE = """
INSERT INTO orders (id, sequence, due, wire, owed, taken)
VALUES (?, ?, ?, ?, ?, (SELECT coalesce(max(taken), 0) + 1 FROM orders))
"""
_KNOW = "INSERT OR IGNORE INTO orders (id, sequence, taken) VALUES (?, 0, ?)"
_COLUMNS = "id, sequence, due, wire, owed"


class Writing(Protocol):
    """How the people file is written."""

    def __call__(self) -> AbstractContextManager[None]:
        """One transaction; joins the one that is open."""


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """An order that was taken and is not settled."""

    id: str
    sequence: int
    due: str | None
    """When it is to be carried out (RFC 3339 UTC with milliseconds and Z); None when it was."""
    wire: bytes | None
    """Its envelope, for what is still to be carried out."""
    owed: tuple[Saying, ...]
    """The records to make, the last one being the result."""


class OrderBook:
    """The orders' part of the people file; belongs to the thread of its `People`. Raises PeopleError."""

    def __init__(self, db: sqlite3.Connection, path: Path, writing: Writing) -> None:
        self._db, self._path, self._writing = db, path, writing

    def known(self, order: str) -> bool:
        """Whether it was taken, whatever became of it."""
        return self._one("SELECT 1 FROM orders WHERE id = ?", order) is not None

    def remembers(self) -> bool:
        """Whether it has forgotten none yet: what it does not know was never taken with this file."""
        with PEOPLE.guard(self._path):
            count = self._db.execute("SELECT count(*) FROM orders").fetchone()[0]
        return int(count) < KEPT_IDS

    def forgets_the_oldest(self) -> bool:
        """Whether what it forgot is older than what it knows: not before this version took something."""
        return self._one("SELECT max(taken) FROM orders WHERE taken > ?", 0) is not None

    def newest(self, scope: str) -> int:
        """The highest sequence number that was taken of one scope; 0 for none."""
        found = self._one("SELECT sequence FROM marks WHERE scope = ?", scope)
        return int(found) if found is not None else 0

    def raise_mark(self, scope: str, sequence: int) -> None:
        """Nothing older of this scope counts from now on."""
        with self._writing():
            self._db.execute(_MARK, (scope, sequence))

    def take(
        self,
        order: str,
        scope: str | None,
        sequence: int,
        *,
        owed: Sequence[Saying],
        due: str | None = None,
        wire: bytes | None = None,
    ) -> None:
        """Remember that it was taken, and what the journal is to say."""
        with self._writing():
            self._db.execute(_TAKE, (order, sequence, due, wire, _dump(owed)))
            if scope is not None:
                self._db.execute(_MARK, (scope, sequence))
            self._db.execute(_FORGET, (KEPT_IDS,))

    def know(self, acts: Iterable[str]) -> None:
        """Remember acts of which the journal tells already; what is too many the next `take` forgets."""
        with self._writing():
            # once, since no index has it
            (last,) = self._db.execute("SELECT coalesce(max(taken), 0) FROM orders").fetchone()
            self._db.executemany(_KNOW, [(act, taken) for taken, act in enumerate(acts, last + 1)])

    def carried_out(self, order: str, owed: Sequence[Saying]) -> None:
        """A kept one was carried out: it is due no more, and this is what the journal is to say."""
        with self._writing():
            row = (_dump(owed), order)
            self._db.execute("UPDATE orders SET due = NULL, wire = NULL, owed = ? WHERE id = ?", row)

    def settled(self, order: str) -> None:
        """The journal says it, durably."""
        with self._writing():
            self._db.execute("UPDATE orders SET owed = NULL WHERE id = ?", (order,))

    def owed(self) -> list[OutboxEntry]:
        """What the journal does not say yet, in the order of the authority. What cannot be read is set aside."""
        return list(self._duties("owed IS NOT NULL"))

    def kept(self) -> list[OutboxEntry]:
        """What is to be carried out at its instant, the earliest first."""
        return sorted(self._duties("due IS NOT NULL"), key=lambda duty: duty.due or "")

    def set_aside(self, order: str) -> None:
        """No record can be made of it, or it cannot be read: it keeps nothing else up, and is not forgotten."""
        with self._writing():
            self._db.execute("INSERT OR REPLACE INTO aside SELECT id, owed FROM orders WHERE id = ?", (order,))
            update = "UPDATE orders SET owed = NULL, due = NULL, wire = NULL WHERE id = ?"
            self._db.execute(update, (order,))

    def aside(self) -> list[str]:
        """The ids of what was set aside."""
        with PEOPLE.guard(self._path):
            return [order for (order,) in self._db.execute("SELECT id FROM aside ORDER BY id")]

    def rotations(self) -> list[tuple[int, bytes, bool]]:
        """(number, envelope, whether the key that it replaces is over) of each rotation, the oldest first."""
        with PEOPLE.guard(self._path):
            rows = self._db.execute("SELECT n, wire, ended FROM authority ORDER BY n").fetchall()
        return [(n, wire, bool(ended)) for n, wire, ended in rows]

    def add_key(self, wire: bytes) -> None:
        """The authority's next key, in the statement that names it."""
        with self._writing():
            self._db.execute("INSERT INTO authority (wire, ended) VALUES (?, 0)", (wire,))

    def end_key(self, number: int) -> None:
        """The key that this rotation replaces does not count any more, whatever the clock says later."""
        with self._writing():
            self._db.execute("UPDATE authority SET ended = 1 WHERE n = ?", (number,))

    def anchor(self) -> TimeEvidence | None:
        """The last remembered moment at which the clock followed a time server."""
        with PEOPLE.guard(self._path):
            row = self._db.execute("SELECT utc, boot_id, boottime_ms FROM anchor").fetchone()
        if row is None or not is_instant(row[0]):
            return None  # there was none, or it was altered: the next certain moment takes its place
        return TimeEvidence(row[0], 0, "UTC", row[1], row[2], synchronised=True)

    def set_anchor(self, time: TimeEvidence) -> None:
        """Remember a moment."""
        with self._writing():
            row = (time.utc, time.boot_id, time.boottime_ms)
            self._db.execute("INSERT OR REPLACE INTO anchor VALUES (1, ?, ?, ?)", row)

    def _duties(self, condition: str) -> Iterator[OutboxEntry]:
        query = f"SELECT {_COLUMNS} FROM orders WHERE {condition} ORDER BY sequence, id"  # noqa: S608 (fixed words)
        with PEOPLE.guard(self._path):
            rows = self._db.execute(query).fetchall()
        for order, sequence, due, wire, owed in rows:
            said = _load(owed)
            if said is None:
                self.set_aside(order)
            else:
                yield OutboxEntry(order, sequence, due, wire, said)

    def _one(self, query: str, word: str | int) -> int | None:
        with PEOPLE.guard(self._path):
            row = self._db.execute(query, (word,)).fetchone()
        return None if row is None else row[0]


def _dump(owed: Sequence[Saying]) -> str:
    return json.dumps([[str(kind), dict(data)] for kind, data in owed], ensure_ascii=False)


def _load(owed: str | None) -> tuple[Saying, ...] | None:
    """What was dumped; None for what was altered."""
    try:
        said = json.loads(owed or "[]")
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, list):
        return None
    pairs = [one for one in said if isinstance(one, list) and len(one) == 2]
    found = tuple(
        (kind, data)
        for kind, data in pairs
        if isinstance(kind, str) and kind in set(Kind) and isinstance(data, dict)
    )
    return found if len(found) == len(said) and (found or owed is None) else None
