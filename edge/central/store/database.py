"""The ledger's file, as it is opened, read and written.

What a committed batch holds survives a power cut, so that a receipt may be signed over it.
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
"""The index of persons is written all over: its pages should be at hand."""
_CHECKPOINT_PAGES = 4_000
"""16 MiB of write-ahead file before it is copied back: a page that every batch changes is then copied seldom."""
_PASSING = {errno.EROFS, errno.ENOSPC}
"""Why a ledger may not be created now, and is later: waiting mends neither a wrong path nor missing rights."""


class Database(SqliteConnection):
    """One connection, bound to the thread that opened it."""

    def __init__(self, path: Path, *, busy_s: float = LEDGER.busy_s) -> None:
        """Open, create or migrate. Raises LedgerError, LedgerStalled among them for what may pass."""
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
        """One transaction: all of it is durable on leaving, or none.

        Raises LedgerStalled for what may pass (another process writes, the disk is full or read-only), else
        LedgerError.
        """
        with LEDGER.writing(self._db, self.path):
            yield

    def select(self, query: str, parameters: Sequence[object] = ()) -> Iterator[Any]:
        """Run a reader's own query and yield its rows, as tuples, one by one. Raises LedgerError."""
        with self._guard():
            yield from self._db.execute(query, parameters)

    def change(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        """Run a statement over each row of parameters (inside a batch). Raises LedgerError."""
        with self._guard():
            self._db.executemany(statement, rows)

    def _guard(self) -> contextlib.AbstractContextManager[None]:
        return LEDGER.guard(self.path)
