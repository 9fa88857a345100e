"""Opens, reads and writes the ledger's database file.

A committed batch survives a power cut, so a receipt may be signed after the commit.
"""

import contextlib
import errno
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge.central.store.schema import LEDGER, TABLES
from edge.errors import LedgerError, LedgerStalled
from edge.storage.sqlite_connection import SqliteConnection

_CACHE_KIB = 16_384
"""Writes go to all parts of the index of persons, so its pages should stay in memory."""
_CHECKPOINT_PAGES = 4_000
"""16 MiB of write-ahead log before a checkpoint. A page that every batch changes is then copied back seldom."""
_PASSING = {errno.EROFS, errno.ENOSPC}
"""Errors of creating a ledger that may pass by themselves. A wrong path or missing rights do not."""


class Database(SqliteConnection):
    """One connection to the database, bound to the thread that opened it."""

    def __init__(self, path: Path, *, busy_s: float = LEDGER.busy_s) -> None:
        """Opens the file; creates or migrates it if necessary. Raises LedgerError; its subclass LedgerStalled for a
        cause that may pass.
        """
        self.path = path
        try:
            self._db = replace(LEDGER, busy_s=busy_s).open(path, TABLES)
        except LedgerStalled as error:
            cause = error.__cause__
            if isinstance(cause, OSError) and cause.errno not in _PASSING:
                raise LedgerError(str(error)) from cause
            raise
        self._file = _file(path)
        with self._guard():
            self._db.execute("PRAGMA foreign_keys = ON")
            self._db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            self._db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")

    @contextlib.contextmanager
    def batch(self) -> Iterator[None]:
        """One transaction: after the block either all of it is durable or none.

        Raises LedgerStalled for a cause that may pass (another process writes, the disk is full or read-only),
        otherwise LedgerError, also after the commit when `require_in_place` does.
        """
        with LEDGER.writing(self._db, self.path):
            yield
        self.require_in_place()

    def require_in_place(self) -> None:
        """Raises LedgerError when the name of the file belongs to another file by now, or to none.

        SQLite goes on writing to a file that was removed or replaced. All of that is lost when the program ends, so
        nothing of it may be receipted.
        """
        if _file(self.path) != self._file:
            raise LedgerError(
                f"{self.path}: was removed or replaced while it was in use, so that what was stored since is lost; "
                "stop every program that uses this file before you move or restore it, then start them again"
            )

    def select(self, query: str, parameters: Sequence[object] = ()) -> Iterator[Any]:
        """Runs a reader's own query and yields its rows as tuples. Raises LedgerError."""
        with self._guard():
            yield from self._db.execute(query, parameters)

    def change(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        """Runs a statement for each row of parameters (inside a batch). Raises LedgerError."""
        with self._guard():
            self._db.executemany(statement, rows)

    def _guard(self) -> contextlib.AbstractContextManager[None]:
        return LEDGER.guard(self.path)


def _file(path: Path) -> tuple[int, int] | None:
    """Device and inode of the file with this name; None when there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LedgerStalled(f"{path}: cannot be looked at ({error.strerror}); check the disk") from error
    return found.st_dev, found.st_ino
