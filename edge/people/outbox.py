"""The outbox: records of changes in the people file that the journal does not have yet.

An entry is added in the transaction of the change that its records tell of. So a crash between the two files loses
neither: an entry stays until its records are in the journal. The journal knows each entry by its id, so no record
is written twice. `edge.terminal.outbox` moves the records to the journal.
"""

import json
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.domain.protocol.record_draft import RecordDraft
from edge.domain.protocol.record_kinds import Kind
from edge.people.people_file import Writing
from edge.people.schema import PEOPLE

KEPT_IDS = 10_000
"""Ids of finished acts that are remembered: far more than arrive before the oldest orders among them expire."""
_INSERT = """
INSERT INTO orders (id, sequence, due, wire, owed, taken)
VALUES (?, ?, ?, ?, ?, (SELECT coalesce(max(taken), 0) + 1 FROM orders))
"""
_REPLACE = """
UPDATE orders SET owed = ?, taken = (SELECT coalesce(max(taken), 0) + 1 FROM orders) WHERE id = ?
"""
_FORGET = """
DELETE FROM orders WHERE owed IS NULL AND due IS NULL AND id IN (
    SELECT id FROM orders WHERE owed IS NULL AND due IS NULL ORDER BY taken DESC, sequence DESC LIMIT -1 OFFSET ?)
"""


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """The records of one act that are not in the journal yet."""

    id: str
    """The id of the act: an order's own, or a random one."""
    kept: bool
    """Whether it is an order that is still to be carried out. Its result will follow under the order's own id."""
    records: tuple[RecordDraft, ...]
    """At least one; the last of an order is its result."""

    @property
    def by_hand(self) -> bool:
        """Whether somebody acted by hand at this terminal."""
        return any("by" in draft.data for draft in self.records)

    @property
    def persons(self) -> frozenset[str]:
        """Everybody whom the records are about."""
        found = (draft.data.get("person") for draft in self.records)
        return frozenset(person for person in found if isinstance(person, str))

    def people(self, kind: Kind, **fields: str) -> list[str]:
        """The people whom the records of one kind with these values in their fields are about."""
        return [
            draft.data["person"]
            for draft in self.records
            if draft.kind == kind and all(draft.data[name] == value for name, value in fields.items())
        ]


class Outbox:
    """The outbox in the people file, on the thread of its `People`. Every method raises PeopleError."""

    def __init__(self, db: sqlite3.Connection, path: Path, writing: Writing) -> None:
        self._db, self._path, self._writing = db, path, writing

    def add(self, records: Sequence[RecordDraft]) -> str:
        """Add the records of an act that no order asked for, inside the transaction of its change; returns the
        act's new id.
        """
        act = secrets.token_hex(16)
        self.insert(act, records)
        return act

    def insert(
        self,
        act: str,
        records: Sequence[RecordDraft] | None,
        *,
        sequence: int = 0,
        due: str | None = None,
        wire: bytes | None = None,
    ) -> None:
        """Add one act; without records nothing is pending. The other arguments are those of `OrderBook.take`."""
        with self._writing():
            self._db.execute(_INSERT, (act, sequence, due, wire, _dump(records)))
            self._db.execute(_FORGET, (KEPT_IDS,))

    def pending(self) -> list[OutboxEntry]:
        """The entries that the journal does not have yet, in the order in which the people file was changed. An
        unreadable entry is set aside.

        Their records must stand in the journal in this order, because the newest record about a person counts.
        """
        query = (
            "SELECT CAST(id AS BLOB), due, owed FROM orders WHERE owed IS NOT NULL OR due IS NOT NULL "
            "ORDER BY taken, sequence, id"
        )
        with PEOPLE.guard(self._path):
            rows = self._db.execute(query).fetchall()
        found = []
        for raw, due, owed in rows:
            act = self._legible(raw)
            if owed is None:
                continue  # an order that waits for its date
            records = _load(owed)
            if records is None:
                self.set_aside(act)
            else:
                found.append(OutboxEntry(act, due is not None, records))
        return found

    def _legible(self, raw: bytes) -> str:
        """The id of a row. A row whose id was altered to what is no text gets a new one: no statement would find it
        by the text that is read, and it would come again for ever.
        """
        act = raw.decode("utf-8", "replace")
        if act.encode() == raw:
            return act
        fresh = secrets.token_hex(16)
        with self._writing():
            self._db.execute("UPDATE orders SET id = ? WHERE id = CAST(? AS TEXT)", (fresh, raw))
        return fresh

    def erasure_of(self, person: str) -> Mapping[str, Any] | None:
        """The fields of the pending `erased` record about a person; None where none is pending."""
        records = [draft for entry in self.pending() for draft in entry.records]
        found = [
            draft.data for draft in records if draft.kind == Kind.ERASED and draft.data.get("person") == person
        ]
        return found[0] if found else None

    def replace(self, act: str, records: Sequence[RecordDraft] | None) -> None:
        """Replace the records of an act that went a step further just now: it is the newest of `pending`."""
        with self._writing():
            self._db.execute(_REPLACE, (_dump(records), act))

    def remove(self, act: str) -> None:
        """Remove an entry because the journal has its records durably, or needs none. Its id stays known."""
        with self._writing():
            self._db.execute("UPDATE orders SET owed = NULL WHERE id = ?", (act,))

    def set_aside(self, act: str) -> None:
        """Set aside an entry that cannot be read or that no record can be made of. It blocks no other entry, and is
        kept.
        """
        with self._writing():
            self._db.execute("INSERT OR REPLACE INTO aside SELECT id, owed FROM orders WHERE id = ?", (act,))
            self._db.execute("UPDATE orders SET owed = NULL, due = NULL, wire = NULL WHERE id = ?", (act,))

    def aside(self) -> list[str]:
        """The ids of the entries that were set aside."""
        with PEOPLE.guard(self._path):
            return [act for (act,) in self._db.execute("SELECT id FROM aside ORDER BY id")]


def _dump(records: Sequence[RecordDraft] | None) -> str | None:
    if records is None:
        return None
    return json.dumps([[str(kind), dict(data)] for kind, data in records], ensure_ascii=False)


def _load(owed: str) -> tuple[RecordDraft, ...] | None:
    """The records in a row; None when it was altered."""
    try:
        said = json.loads(owed)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, list):
        return None
    pairs = [one for one in said if isinstance(one, list) and len(one) == 2]
    found = tuple(
        RecordDraft(kind, data)
        for kind, data in pairs
        if isinstance(kind, str) and kind in set(Kind) and isinstance(data, dict)
    )
    return found if found and len(found) == len(said) else None
