"""Timing of the strobe: which light a frame was taken by, and how long a lamp may be lit. Pure.

A rolling shutter exposes the rows of a frame one after the other, and a camera hands a frame over some time after
it took it. So frames are not counted but dated: a frame is lit, or dark, only when no switch fell between a frame's
length before and after its instant. Every other frame is mixed, and is not used.
"""

from collections.abc import Sequence
from dataclasses import dataclass

LONGEST_MS = 400
"""The longest flash; nothing makes it longer. The first frame that is surely lit ends it: the second or the
third.
"""
EVERY_MS = 1_000
"""Shortest time from flash to flash. With LONGEST_MS it limits the lamp to two fifths of the time, whatever asks
for it.
"""
SLOWEST_FPS = 10
"""Frames a second; with fewer, a flash could end before a frame is certainly lit."""


@dataclass(frozen=True, slots=True)
class Switch:
    """A switch of the lamp, some time between two instants of the monotonic clock."""

    lit: bool
    begun_ns: int
    done_ns: int | None = None
    """The new state; None while the lamp is being switched."""


def lit(switches: Sequence[Switch], captured_ns: int, frame_ns: int) -> bool | None:
    """Whether a frame that ended its first row at `captured_ns` was lit; None when it is mixed.

    `frame_ns` is a frame's length: no exposure is longer, and neither is the reading of its rows. `switches` are
    the newest ones, in their order, up to now; before the first of them the lamp was in the opposite state.
    """
    state = bool(switches) and not switches[0].lit
    for switch in switches:
        if switch.begun_ns > captured_ns + frame_ns:
            break
        if switch.done_ns is None or switch.done_ns > captured_ns - frame_ns:
            return None
        state = switch.lit
    return state
