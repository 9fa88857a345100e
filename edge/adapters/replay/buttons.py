"""Buttons made of a file or FIFO, like the replay badge reader; for the demo, for tests, and for other hardware.

A line is one of: `in`, `out` or `break`, pressed and let go; `hold in` and `release in` (or another button);
`opened` or `closed`, the tamper switch; `motion`, the motion sensor.
"""

import time
from collections.abc import Callable
from pathlib import Path

from edge.adapters.replay.script_lines import ScriptLines
from edge.domain.attendance.presses import BUTTONS, Contact, ContactChange
from edge.errors import ButtonsError

_WORDS: dict[str, tuple[ContactChange, ...]] = {
    "opened": (ContactChange(Contact.TAMPER, True),),
    "closed": (ContactChange(Contact.TAMPER, False),),
    "motion": (ContactChange(Contact.MOTION, True), ContactChange(Contact.MOTION, False)),
}
for _button in BUTTONS:
    _down, _up = ContactChange(_button, True), ContactChange(_button, False)
    _WORDS |= {f"{_button}": (_down, _up), f"hold {_button}": (_down,), f"release {_button}": (_up,)}


class ScriptButtons:
    """The Buttons port on a script."""

    def __init__(self, path: Path, *, now_s: Callable[[], float] = time.monotonic) -> None:
        """`path` is a FIFO, or a file that grows."""
        self._path, self._lines = path, ScriptLines(path, now_s)
        self._changes: list[ContactChange] = []

    def open(self) -> None:
        """Open the file. Raises ButtonsError when it is not there."""
        try:
            self._lines.open()
        except OSError as error:
            cure = f"{self._path}: cannot be read ({error.strerror}); make it with `mkfifo`"
            raise ButtonsError(cure) from error

    def read(self, timeout_s: float) -> ContactChange | None:
        """The next change; lines that are none are skipped. Raises ButtonsError when not open."""
        if not self._lines.is_open:
            raise ButtonsError("the buttons are not open; open them first")
        deadline = time.monotonic() + timeout_s
        while not self._changes:
            line = self._lines.next(max(deadline - time.monotonic(), 0.0))
            if line is None:
                return None
            self._changes += _WORDS.get(" ".join(line.split()), ())
        return self._changes.pop(0)

    @property
    def away(self) -> bool:
        """Whether the file is not open, or was removed."""
        return self._lines.away

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._lines.close()
        self._changes = []
