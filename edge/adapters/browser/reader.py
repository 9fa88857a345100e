"""The simulator's badge reader and keypad: widgets of the page."""

import queue

from edge.domain.people.credentials import Read
from edge.errors import ReaderError

_WAITING = 16
"""Most reads that wait: more than anybody's fingers make while one is answered."""
LONGEST = 200
"""Most characters of a read; a badge has a fifth of them."""


class BrowserReader:
    """The Reader port on a page. Any thread may offer a read, or unplug it."""

    def __init__(self) -> None:
        self._reads: queue.Queue[Read] = queue.Queue(_WAITING)
        self._open = False
        self.unplugged = False
        """Whether the reader is as if it were away."""

    def open(self) -> None:
        """Start; what was offered before is gone."""
        self._clear()
        self._open = True

    def offer(self, read: Read) -> bool:
        """Hold a badge to it, or type a line; False when it is not open, unplugged or too much waits."""
        if not self._open or self.unplugged or len(read.text) > LONGEST or not read.text.strip():
            return False
        try:
            self._reads.put_nowait(read)
        except queue.Full:
            return False
        return True

    def read(self, timeout_s: float) -> Read | None:
        """The next read; None when none came in time. Raises ReaderError when not open."""
        if not self._open:
            raise ReaderError("the browser's reader is not open; open it first")
        try:
            return self._reads.get(timeout=timeout_s)
        except queue.Empty:
            return None

    @property
    def away(self) -> bool:
        """Whether it is not open, or unplugged."""
        return not self._open or self.unplugged

    def close(self) -> None:
        """Drop what waits; safe to call twice, and without open."""
        self._open = False
        self._clear()

    def _clear(self) -> None:
        while True:
            try:
                self._reads.get_nowait()
            except queue.Empty:
                return
