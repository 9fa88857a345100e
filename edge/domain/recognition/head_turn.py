"""The head-turn challenge: a recognised person is asked to turn their head, to a side chosen by chance.

It comes after everything else agreed, and never replaces it: a photograph can be turned as well, but a flat one
that is turned so far no longer matches as a face. Pure; instants are the frames' own.
"""

from dataclasses import dataclass
from enum import StrEnum

from edge.domain.face import Box, Sight
from edge.domain.recognition.approach import overlap

TURN_DEG = 18.0
"""Degrees to turn from where the head was: more than heads sway (under 10), and within what the quality gate passes
(45).
"""
WITHIN_MS, WITHIN_LOOKS = 5_000, 4
"""Time for the turn. On a slow machine it has room for so many looks: the one that asks, during which no cue is
shown yet, and three after it (edge/domain/recognition/look_pace.py).
"""
EASIER = 0.12
"""Cosine less than is asked of a frontal face: a turn of 20 to 40 degrees costs so much."""
_SAME_PLACE = 0.05


class Side(StrEnum):
    """The side, as the person sees it."""

    LEFT = "left"
    RIGHT = "right"


class Progress(StrEnum):
    """State of a challenge."""

    GOING_ON = "going-on"
    MET = "met"
    FAILED = "failed"


@dataclass(slots=True)
class Challenge:
    """The challenge of one person."""

    side: Side
    yaw: float
    """Yaw of the head when the challenge began, in degrees, positive to the person's own left."""
    until_ms: int
    box: Box
    """Last place of the face."""

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
