"""What was last seen of a journal, in a small file beside it: one that is set back, exchanged or gone is noticed.

Each file of a terminal can be replaced by an older copy of itself. One that remembers where another one stood shows
it; whoever sets back the whole disk at once sets back both, and nothing here can tell. What it says is never ahead
of the journal: it is written after the record is durable.
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
    """A record that was durable."""

    epoch: str
    seq: int
    """0: the epoch had none yet."""
    hash: str
    """sha256 of its payload, hex; zeros at 0."""


def path_of(journal: Path) -> Path:
    """The file; its name does not begin as the journal's do, which are moved and removed together."""
    return journal.with_name(f"last-seen-{journal.stem}.json")


def read(journal: Path) -> Seen | None:
    """What was noted; None where nothing was, or what is there cannot be read: it only helps."""
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
    """Remember where the journal stands; durable on return. Raises JournalError."""
    head = journal.head()
    seen = Seen(journal.epoch, head.seq, head.hash)
    replace(path_of(journal.path), json.dumps(asdict(seen)).encode("ascii"), JournalError)
    return seen


def forget(journal: Path) -> None:
    """Of a journal that was set aside. Raises OSError."""
    path_of(journal).unlink(missing_ok=True)


def contradiction(journal: Journal, seen: Seen) -> str | None:
    """Why this cannot be the journal that was last seen, or what followed it; None where it can.

    Raises JournalError.
    """
    return _contradiction(journal.epoch, journal.head().seq, journal.payload_at, seen)


def contradiction_in(connection: sqlite3.Connection, epoch: str, seen: Seen) -> str | None:
    """As `contradiction`, for whoever only looks. Raises sqlite3.Error."""

    def payload_at(seq: int) -> bytes | None:
        row = connection.execute("SELECT payload FROM records WHERE seq = ?", (seq,)).fetchone()
        return None if row is None else bytes(row[0])

    head = connection.execute("SELECT max(seq) FROM records").fetchone()[0] or 0
    return _contradiction(epoch, head, payload_at, seen)


def _contradiction(epoch: str, head: int, payload_at: Callable[[int], bytes | None], seen: Seen) -> str | None:
    if seen.epoch != epoch:
        if _follows(payload_at(1), seen):
            return None
        return f"it is not epoch {seen.epoch}, which was in use last, and does not say that it follows it"
    if head < seen.seq:
        return f"it ends with record {head}, and there were {seen.seq}: it was set back to an older copy"
    ours = payload_at(seen.seq)
    if ours is not None and payload_hash(ours) != seen.hash:
        return f"its record {seen.seq} is another one than there was: it was set back and used"
    return None


def _follows(first: bytes | None, seen: Seen) -> bool:
    """Whether it begins with the `gap` of a journal that was set aside, which a cut kept from being noted."""
    if first is None:
        return False
    try:
        record = decode(first)
    except RecordError:  # an altered one says nothing, and keeps no terminal down
        return False
    return record.kind == Kind.GAP and record.data["previous_epoch"] in {seen.epoch, None}
