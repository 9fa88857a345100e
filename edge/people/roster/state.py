"""The parts of the roster that arrived at this terminal, kept over restarts: versions only grow (I12).

The file has ids, versions and hashes; never a name, a key or a ciphertext. An entry that was encrypted under the
site key is nowhere on the disk, so that an erased person's entry cannot be found there and decrypted later.
"""

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edge.domain.roster import messages
from edge.domain.roster.entry_state import GONE, HELD, OUT, EntryState
from edge.errors import PeopleError, PeopleUnavailable, RecordError, RosterDamaged
from edge.storage.durable_file import sync_directory
from edge.storage.sqlite_connection import SqliteConnection
from edge.storage.sqlite_file import SqliteFile

MANIFEST, KEY = "manifest", "key"
_DIGEST = "manifest-sha256"
ASIDE = ".damaged"
"""The end of the name of a file that was set aside; there is one such file at most."""
RECEIVED = SqliteFile(
    noun="record of the roster",
    application_id=0x53435252,  # 'SCRR'
    version=1,
    error=PeopleError,
    away=PeopleUnavailable,
    damaged=RosterDamaged,
    former=(0x53435231, "pages"),  # 'SCR1', which the authority's register has too
    cache=True,
    mend="it is a cache, and the service's next start sets it aside: the roster comes again from the broker",
)
_TABLES = """
CREATE TABLE people (
    person TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    content INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE pages (
    bucket TEXT NOT NULL,
    version INTEGER NOT NULL,
    payload BLOB NOT NULL,
    PRIMARY KEY (bucket, version)
) STRICT;
CREATE TABLE marks (name TEXT PRIMARY KEY, version INTEGER NOT NULL, payload BLOB NOT NULL) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Highwater:
    """The newest document of one kind."""

    version: int
    payload: bytes


class RosterState(SqliteConnection):
    """One connection, bound to the thread that opened it."""

    def __init__(self, path: Path, *, mend: bool = True, reading: sqlite3.Connection | None = None) -> None:
        """Open the file, or create it when absent. A damaged or foreign file is set aside, and a new one is begun.

        Without `mend`, such a file is refused. `reading` is a connection that is open already; then nothing is
        changed. Raises PeopleError, and its subclass RosterDamaged for a damaged file.
        """
        self.path = path
        self.anew: str | None = None
        """Why a new file was begun; None when it was not."""
        if reading is not None:
            self._db = reading
            self._refuse_altered()
            return
        try:
            self._open()
        except RosterDamaged as error:
            if not mend:
                raise
            self.anew = str(error)
            _set_aside(path)
            self._open()

    def _open(self) -> None:
        if self.path.is_symlink():
            raise self._damaged("it is a link, which no command here makes")
        if not RECEIVED.present(self.path):
            RECEIVED.create(self.path, _TABLES, lambda _db: None)
        self._db = RECEIVED.connect(self.path)
        try:
            self._refuse_altered()
        except BaseException:
            self._db.close()
            raise

    def _refuse_altered(self) -> None:
        """Check everything that a start relies on. Raises RosterDamaged."""
        try:
            for payload in self.pages():
                messages.Page.decode(payload)
            manifest, digest = self.mark(MANIFEST), self.mark(_DIGEST)
            version = 0 if manifest is None else messages.RosterManifest.decode(manifest.payload).version
        except (RecordError, UnicodeDecodeError) as error:
            raise self._damaged(str(error)) from error
        found = None if manifest is None else hashlib.sha256(manifest.payload).digest()
        if manifest is not None and (
            version != manifest.version or digest not in {None, Highwater(version, found or b"")}
        ):
            raise self._damaged("the manifest was altered after it was stored")
        if any(row.state not in {HELD, OUT, GONE} for row in self.rows().values()):
            raise self._damaged("a person's state is not a known one")

    def _damaged(self, why: str) -> RosterDamaged:
        return RosterDamaged(f"{self.path}: {RECEIVED.mend} ({why})")

    def rows(self) -> dict[str, EntryState]:
        """The notes, by person. Raises PeopleError."""
        with RECEIVED.guard(self.path):
            query = "SELECT person, version, sha256, content, state, reason FROM people"
            return {row[0]: EntryState(*row) for row in self._db.execute(query)}

    def pages(self) -> list[bytes]:
        """The payloads of the pages, sorted by version. Raises PeopleError."""
        with RECEIVED.guard(self.path):
            return [payload for (payload,) in self._db.execute("SELECT payload FROM pages ORDER BY version")]

    def mark(self, name: str) -> Highwater | None:
        """The newest document of this name; None when there was none. Raises PeopleError."""
        with RECEIVED.guard(self.path):
            query = "SELECT version, payload FROM marks WHERE name = ?"
            row = self._db.execute(query, (name,)).fetchone()
        return None if row is None else Highwater(*row)

    def keep(self, rows: Iterable[EntryState]) -> None:
        """Store notes in one transaction. Raises PeopleError."""
        columns = [(one.person, one.version, one.sha256, one.content, one.state, one.reason) for one in rows]
        with RECEIVED.writing(self._db, self.path):
            self._db.executemany("INSERT OR REPLACE INTO people VALUES (?, ?, ?, ?, ?, ?)", columns)

    def forget(self, persons: Iterable[str]) -> None:
        """Delete the notes of people, as if nothing had come about them. Raises PeopleError."""
        with RECEIVED.writing(self._db, self.path):
            self._db.executemany("DELETE FROM people WHERE person = ?", [(person,) for person in persons])

    def clear(self) -> None:
        """Delete everything, as if no message had come. Raises PeopleError."""
        with RECEIVED.writing(self._db, self.path):
            for table in ("people", "pages", "marks"):
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608 (fixed names)

    def keep_mark(self, name: str, mark: Highwater) -> None:
        """Store the newest document of this name. Raises PeopleError."""
        rows = [(name, mark.version, mark.payload)]
        if name == MANIFEST:
            rows.append((_DIGEST, mark.version, hashlib.sha256(mark.payload).digest()))
        with RECEIVED.writing(self._db, self.path):
            self._db.executemany("INSERT OR REPLACE INTO marks VALUES (?, ?, ?)", rows)

    def keep_page(self, bucket: str, version: int, payload: bytes, oldest: int) -> None:
        """Store a page, and delete those of its bucket below the version `oldest`. Raises PeopleError."""
        with RECEIVED.writing(self._db, self.path):
            self._db.execute("INSERT OR REPLACE INTO pages VALUES (?, ?, ?)", (bucket, version, payload))
            self._db.execute("DELETE FROM pages WHERE bucket = ? AND version < ?", (bucket, oldest))


def _set_aside(path: Path) -> None:
    """Rename a damaged file, in place of one that was set aside before. Raises PeopleError."""
    RECEIVED.clear(path)
    try:
        path.replace(path.with_name(path.name + ASIDE))
        for end in ("-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + end).unlink()
        sync_directory(path.parent)
    except OSError as error:
        raise PeopleError(
            f"{path}: it is damaged, and cannot be moved out of the way ({error.strerror}); move it away"
        ) from error
