"""The journal as a file: its tables, and whose it is."""

import secrets
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from edge.domain.kinds import EPOCH
from edge.domain.records import NAME, Origin
from edge.errors import JournalAltered, JournalError
from edge.sqlitefile import Kind

JOURNAL = Kind(
    noun="journal",
    application_id=0x53434A31,  # 'SCJ1'
    version=1,
    error=JournalError,
    mend="it is damaged; keep the file, run `smartclocker journal verify`, and start a new one",
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


@dataclass(frozen=True, slots=True)
class Meta:
    """Whose journal a file is. Nothing here is trusted for verification; it says which key to try."""

    origin: Origin
    epoch: str
    keyid: str


def create(path: Path, origin: Origin, keyid: str) -> None:
    """Make an empty journal with a fresh random epoch. Raises JournalError."""
    meta = {"site": origin.site, "terminal": origin.terminal, "epoch": secrets.token_hex(16), "keyid": keyid}
    JOURNAL.create(path, _TABLES, lambda db: db.executemany("INSERT INTO meta VALUES (?, ?)", meta.items()))


def read_meta(connection: sqlite3.Connection, path: Path) -> Meta:
    """Whose journal it is. Raises JournalAltered when that cannot be."""
    rows = dict(connection.execute("SELECT name, value FROM meta"))
    site, terminal, epoch, keyid = (str(rows.get(name, "")) for name in ("site", "terminal", "epoch", "keyid"))
    if not (NAME.fullmatch(site) and NAME.fullmatch(terminal) and EPOCH.fullmatch(epoch)):
        raise JournalAltered(f"{path}: whose it is was altered; keep the file and start a new journal")
    return Meta(Origin(site, terminal), epoch, keyid)
