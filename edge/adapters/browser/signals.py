"""The simulator's lights and buzzer: each change is told to the page, which draws and sounds it."""

from collections.abc import Callable, Mapping

from edge.domain.attendance.cues import DARK, Cue, Lights
from edge.errors import SignalsError

Tell = Callable[[str, Mapping[str, object]], None]
"""Takes a topic (`cue`, `lights`) and its message, in JSON values; does not block, and does not raise."""


def lights_message(lights: Lights) -> dict[str, object]:
    """The state of the outputs, for a page."""
    return {"green": lights.green, "amber": lights.amber, "red": lights.red, "tone_hz": lights.tone_hz}


def cue_message(cue: Cue) -> dict[str, object]:
    """A cue for a page: its words, and its rhythm for people who do not want to see it blink."""
    steps = [{"ms": step.ms, **lights_message(step.lights)} for step in cue.steps]
    return {"name": str(cue.name), "text": cue.text, "repeat": cue.repeat, "steps": steps}


class BrowserSignals:
    """The Signals port on a page."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._closed = False
        self.lights = DARK
        """The state that real lamps would have now."""

    def announce(self, cue: Cue) -> None:
        """Tell the page the cue's words. Raises SignalsError."""
        self._refuse_when_closed()
        self._tell("cue", cue_message(cue))

    def apply(self, lights: Lights) -> None:
        """Tell the page the state of lamps and buzzer. Raises SignalsError."""
        self._refuse_when_closed()
        self.lights = lights
        self._tell("lights", lights_message(lights))

    def close(self) -> None:
        """Dark and silent; safe to call twice."""
        if not self._closed:
            self._closed, self.lights = True, DARK
            self._tell("lights", lights_message(DARK))

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise SignalsError("the browser's signals are closed: open new ones")
