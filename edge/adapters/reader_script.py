"""A badge reader made of a file or FIFO: each line is `badge NUMBER` or `keys DIGITS`. It ships with the product.

For the demo, for tests, and for whoever has a reader of another kind: a program that knows it writes the lines.
"""

import os
import select
import time
from pathlib import Path

from edge.domain.badge import Read, Token
from edge.errors import ReaderError

_WORDS = {"badge": Token.BADGE, "keys": Token.NUMBER}
_MOST = 4_096
"""Bytes without an end of line that are kept: more is no badge."""


class ScriptReader:
    """Implements the Reader port."""

    def __init__(self, path: Path) -> None:
        """`path` is a FIFO, or a file that grows."""
        self._path = path
        self._descriptor: int | None = None
        self._rest = b""
        self._lines: list[bytes] = []

    def open(self) -> None:
        """Raises ReaderError when it is not there."""
        try:
            # For writing, too: a FIFO whose last writer left would be at its end for ever.
            mode = os.O_RDWR if self._path.is_fifo() else os.O_RDONLY
            self._descriptor = os.open(self._path, mode | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise ReaderError(f"{self._path}: cannot be read ({error.strerror}); make it with `mkfifo`") from error

    def read(self, timeout_s: float) -> Read | None:
        """The next line that is one; others are skipped. Raises ReaderError when not open."""
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
                time.sleep(min(left, 0.05))  # the end of a file: it may grow

    @property
    def away(self) -> bool:
        """Whether it is not open."""
        return self._descriptor is None

    def close(self) -> None:
        """Safe to call twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _more(self, descriptor: int, timeout_s: float) -> bool:
        if not select.select([descriptor], [], [], timeout_s)[0]:
            return False
        try:
            chunk = os.read(descriptor, _MOST)
        except BlockingIOError:
            return False
        *lines, rest = (self._rest + chunk).split(b"\n")
        self._lines += lines
        self._rest = rest if len(rest) <= _MOST else b""
        return bool(chunk)


def _parsed(line: bytes) -> Read | None:
    word, _, text = line.decode("utf-8", "replace").strip().partition(" ")
    source = _WORDS.get(word)
    return None if source is None or not text.strip() else Read(source, text.strip())
