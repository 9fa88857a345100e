"""The lines of a script: a file that grows, or a FIFO. The replay adapters of reader and buttons read them.

A file is read from where it ends when it is opened: lines before that were read before a restart, or are too old to
count. A file that was emptied, or replaced by another of its name, is read from its beginning. A file that was made
again is followed, and a removed one counts as away.
"""

import logging
import os
import select
import stat
import time
from collections.abc import Callable
from pathlib import Path

LOG = logging.getLogger(__name__)
PAUSE_S = 10.0
"""After so many seconds the beginning of a line is dropped: its writer does not go on with it."""
_LOOK_S = 0.5
"""Seconds between two checks whether the file was replaced."""
_MOST = 4_096
"""Most bytes that are kept without an end of line: no script has such a line."""


class ScriptLines:
    """Reads the lines of one script. One thread uses it."""

    def __init__(self, path: Path, now_s: Callable[[], float] = time.monotonic) -> None:
        """`path` is a FIFO, or a file that grows."""
        self._path, self._now_s = path, now_s
        self._descriptor: int | None = None
        self._rest, self._rest_s = b"", 0.0
        self._lines: list[bytes] = []
        self._looked_s = float("-inf")
        self._gone = False

    @property
    def is_open(self) -> bool:
        """Whether lines can be read."""
        return self._descriptor is not None

    @property
    def away(self) -> bool:
        """Whether it is not open, or was removed."""
        return self._descriptor is None or self._gone

    def open(self) -> None:
        """Open the script at its end. Raises OSError when it is not there."""
        self._descriptor = self._opened()
        try:
            os.lseek(self._descriptor, 0, os.SEEK_END)
        except OSError:
            return  # a FIFO has no position to go to

    def next(self, timeout_s: float) -> str | None:
        """The next line without the spaces around it; None when none came in time, or while it is not open."""
        deadline = time.monotonic() + timeout_s
        while self._descriptor is not None:
            if self._lines:
                return self._lines.pop(0).decode("utf-8", "replace").strip()
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            if not self._more(self._descriptor, left):
                self._follow()
                time.sleep(min(left, 0.05))  # the end of a file: it may grow
        return None

    def close(self) -> None:
        """Close the script; safe to call twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        self._rest, self._lines, self._gone = b"", [], False

    def _opened(self) -> int:
        # Opened for writing, too: a FIFO whose last writer left would be at its end for ever.
        mode = os.O_RDWR if self._path.is_fifo() else os.O_RDONLY
        return os.open(self._path, mode | os.O_NONBLOCK | os.O_CLOEXEC)

    def _follow(self) -> None:
        """Where nothing more comes: find out whether the file was emptied, removed, or replaced by another one of
        its name.
        """
        if self._descriptor is None or self._now_s() - self._looked_s < _LOOK_S:
            return
        self._looked_s = self._now_s()
        mine = os.fstat(self._descriptor)
        if stat.S_ISREG(mine.st_mode) and mine.st_size < os.lseek(self._descriptor, 0, os.SEEK_CUR):
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            self._rest = b""
        try:
            there = self._path.stat()
            same = (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)
            another = self._descriptor if same else self._opened()
        except OSError as error:  # it may be between the old one and the new one
            if not self._gone:
                LOG.warning("%s: the script is gone (%s); make it with `mkfifo`", self._path, error.strerror)
            self._gone = True
            return
        self._gone = False
        if not same:
            os.close(self._descriptor)
            self._descriptor, self._rest = another, b""

    def _more(self, descriptor: int, timeout_s: float) -> bool:
        if not select.select([descriptor], [], [], timeout_s)[0]:
            return False
        try:
            chunk = os.read(descriptor, _MOST)
        except BlockingIOError:
            return False
        if self._rest and self._now_s() - self._rest_s > PAUSE_S:
            self._rest = b""
        *lines, rest = (self._rest + chunk).split(b"\n")
        self._lines += lines
        if chunk:
            self._rest_s = self._now_s()
        self._rest = rest if len(rest) <= _MOST else b""
        return bool(chunk)
