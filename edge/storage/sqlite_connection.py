"""A connection to one of the program's SQLite files, which a `with` block closes."""

import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Self


class SqliteConnection:
    """One connection, bound to the thread that opened it. The derived class opens it."""

    path: Path
    _db: sqlite3.Connection

    def close(self) -> None:
        """Close the connection; safe to call twice."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
