"""The watch over the journal: each second its head is noted, if the file in use still has the journal's name."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

from edge.errors import JournalDamaged, JournalError
from edge.journal import last_seen
from edge.journal.diagnosis import mark_suspect
from edge.journal.journal import Journal
from edge.journal.last_seen import Seen

EVERY_S = 1.0
_TURN_S = 0.1
"""Greatest time that a stop may have to wait for this loop."""
_log = logging.getLogger(__name__)


class Noting:
    """Notes the journal's head on a thread of its own, because a note must be on the disk and no punch waits
    for that.
    """

    def __init__(self, open_journal: Callable[[], Journal], *, every_s: float = EVERY_S) -> None:
        self._open_journal, self._every_s = open_journal, every_s
        self._journal: Journal | None = None
        self._file: tuple[int, int] | None = None
        self._seen: Seen | None = None
        self._failed = False
        self._look_at = 0.0

    def open(self) -> None:
        """Open the journal on this thread. Raises JournalError."""
        self._journal = self._open_journal()
        self._file = _file(self._journal.path)

    def run_once(self, timeout_s: float) -> None:
        """Look once a second, and wait a little in between.

        Raises JournalDamaged when the journal's name belongs to another file than the one that is written to.
        Records of the file in use would be lost when the process ends. Therefore it ends now, and the next start
        says what is missing.
        """
        journal, now = self._opened(), time.monotonic()
        if now < self._look_at:
            time.sleep(min(timeout_s, _TURN_S))
            return
        self._look_at = now + self._every_s
        if _file(journal.path) != self._file:
            mark_suspect(journal.path)
            raise JournalDamaged(
                f"{journal.path}: was removed or replaced while it was in use; find out who did, and look for what "
                "is missing with `smartclocker central gaps` at the centre"
            )
        self._note(journal)

    def close(self) -> None:
        """Note the head a last time and close the journal; safe to call twice."""
        if self._journal is not None:
            if _file(self._journal.path) == self._file:
                self._note(self._journal)
            self._journal.close()
            self._journal = None

    def _note(self, journal: Journal) -> None:
        try:
            head = journal.head()
            if self._seen is None or (self._seen.epoch, self._seen.seq) != (journal.epoch, head.seq):
                self._seen = last_seen.note(journal)
        except JournalError as error:
            if not self._failed:
                _log.warning("the journal's newest record cannot be noted beside it: %s", error)
            self._failed = True
        else:
            self._failed = False

    def _opened(self) -> Journal:
        if self._journal is None:
            raise RuntimeError("call open() first, on the thread that calls run_once()")
        return self._journal


def _file(path: Path) -> tuple[int, int] | None:
    """Device and inode of the file with this name; None when there is none, or when the disk does not answer."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
