"""The ledger's file: SQLite in WAL mode with `synchronous=FULL`, every failure with its cure.

What a committed batch holds survives a power cut, so that a receipt may be signed over it.
"""

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from edge.central.ownership import adopt
from edge.central.store import migrations
from edge.errors import LedgerError, LedgerStalled

BUSY_S = 10.0
"""How long a command waits for another process's transaction."""
_CACHE_KIB = 16_384
"""The index of persons is written all over: its pages should be at hand."""
_CHECKPOINT_PAGES = 4_000
"""16 MiB of write-ahead file before it is copied back: a page that every batch changes is then copied seldom."""


class Database:
    """One connection, bound to the thread that opened it."""

    def __init__(self, path: Path, *, busy_s: float = BUSY_S) -> None:
        """Open, create or migrate. Raises LedgerError."""
        self.path = path
        with self._guard():
            _create_private(path)
            self._db = sqlite3.connect(path, timeout=busy_s, isolation_level=None)
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = FULL")
                self._db.execute("PRAGMA foreign_keys = ON")
                self._db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
                self._db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
                migrations.apply(self._db, path)
            except BaseException:
                self._db.close()
                raise

    @contextlib.contextmanager
    def batch(self) -> Iterator[None]:
        """One transaction: all of it is durable on leaving, or none.

        Raises LedgerStalled for what may pass (another process writes, the disk is full or read-only), else
        LedgerError.
        """
        with self._guard():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    def select(self, query: str, parameters: Sequence[object] = ()) -> Iterator[Any]:
        """The rows of a reader's own query, as tuples, while they are asked for. Raises LedgerError."""
        with self._guard():
            yield from self._db.execute(query, parameters)

    def change(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        """A statement over each row of parameters (inside a batch). Raises LedgerError."""
        with self._guard():
            self._db.executemany(statement, rows)

    def close(self) -> None:
        """Release the file; safe to call twice."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextlib.contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except LedgerError:
            raise
        except sqlite3.Error as error:
            # the low byte is the primary code; what the module itself raises has none
            cause = _PASSING.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
            if cause is not None:
                raise LedgerStalled(f"{self.path}: {cause} ({error}). {_KEPT}") from error
            raise LedgerError(f"{self.path}: {_FAILS} ({error}); {_CHECK}. {_KEPT}") from error
        except OSError as error:
            kind = LedgerStalled if error.errno in {errno.EROFS, errno.ENOSPC} else LedgerError
            raise kind(f"{self.path}: {_FAILS} ({error}); {_CHECK}. {_KEPT}") from error


_PASSING = {
    sqlite3.SQLITE_BUSY: "another process writes for long; end it when it hangs",
    sqlite3.SQLITE_LOCKED: "another process writes for long; end it when it hangs",
    sqlite3.SQLITE_FULL: "the disk is full; check the disk's space, make room",
    sqlite3.SQLITE_READONLY: "the database cannot be written; mount its disk for writing, check whose file it is",
    sqlite3.SQLITE_IOERR: "the disk fails; check the disk's space and health",
    sqlite3.SQLITE_CANTOPEN: "the database's files cannot be opened; check its directory and its mount",
    sqlite3.SQLITE_NOMEM: "no memory is left; make room",
}
"""What mends itself or can be mended while the ledger runs, by SQLite's result code."""
_FAILS = "the ledger's database fails"
_CHECK = "check the disk's space and health, and that the file belongs to this user"
_KEPT = "Nothing that was committed is lost"


def _create_private(path: Path) -> None:
    # SQLite gives its other files the mode of the first. One that exists is never opened here: closing it would
    # drop the locks of every connection that this process has on it.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        adopt(path)
