"""Card readers and keypads that the kernel sees as keyboards, as nearly all on USB are, through python-evdev.

Written against evdev 1.6 (Raspberry Pi OS's python3-evdev) to 2.0. Each device is grabbed, so that a badge's number
is not typed into a console as well. An unplugged device is looked for again every second.
"""

import logging
import select
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from edge.domain.people.credentials import Read, Token
from edge.errors import ReaderError

LOG = logging.getLogger(__name__)
RETRY_S = 1.0
PAUSE_S = 10.0
"""After so many seconds the beginning of a line is dropped: somebody walked away from the keypad."""
BADGE_ENDS_S = 0.3
"""After so many seconds of silence a badge is complete: many card readers send no Enter."""
_SHORTEST = 3
"""Fewest characters of a badge that ends by silence; fewer are no number."""
_ODD = 3
"""So many keys without a meaning, and no end of line, are logged."""
_MOST = 64
_UP, _DOWN = 0, 1
"""The value of a key event; 2 is a repetition."""


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
        """Open the devices. A device that is away or cannot be used is logged and tried again; the other one may be
        read meanwhile.
        """
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
            wait = min([left, RETRY_S, *(line.ends_in(self._now_s()) for line in self._lines)])
            for ready in select.select(list(here), [], [], max(wait, 0.0))[0]:
                self._read += here[ready].take(self._now_s())
            for line in self._lines:
                self._read += line.fell_silent(self._now_s())
        return self._read.pop(0)

    @property
    def away(self) -> bool:
        """Whether a device is not there, or cannot be used now."""
        return any(line.device is None for line in self._lines)

    def close(self) -> None:
        """Release the devices; safe to call twice."""
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
        self._shift, self._odd, self._warned = False, list[int](), False

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
        """Log why the device is not there, each cause once, because it is tried again every second."""
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
        """All lines that are complete by now."""
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
            if event.type != _EV_KEY:
                continue
            if event.code in _SHIFT:
                self._shift = event.value != _UP
            elif event.value == _DOWN and self._typed(event.code):
                found.append(self._line())
        return found

    def ends_in(self, now_s: float) -> float:
        """Seconds until silence ends the badge that is being read; infinite while none is."""
        reading = self._source is Token.BADGE and bool(self._text)
        return self._typed_s + BADGE_ENDS_S - now_s if reading else float("inf")

    def fell_silent(self, now_s: float) -> list[Read]:
        """A badge that ended without a key for it."""
        if self.ends_in(now_s) > 0:
            return []
        if len(self._text) >= _SHORTEST:
            return [self._line()]
        self._text = ""
        return []

    def _line(self) -> Read:
        read, self._text = Read(self._source, self._text), ""
        self._odd.clear()
        return read

    def close(self) -> None:
        device, self.device, self._text = self.device, None, ""
        self._shift = False
        if device is not None:
            device.close()

    def _typed(self, code: int) -> bool:
        """Take one key; True at the end of a line that has anything in it."""
        keypad = self._source is Token.NUMBER
        if code in _ENTER or (keypad and (code == _POUND or (self._shift and code == _KEY_3))):
            return bool(self._text)
        if code in _CLEAR or (keypad and (code in _STARS or (self._shift and code == _KEY_8))):
            self._text = ""
        elif code == _BACKSPACE:
            self._text = self._text[:-1]
        else:
            character = _CHARACTERS.get(code, "")
            if self._shift and character.isdigit() and code not in _KEYPAD:
                character = ""  # a sign such as % before a badge's number, and no digit
            if not character and code not in _SILENT:
                self._wonder(code)
            self._text = (self._text + character)[-_MOST:]
        return False

    def _wonder(self, code: int) -> None:
        """Log once that a device sends keys which nobody understands; otherwise it would seem dead."""
        self._odd.append(code)
        if len(self._odd) >= _ODD and not self._warned:
            self._warned = True
            LOG.warning(
                "%s: the %s reader sends keys that are no digits, letters or Enter (codes %s): set it to send a "
                "number and Enter or Tab, as a US keyboard would",
                self._path, self._source, ", ".join(map(str, sorted(set(self._odd)))),
            )  # fmt: skip


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
_ENTER = frozenset((28, 96, 15, 101))
"""Enter, the keypad's Enter, Tab and line feed."""
_CLEAR = frozenset((1, 111))
"""Escape and Delete."""
_POUND, _KEY_3, _KEY_8 = 0x20B, 4, 9
"""# ends what is typed at a keypad and * clears it; on a keyboard they are 3 and 8 with Shift."""
_STARS = frozenset((0x20A, 55))
_SHIFT = frozenset((42, 54))
_SILENT = frozenset((29, 56, 58, 69, 97, 100, 57, 12, 13, 39, 40, 51, 52, 53, 74, 78, 83, 95, 98, 117, 121))
"""Control, Alt, the locks, and the signs between or before digits: they are ignored."""
_ROWS = ((2, "1234567890"), (16, "QWERTYUIOP"), (30, "ASDFGHJKL"), (44, "ZXCVBNM"))
_KEYPAD = {71: "7", 72: "8", 73: "9", 75: "4", 76: "5", 77: "6", 79: "1", 80: "2", 81: "3", 82: "0"}
_NUMERIC = {0x200 + n: str(n) for n in range(10)} | {0x20C + n: letter for n, letter in enumerate("ABCD")}
"""From KEY_NUMERIC_0 on: the digits of door and telephone keypads."""
_CHARACTERS = {start + n: letter for start, row in _ROWS for n, letter in enumerate(row)} | _KEYPAD | _NUMERIC
