"""The infrared lamp: when it flashes, and what the frames around a flash show of the face that is there.

One flash takes the last unlit frame, one that is surely lit, and the next unlit one with a good face::

    good face ──► flash ──► lit frame ──► dark ──► good face: compare ──► on the traces of its probe

The lamp has a thread of its own, so that it goes out in time even if the thread that lit it hangs or dies::

    flash() ──► lit ──► end(), or LONGEST_MS over ──► dark ──► EVERY_MS since the last flash ──► may flash again
                │
                └──► close(), an error, the end of the process ──► dark, closed
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from edge.domain.face import Box, Frame, Reflection, Sight, StrobeFinding
from edge.domain.pad import strobe, strobe_timing
from edge.domain.pad.strobe import Patch
from edge.domain.pad.strobe_timing import EVERY_MS, LONGEST_MS, Switch
from edge.ports import Strobe
from edge.terminal.runtime.alarms import Alarm

LOG = logging.getLogger(__name__)
WITHIN_MS = 1_000
"""Greatest time from the first unlit frame to the last: later, too much may have changed."""
BLIND = 20
"""After so many flashes in a row at good faces without any difference, there is an infrared filter, or no lamp."""
UNSETTLED = "unsettled"
"""Name of the count of flashes without a result: the face moved, the room's light changed, or no frame was
surely lit.
"""
_NS_PER_MS = 1_000_000
_KEPT = 8
"""Number of switches that are remembered; a camera's delay spans fewer."""


class Lamp:
    """The lamp. Any thread may call `flash` and `end`; the worker alone calls `run_once` and `close`."""

    def __init__(self, strobe: Strobe, now_ns: Callable[[], int]) -> None:
        """`now_ns` is the monotonic clock that dates the frames."""
        self._strobe, self._now_ns = strobe, now_ns
        self._changed = threading.Condition()
        self._until_ns = 0
        self._begun_ns: int | None = None
        self._lit = self._closed = False
        self.switches: tuple[Switch, ...] = ()
        """The newest switches. The tuple is replaced as a whole, so that any thread may read it."""

    def flash(self) -> bool:
        """Light the lamp for LONGEST_MS at most; False when the last flash was less than EVERY_MS ago."""
        with self._changed:
            now_ns = self._now_ns()
            if self._closed or (self._begun_ns is not None and now_ns - self._begun_ns < EVERY_MS * _NS_PER_MS):
                return False
            self._begun_ns, self._until_ns = now_ns, now_ns + LONGEST_MS * _NS_PER_MS
            self._changed.notify()
            return True

    def end(self) -> None:
        """Turn the lamp off; its own thread does it as soon as it can."""
        with self._changed:
            self._until_ns = 0
            self._changed.notify()

    def run_once(self, timeout_s: float) -> None:
        """Wait until something is due, at most `timeout_s`, and do it. Raises SignalsError."""
        with self._changed:
            left_ns = self._until_ns - self._now_ns()
            if (left_ns > 0) == self._lit:
                self._changed.wait(min(timeout_s, left_ns / 1e9) if self._lit else timeout_s)
            wanted = not self._closed and self._until_ns > self._now_ns()
        self._set(wanted)

    def close(self) -> None:
        """Turn the lamp off and release it; safe to call twice. It is never lit afterwards."""
        with self._changed:
            self._closed, self._until_ns = True, 0
        try:
            self._set(False)
        finally:
            self._strobe.close()

    def _set(self, lit: bool) -> None:
        if lit == self._lit:
            return
        before, begun_ns = self.switches[1 - _KEPT :], self._now_ns()
        # Noted before the lamp is switched, because a frame of this moment is partly lit.
        self.switches = (*before, Switch(lit, begun_ns))
        self._lit = lit
        self._strobe.light(lit)
        self.switches = (*before, Switch(lit, begun_ns, self._now_ns()))


@dataclass(slots=True)
class _Flash:
    begun_ns: int
    face: Box
    before: Patch
    lit: Frame | None = None
    """The lit frame, kept until the next good face. It is never used to recognise anybody."""


class Strobing:
    """A stage between frame and sight. One thread uses it; `alarms` and `counters` may be read on any."""

    def __init__(self, lamp: Lamp, fps: float) -> None:
        """`fps` is the camera's frame rate."""
        self._lamp, self._frame_ns = lamp, round(1e9 / fps)
        self._flash: _Flash | None = None
        self._before = Sight(0)
        """The sight of the last unlit frame."""
        self._nothing = 0
        self.blind = False
        """Whether the lamp showed no difference at BLIND flashes in a row."""
        self._counts: Counter[str] = Counter(dict.fromkeys((*map(str, StrobeFinding), UNSETTLED), 0))

    def annotate(self, frame: Frame, look: Callable[[Frame], Sight]) -> Sight:
        """The sight of a frame, with the finding of a flash when this frame completes one.

        A frame that the lamp may have lit is not used for recognition: `look` is not called with it, and the sight
        of the frame before is returned again, marked as `lit`.
        """
        if self._has_a_part(frame):
            return replace(self._before, captured_ns=frame.captured_ns, lit=True)
        self._before = sight = self._compared(frame, look(frame))
        return sight

    def flash(self, frame: Frame, sight: Sight) -> None:
        """Light the lamp for the face of an unlit frame, if a flash is due."""
        traces = None if sight.lit or sight.probe is None else sight.probe.traces
        if self._flash is not None or traces is None or not self._lamp.flash():
            return
        face = strobe.outline(traces.points)
        self._flash = _Flash(frame.captured_ns, face, strobe.patch(frame.pixels, face))

    @property
    def alarms(self) -> tuple[str, ...]:
        """Alarm words for the status."""
        return (Alarm.STROBE_BLIND,) * self.blind

    def counters(self) -> dict[str, int]:
        """Counters for the status, about nobody."""
        return {f"strobe_{word}": count for word, count in self._counts.items()}

    def _has_a_part(self, frame: Frame) -> bool:
        by_lamp = strobe_timing.lit(self._lamp.switches, frame.captured_ns, self._frame_ns)
        if by_lamp and self._flash is not None and self._flash.lit is None:
            self._flash.lit = frame
            self._lamp.end()
        return by_lamp is not False  # None means perhaps, which counts as lit

    def _compared(self, frame: Frame, sight: Sight) -> Sight:
        flash = self._flash
        if flash is None:
            return sight
        since_ns = frame.captured_ns - flash.begun_ns
        if (sight.box is None and flash.lit is None) or since_ns > WITHIN_MS * _NS_PER_MS:
            self._give_up()
            return sight
        if flash.lit is None or sight.probe is None or sight.probe.traces is None:
            return sight
        traces = sight.probe.traces
        found = _compare(flash, flash.lit, frame, strobe.outline(traces.points))
        if found is None:
            self._give_up()
            return sight
        self._flash = None
        self._count(found)
        return replace(sight, probe=replace(sight.probe, traces=replace(traces, strobe=found)))

    def _give_up(self) -> None:
        self._flash = None
        self._lamp.end()
        self._counts[UNSETTLED] += 1

    def _count(self, found: Reflection) -> None:
        self._counts[found.finding] += 1
        self._nothing = self._nothing + 1 if found.finding is StrobeFinding.NOTHING else 0
        if (blind := self._nothing >= BLIND) == self.blind:
            return
        self.blind = blind
        if blind:
            cause = "a camera with an infrared filter, a lamp that is not connected, or daylight"
            LOG.warning("the strobe showed no difference %d times: %s (docs/wiring.md)", BLIND, cause)
        else:
            LOG.info("the strobe shows a difference again")


def _compare(flash: _Flash, lit: Frame, now: Frame, face: Box) -> Reflection | None:
    if strobe.moved(flash.face, face):
        return None
    share = (lit.captured_ns - flash.begun_ns) / max(now.captured_ns - flash.begun_ns, 1)
    during = strobe.patch(lit.pixels, strobe.between(flash.face, face, share))
    return strobe.reflection(flash.before, during, strobe.patch(now.pixels, face))
