"""The layer for the SQLite files of this program: made whole or not at all, opened strictly, every error with its
cure.

The files are in WAL mode with `synchronous=FULL`: a commit returns after fdatasync. Every SQLite file of the
terminal and of the centre uses this layer. Only files that are deleted after use (the findings of an evaluation or
of a recovery) do not.
"""

import contextlib
import errno
import os
import secrets
import sqlite3
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.errors import SmartClockerError
from edge.storage import side_files
from edge.storage.durable_file import give_away, sync_directory

BUSY_S = 5.0
_SMALLEST = 512
"""Bytes of the smallest page size of SQLite."""


@dataclass(frozen=True, slots=True)
class SqliteFile:
    """The name of a kind of file, how it is recognised, and the cure when it is damaged."""

    noun: str
    application_id: int
    """The number in the file's header by which this program and file(1) recognise the kind."""
    version: int
    """Version of the tables. An earlier one can be read, and `migrate` brings it up to this one. A later one is
    refused.
    """
    error: type[SmartClockerError]
    """The error that every method here raises; its constructor takes one message."""
    mend: str
    """The cure for damage, as the end of a sentence."""
    damaged: type[SmartClockerError] | None = None
    """The error that is raised instead of `error` when the content is at fault, not the disk or our rights on
    it.
    """
    away: type[SmartClockerError] | None = None
    """The error that is raised instead of `error` when the disk, our rights on it or another process is at
    fault.
    """
    steps: tuple[str, ...] = ()
    """SQL scripts; the n-th brings version n to version n + 1. Never change a script that was released."""
    former: tuple[int, str] | None = None
    """An earlier `application_id` that another kind has too, and a table that only this kind has."""
    busy_s: float = BUSY_S
    """Seconds that a command waits for another process's transaction."""
    trusted_schema: bool = False
    """Whether an index calls a function. SQLite refuses that in a schema unless it is told to trust the schema."""
    cache: bool = False
    """Whether all of the content can be made again. Then a file of a later program is treated like a damaged
    one.
    """

    def create(self, path: Path, tables: str, fill: Callable[[sqlite3.Connection], object]) -> None:
        """Make a file with these tables, 0600 and durable on return; one that exists already is left alone.

        `fill` inserts the first rows in the same transaction. The file is built under another name and then linked,
        so an empty or incomplete file under this name is always damaged. Raises `error`.
        """
        self.clear(path)
        wal = path.with_name(path.name + "-wal")
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            if wal.exists() and wal.stat().st_size:
                raise self.error(
                    f"{path}: missing, but {wal.name} is there; bring the {self.noun} back beside it, or move "
                    "that away"
                )
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(temporary, flags, 0o600)
            try:
                # SQLite gives -wal and -shm the same owner as the database.
                give_away(path.parent, descriptor)
            finally:
                os.close(descriptor)
            try:
                self._build(temporary, tables, fill)
                with contextlib.suppress(FileExistsError):
                    os.link(temporary, path)
            finally:
                for end in ("", "-wal", "-shm"):
                    temporary.with_name(temporary.name + end).unlink(missing_ok=True)
            sync_directory(path.parent)
        except OSError as error:
            if isinstance(error, SmartClockerError):
                raise
            raise (self.away or self.error)(
                f"{path}: cannot be created ({error.strerror}); its directory must exist, be writable by this "
                "user, and have free space"
            ) from error

    def connect(self, path: Path, mode: str = "rw", *, immutable: bool = False) -> sqlite3.Connection:
        """Open an existing file, `mode` "rw" or "ro"; a file of another kind or version is refused. Raises
        `error`.
        """
        if mode == "rw":
            self.clear(path)
        elif not immutable:
            self._refuse_strange(path)
        self.refuse_truncated(path)
        with self.guard(path):
            connection = self._connect(path, mode, "&immutable=1" if immutable else "")
            try:
                self._refuse_other(connection, path)
                if mode == "rw":
                    connection.execute("PRAGMA journal_mode = WAL")
                    connection.execute("PRAGMA synchronous = FULL")
            except BaseException:
                connection.close()
                raise
        return connection

    @contextlib.contextmanager
    def guard(self, path: Path) -> Iterator[None]:
        """Turn SQLite's errors into ours with the cure; errors from misuse of the library pass through."""
        try:
            yield
        except sqlite3.ProgrammingError:
            # another thread's connection or a closed one: a fault of the program, which no installer can cure
            raise
        except sqlite3.Error as error:
            if _code(error) == sqlite3.SQLITE_NOTADB:
                raise self._not_one(path) from None
            kind = self.away if _code(error) in _CURES else self.damaged if is_damage(error) else None
            raise (kind or self.error)(f"{path}: {_CURES.get(_code(error), self.mend)} ({error})") from error

    def migrate(self, connection: sqlite3.Connection, path: Path) -> None:
        """Bring a file of an earlier version to this one, in one transaction. Raises `error`.

        Only `user_version` tells which steps the file has had, because earlier programs refuse a newer file by it.
        """
        if connection.execute("PRAGMA user_version").fetchone()[0] == self.version:
            return
        from sqlite_utils import Database  # slow to import, and it imports numpy: only for an earlier version

        with self.writing(connection, path):
            # another process may have been faster
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            database = Database(connection, recursive_triggers=False, execute_plugins=False)
            for step in self.steps[version - 1 :]:
                # statement by statement, because sqlite3's executescript commits first
                database.executescript(step)
            connection.execute(f"PRAGMA user_version = {self.version}")

    def open(self, path: Path, tables: str) -> sqlite3.Connection:
        """Create the file where there is none, connect for writing, and bring it up to this version. Raises
        `error`.
        """
        if not self.present(path):
            self.create(path, tables, lambda _connection: None)
        connection = self.connect(path)
        try:
            self.migrate(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection

    @contextlib.contextmanager
    def writing(self, connection: sqlite3.Connection, path: Path) -> Iterator[None]:
        """A write transaction: committed and synced at the end, rolled back on any error. Raises `error`."""
        with self.guard(path):
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                connection.execute("COMMIT")
            finally:
                # SQLite may have rolled back by itself after a failed statement or commit, so ask SQLite.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def present(self, path: Path) -> bool:
        """Whether there is anything at `path`. Raises `error` when this user has no right to look."""
        try:
            return path.exists()
        except PermissionError as error:
            cure = "make it readable by this user"
            raise (self.away or self.error)(f"{path}: cannot be read ({error.strerror}); {cure}") from error

    def refuse_truncated(self, path: Path) -> None:
        """Refuse a file that is too small for an SQLite file. SQLite would take an empty file for a new database.

        The file is never opened here. POSIX drops every lock that a process has on a file when the process closes
        any descriptor of it. Another process would then believe that it is the last one and remove the write-ahead
        file that we still write to. Raises `error`.
        """
        try:
            found = path.stat()
            if stat.S_ISDIR(found.st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            if not os.access(path, os.R_OK, effective_ids=True):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            cure = "make it readable by this user" if isinstance(error, PermissionError) else "correct the path"
            if isinstance(error, IsADirectoryError):
                cure = "a folder has the name of this file: move it away, or correct the path"
            raise (self.away or self.error)(f"{path}: cannot be read ({error.strerror}); {cure}") from error
        if found.st_size < _SMALLEST:
            raise self._not_one(path)

    def clear(self, path: Path) -> None:
        """Set aside everything named like -wal, -shm and -journal that is not a file. Raises `error`."""
        try:
            side_files.set_aside(path)
        except OSError as error:
            raise (self.away or self.error)(
                f"{path}: its -wal or -shm is not a file, and cannot be moved away ({error.strerror}); move it away"
            ) from error

    def _refuse_strange(self, path: Path) -> None:
        """Refuse a -wal, -shm or -journal that is not a file, for a reader.

        A reader moves nothing, and must not wait for a pipe that nobody writes to. Raises `error`.
        """
        for strange in side_files.strange(path):
            raise (self.away or self.error)(f"{strange}: is not a file; move it away")

    def _not_one(self, path: Path) -> SmartClockerError:
        if self.cache:
            return (self.damaged or self.error)(f"{path}: truncated, or not a {self.noun}: {self.mend}")
        return (self.damaged or self.error)(
            f"{path}: truncated, or not a {self.noun}; nothing was changed: keep the file, then correct the "
            "path or restore it from your backup"
        )

    def _build(self, path: Path, tables: str, fill: Callable[[sqlite3.Connection], object]) -> None:
        pragmas = f"PRAGMA application_id = {self.application_id}; PRAGMA user_version = {self.version};"
        with self.guard(path), contextlib.closing(self._connect(path, "rw")) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(f"BEGIN; {pragmas} {tables}")
            fill(connection)
            connection.execute("COMMIT")
        with path.open("rb") as file:
            os.fsync(file.fileno())

    def _connect(self, path: Path, mode: str, more: str = "") -> sqlite3.Connection:
        uri = f"{path.absolute().as_uri()}?mode={mode}{more}"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=self.busy_s)
        try:
            connection.execute(f"PRAGMA trusted_schema = {'ON' if self.trusted_schema else 'OFF'}")
            connection.execute("PRAGMA cell_size_check = ON")
        except BaseException:
            connection.close()
            raise
        return connection

    def _refuse_other(self, connection: sqlite3.Connection, path: Path) -> None:
        if not self._is_ours(connection):
            raise (self.damaged or self.error)(
                f"{path}: not a {self.noun}; correct the path, or restore the file from your backup"
            )
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if not 1 <= version <= self.version:
            raise (self.damaged or self.error if self.cache else self.error)(
                f"{path}: {self.noun} of format {version}, this program reads {self.version}; install the version "
                "that wrote it, or a later one"
            )

    def _is_ours(self, connection: sqlite3.Connection) -> bool:
        """Whether the file is of this kind: by its id, or by a former id and the table that only this kind has.

        A file with the former id is given the present one if it is open for writing.
        """
        found = connection.execute("PRAGMA application_id").fetchone()[0]
        if found == self.application_id or self.former is None or found != self.former[0]:
            return bool(found == self.application_id)
        query = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?"
        if connection.execute(query, (self.former[1],)).fetchone() is None:
            return False
        with contextlib.suppress(sqlite3.OperationalError):  # opened for reading: the next writer sets it
            connection.execute(f"PRAGMA application_id = {self.application_id}")
        return True


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the content is at fault, not the disk or our rights on it."""
    return _code(error) in {
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_MISMATCH,
    }


def is_out_of_space(error: BaseException | None) -> bool:
    """Whether a write may have found no space: SQLite reports FULL, or IOERR when the shared index found none."""
    return isinstance(error, sqlite3.Error) and _code(error) in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}


def _code(error: sqlite3.Error) -> int:
    """The primary result code; errors that Python raises by itself have none."""
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF


_CURES = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space on it",
    sqlite3.SQLITE_BUSY: "another process held it for too long; end that process (`fuser` names it)",
    sqlite3.SQLITE_LOCKED: "another process held it for too long; end that process (`fuser` names it)",
    sqlite3.SQLITE_NOMEM: "no memory is left; end other programs",
    sqlite3.SQLITE_READONLY: "it is read-only here; make the file and its directory writable by this user",
    sqlite3.SQLITE_PERM: "this user may not open it; make the file and its directory writable by this user",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; make the file and its directory writable by this user",
    sqlite3.SQLITE_IOERR: "reading or writing failed; check the disk's free space, then its health",
}
