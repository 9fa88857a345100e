"""A badge reader made of a file or FIFO: each line is `badge NUMBER` or `keys DIGITS`. It ships with the product.

It is for the demo, for tests, and for people with a reader of another kind: a program that knows it writes the
lines. A file is read from where it ends when it is opened: lines before that were read before a restart, or are too
old to count. A file that was emptied, or replaced by another of its name, is read from its beginning. A file that
was made again is followed, and a removed one counts as away.
"""

import logging
import os
import select
import stat
import time
from collections.abc import Callable
from pathlib import Path

from edge.domain.people.credentials import Read, Token
from edge.errors import ReaderError

LOG = logging.getLogger(__name__)
PAUSE_S = 10.0
"""After so many seconds the beginning of a line is dropped: its writer does not go on with it."""
_LOOK_S = 0.5
"""Seconds between two checks whether the file was replaced."""
_WORDS = {"badge": Token.BADGE, "keys": Token.NUMBER}
_MOST = 4_096
"""Most bytes that are kept without an end of line: more is no badge."""


class ScriptReader:
    """Implements the Reader port."""

    def __init__(self, path: Path, *, now_s: Callable[[], float] = time.monotonic) -> None:
        """`path` is a FIFO, or a file that grows."""
        self._path, self._now_s = path, now_s
        self._descriptor: int | None = None
        self._rest, self._rest_s = b"", 0.0
        self._lines: list[bytes] = []
        self._looked_s = float("-inf")
        self._gone = False

    def open(self) -> None:
        """Open the file. Raises ReaderError when it is not there."""
        try:
            self._descriptor = self._opened()
            os.lseek(self._descriptor, 0, os.SEEK_END)
        except OSError as error:
            if self._descriptor is None:
                cure = f"{self._path}: cannot be read ({error.strerror}); make it with `mkfifo`"
                raise ReaderError(cure) from error
            # A FIFO has no position to go to.

    def read(self, timeout_s: float) -> Read | None:
        """The next valid line; others are skipped. Raises ReaderError when not open."""
        if self._descriptor is None:
            raise ReaderError("the reader is not open; open it first")
        deadline = time.monotonic() + timeout_s
        while True:
            while self._lines:
                found = _parsed(self._lines.pop(0))
                if found is not None:
                    return found
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            if not self._more(self._descriptor, left):
                self._follow()
                time.sleep(min(left, 0.05))  # the end of a file: it may grow

    @property
    def away(self) -> bool:
        """Whether it is not open, or was removed."""
        return self._descriptor is None or self._gone

    def close(self) -> None:
        """Close the file; safe to call twice."""
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
                LOG.warning("%s: the reader is gone (%s); make it with `mkfifo`", self._path, error.strerror)
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


def _parsed(line: bytes) -> Read | None:
    word, _, text = line.decode("utf-8", "replace").strip().partition(" ")
    source = _WORDS.get(word)
    return None if source is None or not text.strip() else Read(source, text.strip())
