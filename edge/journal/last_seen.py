"""A note beside the journal of its last record, so that a journal that was set back, exchanged or removed is
noticed.

Each file of a terminal can be replaced by an older copy of itself. A second file that remembers the first one's
last record shows that. Somebody who sets back the whole disk sets back both files, and nothing on the terminal can
show that. The note is never ahead of the journal, because it is written after the record is durable.
"""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from edge.domain.protocol.fields import EPOCH, HASH
from edge.domain.protocol.record import decode, payload_hash
from edge.domain.protocol.record_kinds import Kind
from edge.domain.strict_json import MAX_INTEGER, parse_object
from edge.errors import JournalError, RecordError
from edge.journal.journal import Journal
from edge.storage.bounded_read import read_file
from edge.storage.durable_file import replace

_LIMIT = 1_024


@dataclass(frozen=True, slots=True)
class Seen:
    """A record that was durable when it was noted."""

    epoch: str
    seq: int
    """0 when the epoch had no record yet."""
    hash: str
    """sha256 of the record's payload, hex; zeros when seq is 0."""


def path_of(journal: Path) -> Path:
    """The path of the note. It does not begin with the journal's name, because the files that do are moved and
    removed together.
    """
    return journal.with_name(f"last-seen-{journal.stem}.json")


def read(journal: Path) -> Seen | None:
    """The note; None when there is none or it cannot be read. A missing note is no error, because it is only an
    extra check.
    """
    try:
        document = parse_object(read_file(path_of(journal), _LIMIT), _LIMIT)
    except (OSError, RecordError):
        return None
    epoch, seq, digest = (document.get(name) for name in ("epoch", "seq", "hash"))
    if not isinstance(epoch, str) or EPOCH.fullmatch(epoch) is None:
        return None
    if not isinstance(digest, str) or HASH.fullmatch(digest) is None:
        return None
    if not isinstance(seq, int) or isinstance(seq, bool) or not 0 <= seq <= MAX_INTEGER:
        return None
    return Seen(epoch, seq, digest)


def note(journal: Journal) -> Seen:
    """Note the last record of the journal; durable on return. Raises JournalError."""
    head = journal.head()
    seen = Seen(journal.epoch, head.seq, head.hash)
    replace(path_of(journal.path), json.dumps(asdict(seen)).encode("ascii"), JournalError)
    return seen


def forget(journal: Path) -> None:
    """Remove the note of a journal that was set aside. Raises OSError."""
    path_of(journal).unlink(missing_ok=True)


def contradiction(journal: Journal, seen: Seen) -> str | None:
    """Why this journal can be neither the one in the note nor its successor; None where it can be.

    Raises JournalError.
    """
    return _contradiction(journal.epoch, journal.head().seq, journal.payload_at, seen)


def contradiction_in(connection: sqlite3.Connection, epoch: str, seen: Seen) -> str | None:
    """The same as `contradiction`, on a connection that only reads. Raises sqlite3.Error."""

    def payload_at(seq: int) -> bytes | None:
        row = connection.execute("SELECT payload FROM records WHERE seq = ?", (seq,)).fetchone()
        return None if row is None else bytes(row[0])

    head = connection.execute("SELECT max(seq) FROM records").fetchone()[0] or 0
    return _contradiction(epoch, head, payload_at, seen)


def _contradiction(epoch: str, head: int, payload_at: Callable[[int], bytes | None], seen: Seen) -> str | None:
    if seen.epoch != epoch:
        if _follows(payload_at(1), seen):
            return None
        return f"epoch {seen.epoch} was in use last; this is another epoch, and its record 1 does not name that one"
    if head < seen.seq:
        return f"it ends at record {head}, and record {seen.seq} was seen before: it was set back to an older copy"
    ours = payload_at(seen.seq)
    if ours is not None and payload_hash(ours) != seen.hash:
        return f"its record {seen.seq} differs from the one that was seen before: it was set back and used"
    return None


def _follows(first: bytes | None, seen: Seen) -> bool:
    """Whether the first record is the `gap` after the journal in the note. A power cut may have come before the
    note was renewed.
    """
    if first is None:
        return False
    try:
        record = decode(first)
    except RecordError:  # an altered record proves nothing, and must not keep a terminal from starting
        return False
    return record.kind == Kind.GAP and record.data["previous_epoch"] in {seen.epoch, None}
