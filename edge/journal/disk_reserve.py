"""Space on the disk that is the journal's before it needs it: a file of nothing beside it.

It is made at the first boot and shrinks as the journal grows, so that whatever else fills the disk, a punch finds
room. A file system without fallocate(2) is written full instead, once.
"""

import contextlib
import errno
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from edge.errors import JournalError
from edge.storage.durable_file import give_away
from edge.storage.sqlite_file import is_out_of_space

T = TypeVar("T")
_log = logging.getLogger(__name__)

WAL_ROOM = 8_000_000
"""Bytes for the write-ahead file, which SQLite folds in at some 4 MB, and its index."""
_COARSE = 4_000_000
"""Smaller differences are not worth a write to the card."""
_STEP = 1_000_000
"""What is given back at a time when the disk is full."""


class Reserve:
    """The reserve of one journal."""

    def __init__(self, journal: Path, max_bytes: int) -> None:
        """`max_bytes` is the journal's bound."""
        self._journal, self._max_bytes = journal, max_bytes
        self._path = journal.with_suffix(".reserve")

    def fit(self) -> bool:
        """Hold what the journal may still grow; False when the disk has no room for all of it.

        Raises JournalError when the file cannot be made at all.
        """
        try:
            wanted = max(0, self._max_bytes + WAL_ROOM - self._used())
            with self._opened(os.O_CREAT) as descriptor:
                held = os.fstat(descriptor).st_size
                if abs(wanted - held) < _COARSE and held:
                    return True
                if wanted <= held:
                    os.ftruncate(descriptor, wanted)
                    return True
                return _grow(descriptor, held, wanted)
        except OSError as error:
            raise JournalError(
                f"{self._path}: no space can be reserved ({error.strerror}); make its directory ours to write"
            ) from error

    def give(self) -> bool:
        """Give some of it back, so that a write that met a full disk can be tried again; False at the end."""
        with contextlib.suppress(OSError), self._opened(0) as descriptor:
            held = os.fstat(descriptor).st_size
            os.ftruncate(descriptor, max(0, held - _STEP))
            return held > 0
        return False

    def lend(self, act: Callable[[], T]) -> T:
        """Do something that writes, and again with space of the reserve as long as the disk is full.

        Raises what `act` raises once there is no more to give.
        """
        while True:
            try:
                return act()
            except JournalError as error:
                if not is_out_of_space(error.__cause__) or not self.give():
                    raise
                _log.error("the disk is full; the journal takes from its reserve. Free some space on it")

    def _used(self) -> int:
        used = 0
        for end in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                used += self._journal.with_name(self._journal.name + end).stat().st_size
        return used

    @contextlib.contextmanager
    def _opened(self, create: int) -> Iterator[int]:
        descriptor = os.open(self._path, os.O_RDWR | create | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            if create:
                give_away(self._path.parent, descriptor)
            yield descriptor
        finally:
            os.close(descriptor)


def _grow(descriptor: int, held: int, wanted: int) -> bool:
    """As far as the disk allows, by halves; whether it is all there."""
    step = wanted - held
    while step >= _STEP:
        try:
            os.posix_fallocate(descriptor, held, step)
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
                raise
            os.ftruncate(descriptor, held)  # what it had allocated of the part that failed
            step //= 2
            continue
        held += step
        step = min(step, wanted - held)
    return wanted - held < _COARSE
