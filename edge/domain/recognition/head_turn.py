"""The head-turn challenge: whoever was recognised is asked to turn their head, to a side that nobody knew before.

It comes after everything else said yes, and never instead of it: who moves a photograph about can turn it as well,
but a flat one turned so far is no face that matches. Pure; instants are the frames' own.
"""

from dataclasses import dataclass
from enum import StrEnum

from edge.domain.face import Box, Sight
from edge.domain.recognition.approach import overlap

TURN_DEG = 18.0
"""From where the head was: beyond how far heads sway (under 10), and within what the gate lets through (45)."""
WITHIN_MS = 5_000
EASIER = 0.12
"""Cosine less than asked of a frontal face: what a turn of 20 to 40 degrees costs."""
_SAME_PLACE = 0.05


class Side(StrEnum):
    """The person's own."""

    LEFT = "left"
    RIGHT = "right"


class Progress(StrEnum):
    """How a challenge stands."""

    GOING_ON = "going-on"
    MET = "met"
    FAILED = "failed"


@dataclass(slots=True)
class Challenge:
    """One person's."""

    side: Side
    yaw: float
    """Of the head when it was asked, in degrees, positive to the person's own left."""
    until_ms: int
    box: Box
    """Where the face was last."""

    def observe(self, sight: Sight, likeness: float | None, asked: float, now_ms: int) -> Progress:
        """Take one frame. `likeness` is the cosine of its face to the person asked; None where no probe came of it.

        FAILED when time is over, or when the face is away or another has taken its place: then it was not the one
        that was recognised.
        """
        if now_ms >= self.until_ms or sight.box is None or overlap(self.box, sight.box) < _SAME_PLACE:
            return Progress.FAILED
        self.box = sight.box
        if sight.yaw is None or likeness is None or not likeness >= asked - EASIER:
            return Progress.GOING_ON
        turned = sight.yaw - self.yaw
        far = turned >= TURN_DEG if self.side is Side.LEFT else turned <= -TURN_DEG
        return Progress.MET if far else Progress.GOING_ON
