"""A connection to an SQLite file of ours, which a `with` block closes."""

import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Self


class SqliteConnection:
    """One connection, bound to the thread that opened it. What derives from this opens it."""

    path: Path
    _db: sqlite3.Connection

    def close(self) -> None:
        """Safe to call twice."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
