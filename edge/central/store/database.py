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
        with self._guard():
            self._db.execute("PRAGMA foreign_keys = ON")
            self._db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            self._db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")

    @contextlib.contextmanager
    def batch(self) -> Iterator[None]:
        """One transaction: after the block either all of it is durable or none.

        Raises LedgerStalled for a cause that may pass (another process writes, the disk is full or read-only),
        otherwise LedgerError.
        """
        with LEDGER.writing(self._db, self.path):
            yield

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
