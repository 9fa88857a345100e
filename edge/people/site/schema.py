"""The file of the records that a terminal heard of the other terminals of its site: its tables, and its life.

It is a cache: nothing is lost with it but knowledge about the other doors. So a file that cannot be read is set
aside, and another one is begun.
"""

import contextlib
import sqlite3
from pathlib import Path

from edge.errors import SiteDamaged, SiteError
from edge.storage.durable_file import sync_directory
from edge.storage.sqlite_file import SqliteFile

NAME = "site.db"
"""File name in the state directory."""
ASIDE = ".damaged"
"""The end of the name of a file that was set aside; there is one such file at most."""
SITE = SqliteFile(
    noun="file of the site's records",
    application_id=0x53435354,  # 'SCST'
    version=1,
    error=SiteError,
    damaged=SiteDamaged,
    cache=True,
    mend="it is a cache, and the service sets it aside: the other doors' records come anew",
    busy_s=2.0,
)
_TABLES = """
CREATE TABLE heard (
    place INTEGER PRIMARY KEY,
    terminal TEXT NOT NULL,
    keyid TEXT NOT NULL,
    epoch TEXT NOT NULL,
    seq INTEGER NOT NULL,
    prev TEXT NOT NULL,
    hash TEXT NOT NULL,
    person TEXT NOT NULL,
    payload BLOB NOT NULL,
    own_epoch TEXT NOT NULL,
    own_head INTEGER NOT NULL,
    came TEXT,
    UNIQUE (terminal, keyid, epoch, seq)
) STRICT;
CREATE INDEX heard_of_person ON heard (person);
CREATE TABLE forgotten (
    terminal TEXT NOT NULL,
    keyid TEXT NOT NULL,
    epoch TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (terminal, keyid, epoch)
) STRICT, WITHOUT ROWID;
CREATE TABLE neighbours (
    terminal TEXT NOT NULL,
    keyid TEXT NOT NULL,
    PRIMARY KEY (terminal, keyid)
) STRICT, WITHOUT ROWID;
"""


def connect(path: Path, *, mend: bool) -> tuple[sqlite3.Connection, str | None]:
    """Open the file, or create it when absent; and why a new one was begun, None when it was not.

    With `mend`, a damaged or foreign file is set aside. Raises SiteError, and its subclass SiteDamaged.
    """
    try:
        return _open(path), None
    except SiteDamaged as error:
        if not mend:
            raise
        set_aside(path)
        return _open(path), str(error)


def _open(path: Path) -> sqlite3.Connection:
    if path.is_symlink():
        raise SiteDamaged(f"{path}: {SITE.mend} (it is a link, which no command here makes)")
    if not SITE.present(path):
        _drop_beside(path)  # the file was deleted, and what it has lost belongs to nothing
    connection = SITE.open(path, _TABLES)
    try:
        with SITE.guard(path):
            connection.execute("PRAGMA secure_delete = ON")
            refuse_damaged(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def refuse_damaged(connection: sqlite3.Connection, path: Path) -> None:
    """Check every page of the file. Raises SiteDamaged."""
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise SiteDamaged(f"{path}: {SITE.mend} ({found})")


def set_aside(path: Path) -> None:
    """Rename a damaged file, in place of one that was set aside before. Raises SiteError."""
    SITE.clear(path)
    try:
        path.replace(path.with_name(path.name + ASIDE))
        _drop_beside(path)
        sync_directory(path.parent)
    except OSError as error:
        raise SiteError(
            f"{path}: it is damaged, and cannot be moved out of the way ({error.strerror}); move it away"
        ) from error


def persons(path: Path) -> set[str]:
    """The people of whom a file holds anything; nobody for a damaged one. Raises SiteError."""
    if not SITE.present(path):
        return set()
    try:
        with contextlib.closing(SITE.connect(path)) as connection, SITE.guard(path):
            return {person for (person,) in connection.execute("SELECT DISTINCT person FROM heard")}
    except SiteDamaged:
        return set()


def about(path: Path, person: str) -> list[bytes]:
    """The payloads of a person's records, in the order in which they came. Raises SiteError.

    A damaged file has none: nobody can read it, and the service sets it aside.
    """
    if not SITE.present(path):
        return []
    try:
        with contextlib.closing(SITE.connect(path)) as connection, SITE.guard(path):
            query = "SELECT payload FROM heard WHERE person = ? ORDER BY place"
            return [payload for (payload,) in connection.execute(query, (person,))]
    except SiteDamaged:
        return []


def forget(path: Path, person: str) -> None:
    """Delete what was heard of a person who is erased, also in a damaged file, which is deleted. Raises SiteError.

    A damaged file that was set aside is deleted, too: nobody can delete single records from it.
    """
    try:
        path.with_name(path.name + ASIDE).unlink(missing_ok=True)
        if not SITE.present(path):
            return
        try:
            _delete(path, person)
        except SiteDamaged:
            path.unlink(missing_ok=True)
            _drop_beside(path)
        sync_directory(path.parent)
    except OSError as error:
        if isinstance(error, SiteError):
            raise
        raise SiteError(
            f"{path}: cannot be deleted ({error.strerror}); make the file and its directory writable by this user"
        ) from error


def _drop_beside(path: Path) -> None:
    SITE.clear(path)
    for end in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + end).unlink(missing_ok=True)


def _delete(path: Path, person: str) -> None:
    with contextlib.closing(SITE.connect(path)) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        with SITE.writing(connection, path):
            connection.execute("DELETE FROM heard WHERE person = ?", (person,))
        with SITE.guard(path):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
