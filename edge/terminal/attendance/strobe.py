"""When the infrared lamp flashes, and what the frames around a flash say of the face that is there.

One flash takes the last unlit frame, one that is surely lit, and the next unlit one with a good face::

    good face ──► flash ──► lit frame ──► dark ──► good face: compare ──► on the traces of its probe
"""

import logging
from collections import Counter
from dataclasses import dataclass, replace

from edge.domain.face import Box, Frame, Reflection, Sight, StrobeFinding
from edge.domain.pad import strobe, strobe_timing
from edge.domain.pad.strobe import Patch
from edge.terminal.attendance.lamp import Lamp

LOG = logging.getLogger(__name__)
WITHIN_MS = 1_000
"""From the first unlit frame to the last: later, too much may have changed."""
BLIND = 20
"""So many flashes in a row at good faces without any difference: there is an infrared filter, or no lamp."""
UNSETTLED = "unsettled"
"""Counts flashes of which nothing came: the face moved, the room's light changed, or no frame was surely lit."""


@dataclass(slots=True)
class _Flash:
    begun_ns: int
    face: Box
    before: Patch
    lit: Frame | None = None
    """Kept until it is known where the face went; never looked at for whose it is."""


class Strobing:
    """One thread uses it; `blind` and `counters` may be read on any."""

    def __init__(self, lamp: Lamp, fps: float) -> None:
        """`fps` is the camera's."""
        self._lamp, self._frame_ns = lamp, round(1e9 / fps)
        self._flash: _Flash | None = None
        self._nothing = 0
        self.blind = False
        """The lamp shows no difference, flash after flash."""
        self._counts: Counter[str] = Counter(dict.fromkeys((*map(str, StrobeFinding), UNSETTLED), 0))

    def took(self, frame: Frame) -> bool:
        """Whether the lamp had a part in a frame: then it is not one to recognise anybody by."""
        by_lamp = strobe_timing.lit(self._lamp.switches, frame.captured_ns, self._frame_ns)
        if by_lamp is False:
            return False
        if by_lamp and self._flash is not None and self._flash.lit is None:
            self._flash.lit = frame
            self._lamp.end()
        return True

    def compared(self, frame: Frame, sight: Sight) -> Sight:
        """The sight of an unlit frame, with what a flash showed when this frame completes it."""
        flash = self._flash
        if flash is None:
            return sight
        since_ns = frame.captured_ns - flash.begun_ns
        if (sight.box is None and flash.lit is None) or since_ns > WITHIN_MS * 1_000_000:
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

    def attempted(self, frame: Frame, sight: Sight) -> None:
        """Somebody with this sight has had no answer yet: flash, if it is time to."""
        if self._flash is not None or sight.probe is None or sight.probe.traces is None or not self._lamp.flash():
            return
        face = strobe.outline(sight.probe.traces.points)
        self._flash = _Flash(frame.captured_ns, face, strobe.patch(frame.pixels, face))

    def counters(self) -> dict[str, int]:
        """For the status, about nobody."""
        return {f"strobe_{word}": count for word, count in self._counts.items()}

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
