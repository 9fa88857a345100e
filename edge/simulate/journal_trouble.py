"""A program that holds a door's journal, so that nothing can be recorded: as a full or failing disk would."""

import sqlite3
import threading
from pathlib import Path

from edge.errors import JournalError


class JournalTrouble:
    """Holds the journal, or lets it go. Any thread may call it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._holder: sqlite3.Connection | None = None

    def hold(self) -> None:
        """Keep everybody else from writing. Raises JournalError when that is not possible now."""
        with self._lock:
            if self._holder is not None:
                return
            try:
                self._holder = sqlite3.connect(
                    f"{self._path.as_uri()}?mode=rw", uri=True, isolation_level=None, check_same_thread=False
                )
                self._holder.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:
                self._close()
                raise JournalError(f"the journal cannot be held now ({error}); try it again") from error

    def let_go(self) -> None:
        """Let it be written again; safe to call twice."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        holder, self._holder = self._holder, None
        if holder is not None:
            holder.close()  # which ends the transaction; nothing was written in it
