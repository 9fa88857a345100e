"""What a frame, a face and a probe are, and what is seen of a face on its way from one to the next.

Coordinates are pixels, x to the right and y down, with (0, 0) in the centre of the top left pixel. Instants are
integers of the monotonic clock (`_ns` or `_ms`).
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from edge.domain.exposure import Light
from edge.domain.vocabulary import RefusalReason

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One camera frame."""

    pixels: Pixels
    """(height, width, 3), RGB, contiguous. Never written to disk (I7)."""
    captured_ns: int
    """Monotonic clock at the end of the exposure, as near as the camera tells."""


@dataclass(frozen=True, slots=True)
class Box:
    """An axis-aligned rectangle in pixels; it may reach beyond the frame."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        """In pixels."""
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        """In pixels."""
        return self.y1 - self.y0

    @property
    def centre(self) -> tuple[float, float]:
        """(x, y)."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """One face found by the detector."""

    box: Box
    score: float
    """0..1, the detector's confidence."""
    points: Floats
    """(6, 2) pixels: right eye, left eye, nose tip, mouth centre, right ear, left ear (the subject's right)."""


class StrobeFinding(StrEnum):
    """What an infrared lamp beside the camera showed."""

    FACE = "face"
    PRINT = "print"
    SCREEN = "screen"
    NOTHING = "nothing"
    """Hardly any of its light came back, from anywhere: an infrared filter, no lamp, or a room too bright."""
    BURNT = "burnt"
    """Too much light to compare."""


@dataclass(frozen=True, slots=True)
class Reflection:
    """What came of lighting a face once."""

    finding: StrobeFinding
    suspicion: float | None
    """From 1 on it is an attack; None where nothing can be said."""


@dataclass(frozen=True, slots=True, eq=False)
class Traces:
    """What a frame leaves for the layers that look for a presentation attack beside the model; in memory only."""

    box: Box
    """Of the face, in frame pixels."""
    points: Floats
    """(468, 2): its mesh, in frame pixels."""
    thumb: Pixels
    """(height, width) grey: the whole frame shrunk by `step`."""
    step: int
    face: Pixels
    """(n, n) grey: the middle of the face, pixel by pixel as the camera gave it."""
    wide: float | None = None
    """0..1, the antispoof model's probability of life over a wide region; None when that was not looked at, or is
    not in the frame."""
    strobe: Reflection | None = None
    """What a flash of infrared that ended at this frame showed; None when none did."""


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """What one good frame says of a face; lives in memory only."""

    embedding: Floats
    """(d,), unit length."""
    model_id: str
    """The embedder that made it; templates of another model never match."""
    liveness: float
    """0..1, the presentation-attack model's probability of a live face."""
    quality: float
    """0..1, 1 is best."""
    demand: float = 0.0
    """Cosine to add to the threshold for this face: below 0 for one that the embedder reads weakly."""
    traces: Traces | None = None
    """None when nothing but the model looks for attacks."""


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """What the pipeline made of one frame: nothing, a face with a reason why not, or a probe."""

    captured_ns: int
    box: Box | None = None
    """The face that was looked at: the largest one; None when there is none."""
    reason: RefusalReason | None = None
    """Set when a face was found but the quality gate refused it."""
    probe: Probe | None = None
    """Set when the quality gate passed."""
    light: Light | None = None
    """On the face; None when it was not looked at so closely."""
    yaw: float | None = None
    """Degrees, positive towards the person's own left; None as above."""
    lit: bool = False
    """The infrared lamp had a part in the frame: the rest is of the last frame without it, and decides nothing."""
    look_ms: int = 0
    """How long the look at the frame took; 0 where nobody measured it."""
