"""What an evaluation found, kept as it finds it, so that one that was ended goes on where it was.

The file is its owner's alone, and is to be deleted when the work is done.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

from edge.errors import EvaluationError


class Cache:
    """Bytes by key; one connection. Without a folder everything is kept in memory."""

    def __init__(self, folder: Path | None, file: str, pipeline: str) -> None:
        """`pipeline` names all that a finding depends on, but for its key. Raises EvaluationError."""
        self._pipeline = pipeline
        self._where = ":memory:"
        try:
            if folder is not None:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                (folder / file).touch(mode=0o600)
                self._where = str(folder / file)
            self._db = sqlite3.connect(self._where, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")  # what a power cut loses is looked at again
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS kept (key TEXT NOT NULL, pipeline TEXT NOT NULL, kept BLOB NOT NULL, "
                "PRIMARY KEY (key, pipeline))"
            )
        except (OSError, sqlite3.Error) as error:
            if hasattr(self, "_db"):
                self._db.close()
            raise self.unusable(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._db.close()

    def get(self, key: str) -> bytes | None:
        """What was kept; None when nothing was. Raises EvaluationError."""
        try:
            with closing(self._db.cursor()) as cursor:
                cursor.execute("SELECT kept FROM kept WHERE key = ? AND pipeline = ?", (key, self._pipeline))
                row = cursor.fetchone()
        except sqlite3.Error as error:
            raise self.unusable(error) from error
        return None if row is None else bytes(row[0])

    def keep(self, key: str, found: bytes) -> None:
        """Remember it at once: what was looked at is not looked at again. Raises EvaluationError."""
        try:
            self._db.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", (key, self._pipeline, found))
        except sqlite3.Error as error:
            raise self.unusable(error) from error

    def unusable(self, error: Exception) -> EvaluationError:
        """What to say of a folder that is of no use."""
        return EvaluationError(f"{self._where}: cannot keep findings there ({error}); name another --work folder")
