"""The journal's file: its tables, and the terminal and epoch that it belongs to."""

import secrets
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from nacl.signing import SigningKey

from edge.crypto.dsse import key_id, sign
from edge.domain.protocol.fields import EPOCH, NAME
from edge.domain.protocol.record import GENESIS, PAYLOAD_TYPE, Draft, Origin, Position, encode
from edge.errors import JournalAltered, JournalDamaged, JournalError
from edge.storage.sqlite_file import SqliteFile

_COMMANDS = """
CREATE TABLE commands (id TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID
"""
"""The commands that were taken, each with its result record: a command that arrives again changes nothing (I12)."""
_CORRECTIONS = """
CREATE INDEX IF NOT EXISTS correction_by_person ON records (person, seq) WHERE kind = 'correction'
"""
"""An index, because each punch of a person asks for the corrections of that person's punches."""
ABOUT_SOMEBODY = "kind IN ('consent', 'enrolled', 'erased', 'restricted')"
"""The condition for the records that tell a person's state here. A query must repeat it exactly, or SQLite uses no
index.
"""
_WORDS = f"""
CREATE INDEX IF NOT EXISTS word_by_person ON records (person, kind, seq) WHERE {ABOUT_SOMEBODY}
"""
"""An index, because each start asks for the last of these records of every person."""
JOURNAL = SqliteFile(
    noun="journal",
    application_id=0x53434A31,  # 'SCJ1'
    version=4,
    error=JournalError,
    mend="it is damaged; keep the file, run `smartclocker journal verify`, and start a new one",
    damaged=JournalDamaged,
    steps=(_COMMANDS, _CORRECTIONS, _WORDS),
)

_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE records (
    seq INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    person TEXT,
    payload BLOB NOT NULL,
    signature BLOB NOT NULL
) STRICT;
CREATE INDEX punch_by_person ON records (person, seq) WHERE kind = 'punch';
CREATE TABLE receipt (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    upto INTEGER NOT NULL,
    envelope BLOB NOT NULL
) STRICT;
"""
_ALL = f"{_TABLES}{_COMMANDS};{_CORRECTIONS};{_WORDS};"


@dataclass(frozen=True, slots=True)
class Meta:
    """The terminal, epoch and key of a journal. Verification does not trust it; it only tells which key to try."""

    origin: Origin
    epoch: str
    keyid: str


def create(path: Path, origin: Origin, key: SigningKey, first: Draft | None = None) -> None:
    """Make a journal with a new random epoch; record 1 is `first`, if that is given. Raises JournalError.

    The file appears together with that record, so no power cut leaves a journal without its `gap`.
    """
    epoch = secrets.token_hex(16)
    meta = {"site": origin.site, "terminal": origin.terminal, "epoch": epoch, "keyid": key_id(key.verify_key)}

    def fill(db: sqlite3.Connection) -> None:
        db.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
        if first is not None:
            payload = encode(origin, Position(epoch, 1, GENESIS), first)
            row = (str(first.kind), payload, sign(PAYLOAD_TYPE, payload, key).signature)
            db.execute("INSERT INTO records VALUES (1, ?, NULL, ?, ?)", row)

    JOURNAL.create(path, _ALL, fill)


def read_meta(connection: sqlite3.Connection, path: Path) -> Meta:
    """The terminal, epoch and key of a journal. Raises JournalAltered when their form is wrong."""
    rows = dict(connection.execute("SELECT name, value FROM meta"))
    site, terminal, epoch, keyid = (str(rows.get(name, "")) for name in ("site", "terminal", "epoch", "keyid"))
    if not (NAME.fullmatch(site) and NAME.fullmatch(terminal) and EPOCH.fullmatch(epoch)):
        raise JournalAltered(f"{path}: its site, terminal or epoch was altered; keep the file, start a new journal")
    return Meta(Origin(site, terminal), epoch, keyid)
