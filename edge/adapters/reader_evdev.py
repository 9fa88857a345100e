"""Card readers and keypads that the kernel takes for keyboards, as nearly all on USB do, by python-evdev.

Written against evdev 1.6 (Raspberry Pi OS's python3-evdev) to 2.0. Each device is grabbed, so that a badge's number
is not typed into a console as well. One that is unplugged is looked for again every second.
"""

import logging
import select
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from edge.domain.badge import Read, Token
from edge.errors import ReaderError

LOG = logging.getLogger(__name__)
RETRY_S = 1.0
PAUSE_S = 10.0
"""After so long the beginning of a line is forgotten: somebody walked away from the keypad."""
_MOST = 64
_DOWN = 1
"""The value of a key event; 0 is up and 2 a repetition."""


class EvdevReader:
    """Implements the Reader port on any number of devices, each a card reader or a keypad."""

    def __init__(
        self,
        badge: Path | None,
        keypad: Path | None,
        *,
        open_device: Callable[[str], Any] | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Paths below /dev/input/by-id; `open_device` is evdev's InputDevice unless a test says otherwise.

        Raises ReaderError when evdev is not installed.
        """
        if open_device is None:
            open_device = _evdev().InputDevice
        self._lines = [
            _Line(path, source, open_device)
            for path, source in ((badge, Token.BADGE), (keypad, Token.NUMBER))
            if path is not None
        ]
        self._now_s = now_s
        self._read: list[Read] = []
        self._tried_s = float("-inf")

    def open(self) -> None:
        """One that is away or cannot be used is said, and tried again: the other may be read meanwhile."""
        self._reopen()

    def read(self, timeout_s: float) -> Read | None:
        """The next line of any device; None when none came in time."""
        deadline = self._now_s() + timeout_s
        while not self._read:
            left = deadline - self._now_s()
            if left <= 0:
                return None
            if any(line.device is None for line in self._lines) and self._now_s() - self._tried_s >= RETRY_S:
                self._reopen()
            here = {line.device.fileno(): line for line in self._lines if line.device is not None}
            for ready in select.select(list(here), [], [], min(left, RETRY_S))[0]:
                self._read += here[ready].take(self._now_s())
        return self._read.pop(0)

    @property
    def away(self) -> bool:
        """Whether a device is not there, or cannot be used now."""
        return any(line.device is None for line in self._lines)

    def close(self) -> None:
        """Safe to call twice."""
        for line in self._lines:
            line.close()

    def _reopen(self) -> None:
        self._tried_s = self._now_s()
        for line in self._lines:
            line.open()


class _Line:
    """One device and the line that is being typed on it."""

    def __init__(self, path: Path, source: Token, open_device: Callable[[str], Any]) -> None:
        self.device: Any = None
        self._path, self._source, self._open_device = path, source, open_device
        self._text, self._typed_s, self._away = "", 0.0, ""

    def open(self) -> None:
        if self.device is not None:
            return
        device: Any = None
        try:
            device = self._open_device(str(self._path))
            device.grab()
        except OSError as error:
            if device is not None:
                device.close()
            self._missed(error)
            return
        if self._away:
            LOG.warning("%s: the %s reader is back", self._path, self._source)
        self.device, self._away = device, ""

    def _missed(self, error: OSError) -> None:
        """Say why it is not there, each cause once: it is tried again every second."""
        cause = error.strerror or str(error)
        if cause == self._away or (self._away and isinstance(error, FileNotFoundError)):
            return
        self._away = cause
        if isinstance(error, FileNotFoundError):
            LOG.warning("%s: no such device: is the %s reader plugged in?", self._path, self._source)
        else:
            LOG.error(
                "%s: cannot be used (%s); the service's user must be in the group input, and no other program may "
                "hold it. It is tried again",
                self._path,
                cause,
            )

    def take(self, now_s: float) -> list[Read]:
        """Every line that is complete by now."""
        try:
            events: Iterable[Any] = list(self.device.read())
        except BlockingIOError:
            return []
        except OSError:
            LOG.warning("%s: the %s reader is gone", self._path, self._source)
            self._away = "gone"
            self.close()
            return []
        if now_s - self._typed_s > PAUSE_S:
            self._text = ""
        self._typed_s = now_s
        found = []
        for event in events:
            if event.type == _EV_KEY and event.value == _DOWN and self._typed(event.code):
                found.append(Read(self._source, self._text))
                self._text = ""
        return found

    def close(self) -> None:
        device, self.device, self._text = self.device, None, ""
        if device is not None:
            device.close()

    def _typed(self, code: int) -> bool:
        """Take one key; True at the end of a line that has anything in it."""
        if code in _ENTER:
            return bool(self._text)
        if code in _CLEAR:
            self._text = ""
        elif code == _BACKSPACE:
            self._text = self._text[:-1]
        else:
            self._text = (self._text + _CHARACTERS.get(code, ""))[-_MOST:]
        return False


def _evdev() -> Any:
    try:
        import evdev  # noqa: PLC0415 - most terminals have none
    except ImportError as error:
        raise ReaderError(
            'evdev is not installed: `sudo apt install python3-evdev`, or reader.kind = "none" for no badges'
        ) from error
    return evdev


# Of linux/input-event-codes.h, which never changes; a test holds them to evdev's own names.
_EV_KEY = 1
_BACKSPACE = 14
_ENTER = frozenset((28, 96))
_CLEAR = frozenset((1, 111))
"""Escape and Delete."""
_ROWS = ((2, "1234567890"), (16, "QWERTYUIOP"), (30, "ASDFGHJKL"), (44, "ZXCVBNM"))
_KEYPAD = {71: "7", 72: "8", 73: "9", 75: "4", 76: "5", 77: "6", 79: "1", 80: "2", 81: "3", 82: "0"}
_CHARACTERS = {start + n: letter for start, row in _ROWS for n, letter in enumerate(row)} | _KEYPAD
