"""A badge reader made of a file or FIFO: each line is `badge NUMBER` or `keys DIGITS`. It ships with the product.

It is for the demo, for tests, and for people with a reader of another kind: a program that knows it writes the
lines (`edge.adapters.replay.script_lines` says how they are followed).
"""

import time
from collections.abc import Callable
from pathlib import Path

from edge.adapters.replay.script_lines import ScriptLines
from edge.domain.people.credentials import Read, Token
from edge.errors import ReaderError

_WORDS = {"badge": Token.BADGE, "keys": Token.NUMBER}


class ScriptReader:
    """Implements the Reader port."""

    def __init__(self, path: Path, *, now_s: Callable[[], float] = time.monotonic) -> None:
        """`path` is a FIFO, or a file that grows."""
        self._path, self._lines = path, ScriptLines(path, now_s)

    def open(self) -> None:
        """Open the file. Raises ReaderError when it is not there."""
        try:
            self._lines.open()
        except OSError as error:
            cure = f"{self._path}: cannot be read ({error.strerror}); make it with `mkfifo`"
            raise ReaderError(cure) from error

    def read(self, timeout_s: float) -> Read | None:
        """The next valid line; others are skipped. Raises ReaderError when not open."""
        if not self._lines.is_open:
            raise ReaderError("the reader is not open; open it first")
        deadline = time.monotonic() + timeout_s
        while (line := self._lines.next(max(deadline - time.monotonic(), 0.0))) is not None:
            found = _parsed(line)
            if found is not None:
                return found
        return None

    @property
    def away(self) -> bool:
        """Whether it is not open, or was removed."""
        return self._lines.away

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._lines.close()


def _parsed(line: str) -> Read | None:
    word, _, text = line.partition(" ")
    source = _WORDS.get(word)
    return None if source is None or not text.strip() else Read(source, text.strip())
