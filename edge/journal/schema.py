"""The journal as a file: its tables, how it is made and opened, and what each SQLite error means."""

import contextlib
import errno
import os
import secrets
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.domain.records import EPOCH, NAME, Origin
from edge.errors import JournalAltered, JournalError
from edge.journal import wal
from edge.journal.keys import sync_directory

APPLICATION_ID = 0x53434A31
"""'SCJ1' in the file's header: what file(1) and we know a journal by."""
VERSION = 1
"""Of the tables. A file of a newer version is refused, never guessed at."""
BUSY_S = 5.0
"""How long one process waits for another's append; the longest holder is an eviction batch."""

_TABLES = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
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
    """Make an empty journal with a fresh epoch, 0600, durable on return; one that exists by now is left alone.

    It is built under another name and linked, so that an empty file under this name is damage for certain.
    Raises JournalError.
    """
    if wal.has_content(path):
        raise JournalError(
            f"{path}: missing, but {wal.wal_path(path).name} is there; bring the journal back beside it, or move "
            "that away"
        )
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        try:
            with guard(path), contextlib.closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.executescript(f"BEGIN;{_TABLES}COMMIT;")
                rows = {
                    "site": origin.site,
                    "terminal": origin.terminal,
                    "keyid": keyid,
                    "epoch": secrets.token_hex(16),
                }
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany("INSERT INTO meta VALUES (?, ?)", rows.items())
                connection.execute("COMMIT")
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(temporary, path)
        finally:
            for name in (temporary, *(temporary.with_name(temporary.name + end) for end in ("-wal", "-shm"))):
                name.unlink(missing_ok=True)
        sync_directory(path.parent)
    except JournalError:
        raise
    except OSError as error:
        raise JournalError(
            f"{path}: cannot be created ({error.strerror}); make its directory exist, be writable by this user and "
            "have free space"
        ) from error


def connect(path: Path, mode: str, *, immutable: bool = False) -> sqlite3.Connection:
    """Open an existing journal, `mode` "rw" or "ro". Raises sqlite3.Error: call it under `guard`."""
    uri = f"{path.absolute().as_uri()}?mode={mode}" + ("&immutable=1" if immutable else "")
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_S)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    return connection


def read_meta(connection: sqlite3.Connection, path: Path) -> Meta:
    """Whose journal it is. Raises JournalError for another program's file, a newer version or damage."""
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise JournalError(f"{path}: not a journal; correct the path, or restore the file from your backup")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != VERSION:
        raise JournalError(
            f"{path}: journal format {version}, this program reads {VERSION}; install the version that wrote it, "
            "or a later one"
        )
    rows = dict(connection.execute("SELECT name, value FROM meta"))
    site, terminal, epoch, keyid = (str(rows.get(name, "")) for name in ("site", "terminal", "epoch", "keyid"))
    if not (NAME.fullmatch(site) and NAME.fullmatch(terminal) and EPOCH.fullmatch(epoch)):
        raise JournalAltered(
            f"{path}: its description was altered; keep the file and run `smartclocker journal verify`"
        )
    return Meta(Origin(site, terminal), epoch, keyid)


_CURES = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space on it",
    sqlite3.SQLITE_BUSY: "another process held it for too long; end the one that does (`fuser` names it)",
    sqlite3.SQLITE_READONLY: "it is read-only here; make the file and its directory writable by this user",
    sqlite3.SQLITE_PERM: "it is not ours to open; make the file and its directory writable by this user",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; make the file and its directory exist, writable by this user",
    sqlite3.SQLITE_CORRUPT: "it is damaged; keep the file, run `smartclocker journal verify`, and start a new one",
    sqlite3.SQLITE_NOTADB: "it is damaged or not a journal; keep the file, and correct the path or start a new one",
    sqlite3.SQLITE_IOERR: "reading or writing failed; check the disk's free space, then its health",
}


@contextlib.contextmanager
def guard(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into a JournalError that names the cure; misuse of the library passes through."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise  # another thread's connection, a closed one: ours to mend, not the installer's
    except sqlite3.Error as error:
        # Python sets the code for errors of SQLite's own; the low byte is the primary one.
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        cure = _CURES.get(code, "it cannot be used; keep the file and run `smartclocker journal verify`")
        raise JournalError(f"{path}: {cure} ({error})") from error


def refuse_truncated(path: Path) -> None:
    """Refuse what is no SQLite file, before SQLite takes an empty one for a new database. Raises JournalError."""
    try:
        with path.open("rb") as file:
            magic, size = file.read(16), os.fstat(file.fileno()).st_size
    except OSError as error:
        cure = "make it readable by this user" if error.errno == errno.EACCES else "correct the path"
        raise JournalError(f"{path}: cannot be read ({error.strerror}); {cure}") from error
    if magic != b"SQLite format 3\0" or size < 512:
        raise JournalError(
            f"{path}: truncated, or not a journal; nothing was changed: keep the file, then correct the path or "
            "restore it from your backup"
        )
