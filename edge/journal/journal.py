"""The terminal's durable, signed, hash-chained journal, from which only receipted records are evicted.

It is an SQLite file in WAL mode with `synchronous=FULL`: a commit returns after fdatasync. Each thread and each
process opens its own `Journal` on the same file. The head is read inside the writing transaction, so two writers
never fork the chain. `edge.journal.history` has the queries about people, commands and time.
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
"""Records that one transaction evicts. It takes about 10 ms, so that a punch never waits long for an eviction."""
_FORGET_COMMANDS = (
    "DELETE FROM commands WHERE id IN (SELECT id FROM commands ORDER BY seq DESC LIMIT -1 OFFSET 10000)"
)
"""10,000 commands are remembered: far more than can arrive before the oldest of them have expired."""
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
    """A record as it is sent to the ledger."""

    seq: int
    kind: str
    wire: bytes
    """The DSSE envelope in its JSON form."""


class ReceiptEffect(Enum):
    """The effect of a genuine receipt on this journal."""

    ADVANCED = "advanced"
    """The watermark moved."""
    STALE = "stale"
    """The receipt covers no more than an earlier one."""
    FORK = "fork"
    """The ledger's chain differs from ours: keep all records and raise the alarm."""
    FOREIGN = "foreign"
    """The receipt is about another terminal or epoch."""


@dataclass(frozen=True, slots=True)
class JournalStats:
    """How full the journal is."""

    records: int
    bytes: int
    """Bytes of the pages that are in use. The file keeps the pages that eviction freed and fills them again."""
    pending: int
    """Records that no receipt covers yet."""
    watermark: int
    head: int


class Journal(JournalHistory):
    """One connection to a journal, bound to the thread that opened it."""

    def __init__(self, path: Path, origin: Origin, key: SigningKey) -> None:
        """Open the journal, or create it when absent.

        Raises JournalError when the file cannot be used or belongs to another terminal or key, and JournalAltered
        when its end does not verify. Nothing is ever deleted or repaired.
        """
        self.path = path
        self._key = key
        self._keyid = key_id(key.verify_key)
        opened = open_ours(path, origin, key)
        self._db, self._chain = opened.connection, opened.chain
        self.torn = opened.torn
        """Whether opening dropped a transaction that a power cut had interrupted. None of its records was reported
        stored.
        """

    @property
    def origin(self) -> Origin:
        """The site and terminal that the journal belongs to."""
        return self._chain.origin

    @property
    def epoch(self) -> str:
        """32 hex digits, drawn at random when the journal is created."""
        return self._chain.epoch

    def append(self, draft: Draft) -> Stored:
        """Sign a record, chain it and store it; durable on return.

        Raises RecordError for a draft that breaks the contract of its kind, and JournalError when it cannot be
        stored. In both cases nothing was appended, and the journal can still be used.
        """
        with JOURNAL.writing(self._db, self.path):
            return self._append(draft)

    def take_command(self, command_id: str, draft: Draft, *before: Draft) -> Stored | None:
        """Mark a command as taken and append the record of its result, together; None when it was taken earlier.

        The drafts `before` it are the records of what was done; they are appended in the same transaction. Raises
        RecordError, JournalError; after an error the command is not taken.
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
        """Up to `limit` records with seq > `after`, in their order. Raises JournalError."""
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
        """Number of the last record that a receipt covers; 0 without a receipt. Raises JournalError."""
        with JOURNAL.guard(self.path):
            return self._watermark()

    def acknowledge(self, receipt: Receipt, raw: bytes) -> ReceiptEffect:
        """Take a receipt whose signature the caller has verified; `raw` is its envelope, which is kept as evidence.

        Only the newest receipt is kept, because it covers all records before it too. Raises JournalError.
        """
        if receipt.origin != self.origin or receipt.epoch != self.epoch:
            return ReceiptEffect.FOREIGN
        with JOURNAL.writing(self._db, self.path):
            ours, watermark = self.hash_at(receipt.upto), self._watermark()
            if receipt.upto <= watermark:
                # A record that was evicted can no longer be compared. It was compared when its receipt came.
                return ReceiptEffect.STALE if ours in {None, receipt.head} else ReceiptEffect.FORK
            if ours != receipt.head:
                return ReceiptEffect.FORK
            self._db.execute("INSERT OR REPLACE INTO receipt VALUES (1, ?, ?)", (receipt.upto, raw))
        return ReceiptEffect.ADVANCED

    def evict(self, keep: int) -> int:
        """Remove the oldest receipted records beyond the newest `keep`; returns how many.

        The last record always stays, because the next one links to it. Raises JournalError.
        """
        removed = 0
        while True:
            batch = self._remove(keep, None)
            removed += batch
            if batch < _EVICT_BATCH:
                return removed

    def evict_older(self, utc: str) -> int:
        """Remove one batch of the oldest receipted records that were made before `utc` (RFC 3339); returns how
        many.

        Call it again until it returns 0. It stops at the first record that is younger, even if older ones follow.
        Raises JournalError.
        """
        return self._remove(1, utc)

    def probe(self) -> None:
        """Make a durable write that changes nothing. Raises JournalError while nothing can be written."""
        with JOURNAL.writing(self._db, self.path):
            self._db.execute("UPDATE meta SET value = value WHERE name = 'epoch'")

    def stats(self) -> JournalStats:
        """How full the journal is; fast at any size. Raises JournalError."""
        with JOURNAL.guard(self.path):
            head, first, watermark = self._head().seq, self._first(), self._watermark()
            pages, free, size = (self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in _PAGES)
        records = head - first + 1 if first else 0
        return JournalStats(records, (pages - free) * size, head - watermark, watermark, head)

    def check_structure(self) -> None:
        """Check every page and index, which takes minutes in a large journal. Raises JournalDamaged."""
        with JOURNAL.guard(self.path):
            found = str(self._db.execute("PRAGMA integrity_check(1)").fetchone()[0])
        if found != "ok":
            raise JournalDamaged(f"{self.path}: {JOURNAL.mend} ({found})")

    def close(self) -> None:
        """Write the write-ahead file back into the journal if no other process uses it; safe to call twice."""
        # nothing is lost: the write-ahead file stays and is read at the next opening
        with contextlib.suppress(sqlite3.Error):
            self._db.execute("PRAGMA busy_timeout = 0")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        super().close()

    def _append(self, draft: Draft) -> Stored:
        """Append a record inside the caller's write transaction."""
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
        """Remove one batch of the oldest receipted records beyond the newest `keep`; only those older than
        `before`.
        """
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
