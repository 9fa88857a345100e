"""Signals drawn as text: one line a cue, for a laptop, the demo and the tests."""

import itertools
import os
from collections.abc import Callable, Collection
from datetime import datetime
from typing import TextIO

from edge.domain.attendance.cues import DARK, Cue, CueName, Lights
from edge.errors import SignalsError

_COLOURS = {"green": "32", "amber": "33", "red": "31"}  # SGR codes of ECMA-48
_LIT, _UNLIT = "▮", "·"
_MS_PER_CELL = 150
"""The shortest step of any cue is about this long."""
_RHYTHM_WIDTH, _NOTES_WIDTH = 17, 10


def local_time() -> str:
    """The wall clock to the millisecond, for people to read."""
    return datetime.now().astimezone().strftime("%H:%M:%S.%f")[:-3]


def wants_colour(stream: TextIO) -> bool:
    """Whether to use colour: the stream is a terminal that is not dumb, and $NO_COLOR is unset or empty
    (no-color.org).
    """
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def draw_lamps(cue: Cue, *, colour: bool) -> str:
    """Three lamps, green amber red; the lamps of the cue are lit (letters, where there is no colour)."""
    lamps = []
    for name, sgr in _COLOURS.items():
        used = any(getattr(step.lights, name) for step in cue.steps)
        if colour:
            lamps.append(f"\x1b[{sgr}m■\x1b[0m" if used else "\x1b[2m□\x1b[0m")
        else:
            lamps.append(name[0].upper() if used else _UNLIT)
    return " ".join(lamps)


def draw_rhythm(cue: Cue) -> str:
    """The cue along time, a cell for each 150 ms: ▮ lit, · dark, … when it repeats."""
    cells = ""
    at_ms = 0
    for step in cue.steps:
        at_ms += step.ms
        lit = step.lights.green or step.lights.amber or step.lights.red
        cells = cells.ljust(max(round(at_ms / _MS_PER_CELL), len(cells) + 1), _LIT if lit else _UNLIT)
    return cells + "…" if cue.repeat else cells


def draw_notes(cue: Cue) -> str:
    """The buzzer's notes in order, in Hz (`♪ 880 1760`, `♪ 880 ×3`); empty for a silent cue."""
    notes = itertools.groupby(step.lights.tone_hz for step in cue.steps if step.lights.tone_hz)
    drawn = []
    for hz, group in notes:
        count = len(list(group))
        drawn.append(f"{hz} ×{count}" if count > 1 else str(hz))
    return "♪ " + " ".join(drawn) if drawn else ""


class ConsoleSignals:
    """The Signals port on a text stream."""

    def __init__(
        self,
        stream: TextIO,
        *,
        colour: bool | None = None,
        stamp: Callable[[], str] = local_time,
        hidden: Collection[CueName] = (),
    ) -> None:
        """`colour` None asks the stream; `stamp` begins each line; cues in `hidden` are not drawn.

        The stream stays open when this is closed, because it was opened elsewhere.
        """
        self._stream = stream
        self._colour = wants_colour(stream) if colour is None else colour
        self._stamp = stamp
        self._hidden = frozenset(hidden)
        self._closed = False
        self.lights = DARK
        """The state that real lamps would have now."""

    def announce(self, cue: Cue) -> None:
        """Draw the cue. Raises SignalsError."""
        self._refuse_when_closed()
        if cue.name in self._hidden:
            return
        lamps = draw_lamps(cue, colour=self._colour)
        line = (
            f"{self._stamp()}  {lamps}  {draw_rhythm(cue):<{_RHYTHM_WIDTH}}  "
            f"{draw_notes(cue):<{_NOTES_WIDTH}}  {cue.text}\n"
        )
        try:
            self._stream.write(line)
            self._stream.flush()
        except (OSError, ValueError) as error:  # ValueError: the stream was closed, or cannot encode a lamp
            raise SignalsError(
                f"the console cannot be written: {error}; give the program an open standard error in UTF-8"
            ) from error

    def apply(self, lights: Lights) -> None:
        """Remember the state of the lamps. Raises SignalsError."""
        self._refuse_when_closed()
        self.lights = lights

    def close(self) -> None:
        """Dark; safe to call twice."""
        self._closed = True
        self.lights = DARK

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise SignalsError("the console's signals are closed: open new ones")
