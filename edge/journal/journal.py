"""The terminal's durable, signed, hash-chained journal, from which only receipted records are evicted.

SQLite in WAL mode with `synchronous=FULL`: a commit returns after fdatasync. Each thread and each process opens its
own `Journal` on the same file; the head is read inside the writing transaction, so that they never fork the chain.
What it tells of people, commands and time: `edge.journal.history`.
"""

import contextlib
import sqlite3
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from nacl.signing import SigningKey

from edge.crypto.dsse import Envelope, key_id, sign, to_wire
from edge.domain.protocol.receipt import Receipt
from edge.domain.protocol.record import PAYLOAD_TYPE, Draft, Origin, Position, decode, encode, payload_hash
from edge.domain.protocol.record_kinds import Kind
from edge.errors import JournalDamaged
from edge.journal.chain import START, Head
from edge.journal.history import JournalHistory
from edge.journal.opening import open_ours
from edge.journal.schema import JOURNAL

_EVICT_BATCH = 2_000
"""Records a transaction: some 10 ms, so that a punch never waits long behind an eviction."""
_FORGET_COMMANDS = (
    "DELETE FROM commands WHERE id IN (SELECT id FROM commands ORDER BY seq DESC LIMIT -1 OFFSET 10000)"
)
"""Far more than can arrive before the oldest of them have expired."""
_PAGES = ("page_count", "freelist_count", "page_size")
_LAST = "SELECT seq, payload FROM records ORDER BY seq DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class Stored:
    """A record that is committed and synced to the disk."""

    seq: int
    kind: Kind
    hash: str
    """sha256 of the payload, hex."""
    payload: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class OutgoingRecord:
    """A record as it goes to the ledger."""

    seq: int
    kind: str
    wire: bytes
    """The DSSE envelope in its JSON form."""


class ReceiptEffect(Enum):
    """What a genuine receipt meant to this journal."""

    ADVANCED = "advanced"
    """The watermark moved."""
    STALE = "stale"
    """It covers no more than is receipted already."""
    FORK = "fork"
    """The ledger's chain is not ours: keep everything, raise the alarm."""
    FOREIGN = "foreign"
    """It speaks of another terminal or epoch."""


@dataclass(frozen=True, slots=True)
class JournalStats:
    """How full the journal is."""

    records: int
    bytes: int
    """Of the pages that are in use; the file keeps those that eviction freed, and fills them again."""
    pending: int
    """Records that no receipt covers yet."""
    watermark: int
    head: int


class Journal(JournalHistory):
    """One connection to a journal, bound to the thread that opened it."""

    def __init__(self, path: Path, origin: Origin, key: SigningKey) -> None:
        """Open, or create when absent.

        Raises JournalError when the file cannot be used or belongs to another terminal or key, and JournalAltered
        when its end does not verify. Nothing is ever deleted or repaired.
        """
        self.path = path
        self._key = key
        self._keyid = key_id(key.verify_key)
        opened = open_ours(path, origin, key)
        self._db, self._chain = opened.connection, opened.chain
        self.torn = opened.torn
        """Whether opening dropped a transaction that a power cut had interrupted; none that was reported stored."""

    @property
    def origin(self) -> Origin:
        """Whose journal this is."""
        return self._chain.origin

    @property
    def epoch(self) -> str:
        """32 hex digits, random at creation."""
        return self._chain.epoch

    def append(self, draft: Draft) -> Stored:
        """Sign, chain and store; durable on return.

        Raises RecordError for a draft that breaks its kind's contract and JournalError when it cannot be stored;
        either way nothing was appended, and the journal stays usable.
        """
        with JOURNAL.writing(self._db, self.path):
            return self._append(draft)

    def take_command(self, command_id: str, draft: Draft, *before: Draft) -> Stored | None:
        """Mark a command as taken and append the record that says so, together; None when it was taken before.

        What comes `before` it, the records of what was done, is appended in the same transaction.
        Raises RecordError, JournalError; either way it is not taken.
        """
        with JOURNAL.writing(self._db, self.path):
            if self._db.execute("SELECT 1 FROM commands WHERE id = ?", (command_id,)).fetchone() is not None:
                return None
            for one in before:
                self._append(one)
            stored = self._append(draft)
            self._db.execute("INSERT INTO commands VALUES (?, ?)", (command_id, stored.seq))
            self._db.execute(_FORGET_COMMANDS)
        return stored

    def envelopes(self, after: int, limit: int) -> list[OutgoingRecord]:
        """Up to `limit` records with seq > `after`, in order. Raises JournalError."""
        query = "SELECT seq, kind, payload, signature FROM records WHERE seq > ? ORDER BY seq LIMIT ?"
        with JOURNAL.guard(self.path):
            rows = self._db.execute(query, (after, limit)).fetchall()
        return [
            OutgoingRecord(seq, kind, to_wire(Envelope(PAYLOAD_TYPE, payload, self._keyid, signature)))
            for seq, kind, payload, signature in rows
        ]

    def head(self) -> Head:
        """The last record; seq 0 and GENESIS when there is none. Raises JournalError."""
        with JOURNAL.guard(self.path):
            return self._head()

    def watermark(self) -> int:
        """Every record up to here is receipted; 0 when none is. Raises JournalError."""
        with JOURNAL.guard(self.path):
            return self._watermark()

    def acknowledge(self, receipt: Receipt, raw: bytes) -> ReceiptEffect:
        """Take a receipt whose signature the caller has verified; `raw` is its envelope, kept as evidence.

        The newest receipt alone is kept: it is cumulative. Raises JournalError.
        """
        if receipt.origin != self.origin or receipt.epoch != self.epoch:
            return ReceiptEffect.FOREIGN
        with JOURNAL.writing(self._db, self.path):
            ours, watermark = self.hash_at(receipt.upto), self._watermark()
            if receipt.upto <= watermark:
                # A record that is evicted can no longer be compared; it was, when its receipt came.
                return ReceiptEffect.STALE if ours in {None, receipt.head} else ReceiptEffect.FORK
            if ours != receipt.head:
                return ReceiptEffect.FORK
            self._db.execute("INSERT OR REPLACE INTO receipt VALUES (1, ?, ?)", (receipt.upto, raw))
        return ReceiptEffect.ADVANCED

    def evict(self, keep: int) -> int:
        """Remove the oldest receipted records beyond `keep`; returns how many.

        The last record always stays, since the next one links to it. Raises JournalError.
        """
        removed = 0
        while True:
            batch = self._remove(keep, None)
            removed += batch
            if batch < _EVICT_BATCH:
                return removed

    def evict_older(self, utc: str) -> int:
        """Remove the oldest receipted records that were made before `utc` (RFC 3339), some at a time.

        Returns how many; call it again until it is 0. It stops at the first that is younger, whatever stands behind
        it. Raises JournalError.
        """
        return self._remove(1, utc)

    def probe(self) -> None:
        """Write something that changes nothing, durably. Raises JournalError while nothing can be written."""
        with JOURNAL.writing(self._db, self.path):
            self._db.execute("UPDATE meta SET value = value WHERE name = 'epoch'")

    def stats(self) -> JournalStats:
        """How full it is; cheap at any size. Raises JournalError."""
        with JOURNAL.guard(self.path):
            head, first, watermark = self._head().seq, self._first(), self._watermark()
            pages, free, size = (self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in _PAGES)
        records = head - first + 1 if first else 0
        return JournalStats(records, (pages - free) * size, head - watermark, watermark, head)

    def check_structure(self) -> None:
        """Every page and index, minutes for a large one. Raises JournalDamaged."""
        with JOURNAL.guard(self.path):
            found = str(self._db.execute("PRAGMA integrity_check(1)").fetchone()[0])
        if found != "ok":
            raise JournalDamaged(f"{self.path}: {JOURNAL.mend} ({found})")

    def close(self) -> None:
        """Fold the write-ahead file into the journal where no other process uses it; safe to call twice."""
        with contextlib.suppress(sqlite3.Error):  # nothing is lost: the write-ahead file stays and is read at open
            self._db.execute("PRAGMA busy_timeout = 0")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        super().close()

    def _append(self, draft: Draft) -> Stored:
        """Inside a write transaction."""
        head = self._head()
        seq = head.seq + 1
        payload = encode(self.origin, Position(self.epoch, seq, head.hash), draft)
        signature = sign(PAYLOAD_TYPE, payload, self._key).signature
        person = draft.data.get("person")
        self._db.execute(
            "INSERT INTO records (seq, kind, person, payload, signature) VALUES (?, ?, ?, ?, ?)",
            (seq, str(draft.kind), person if isinstance(person, str) else None, payload, signature),
        )
        return Stored(seq, draft.kind, payload_hash(payload), payload, signature)

    def _remove(self, keep: int, before: str | None) -> int:
        """One batch of the oldest receipted records beyond `keep`; of those, what is older than `before`."""
        with JOURNAL.writing(self._db, self.path):
            limit = min(self._watermark(), self._head().seq - max(keep, 1))
            first = self._first()
            through = min(limit, first + _EVICT_BATCH - 1)
            if not first or through < first:
                return 0
            if before is not None:
                through = self._older_through(first, through, before)
            return self._db.execute("DELETE FROM records WHERE seq <= ?", (through,)).rowcount

    def _older_through(self, first: int, last: int, before: str) -> int:
        query = "SELECT seq, payload FROM records WHERE seq BETWEEN ? AND ? ORDER BY seq"
        for seq, payload in self._db.execute(query, (first, last)):
            if decode(payload).time.utc >= before:
                return int(seq) - 1
        return last

    def _head(self) -> Head:
        row = self._db.execute(_LAST).fetchone()
        return START if row is None else Head(row[0], payload_hash(row[1]))

    def _first(self) -> int:
        row = self._db.execute("SELECT min(seq) FROM records").fetchone()
        return row[0] or 0

    def _watermark(self) -> int:
        row = self._db.execute("SELECT upto FROM receipt").fetchone()
        return 0 if row is None else int(row[0])
