"""The disk reserve: an empty file beside the journal that keeps disk space for it before it is needed.

The file is made at the first boot and shrinks as the journal grows. So there is room for a punch even when
something else fills the disk. On a file system without fallocate(2), the file is written in full once.
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
"""Bytes for the write-ahead file and its index. SQLite writes that file back into the database at about 4 MB."""
_COARSE = 4_000_000
"""Bytes. A smaller difference is not worth a write to the SD card."""
_STEP = 1_000_000
"""Bytes that are given back at a time when the disk is full."""


class Reserve:
    """The disk reserve of one journal."""

    def __init__(self, journal: Path, max_bytes: int) -> None:
        """`max_bytes` is the limit of the journal's size."""
        self._journal, self._max_bytes = journal, max_bytes
        self._path = journal.with_suffix(".reserve")

    def fit(self) -> bool:
        """Make the reserve as large as the journal may still grow; False when the disk has no room for all of it.

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
                f"{self._path}: no space can be reserved ({error.strerror}); make its directory "
                "writable by this user"
            ) from error

    def give(self) -> bool:
        """Give back one step of the reserve, so that a write that found the disk full can be repeated.

        False when nothing was left to give.
        """
        with contextlib.suppress(OSError), self._opened(0) as descriptor:
            held = os.fstat(descriptor).st_size
            os.ftruncate(descriptor, max(0, held - _STEP))
            return held > 0
        return False

    def lend(self, act: Callable[[], T]) -> T:
        """Call `act`, which writes; while the disk is full, give back some of the reserve and call it again.

        Raises the error of `act` once the reserve is empty.
        """
        while True:
            try:
                return act()
            except JournalError as error:
                if not is_out_of_space(error.__cause__) or not self.give():
                    raise
                _log.error("the disk is full; the journal uses its disk reserve. Free some space on the disk")

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
    """Grow the file as far as the disk allows, in steps that are halved on failure; whether it has the wanted
    size.
    """
    step = wanted - held
    while step >= _STEP:
        try:
            os.posix_fallocate(descriptor, held, step)
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
                raise
            os.ftruncate(descriptor, held)  # frees what was allocated by the part that failed
            step //= 2
            continue
        held += step
        step = min(step, wanted - held)
    return wanted - held < _COARSE
