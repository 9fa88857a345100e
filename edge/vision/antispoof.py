"""Presentation attack detection by a model: does the region around the face look like a person, or like a picture
of one? This file also takes from each frame the data of the layers that compare frames, or need pixels at full
size.
"""

import numpy as np

from edge.domain.face import Box, Pixels, Traces
from edge.domain.recognition import quality
from edge.vision.image import FrameImage
from edge.vision.landmarks import Mesh
from edge.vision.models import LiteModel

_REAL = 0
"""The class of a live face among the model's three."""
_SCALE = 2.1
"""Side of the region over side of the box. Silent-Face trains with 2.7; models/fr-liveness.md says what 1.0 to 4.0
give, and why this value was taken.
"""
_WIDE, _HELD = 4.0, 2.7
"""Scale of the wide region, in which the edges of a held-up picture show, and the hand that holds it; and the least
scale that the frame must hold. In less than that, the frame's own edges make up too much. At 3.2, a telephone whose
picture shows the face small passed: its sides are further away.
"""
_THUMB = 160
"""Longer side of the small picture, in pixels, roughly: a hand's tremble is a pixel of it."""
_FACE = 128
"""Longest side of the piece of face, in pixels: enough for a display's grid, and quick to transform."""


class AntiSpoof:
    """The presentation attack model."""

    def __init__(self, model: LiteModel) -> None:
        """`model` serves the antispoof role."""
        self._model = model
        self._size = model.spec.input.size

    def liveness(self, image: FrameImage, box: Box) -> float:
        """0..1, the probability of a live face; NaN (which no threshold passes) if the model gives none."""
        return self.over(image, box, _SCALE)

    def wide(self, image: FrameImage, box: Box) -> float | None:
        """The same for a wider region; None when the frame does not hold it, because the face is too near."""
        if min(image.width / box.width, image.height / box.height) < _HELD:
            return None
        return self.over(image, box, _WIDE)

    def over(self, image: FrameImage, box: Box, scale: float) -> float:
        """The same for a region that is `scale` times the box, or as much of it as the frame holds."""
        region = context(box, image.width, image.height, scale)
        (logits,) = self._model.run(self._model.prepare(image.crop(region, self._size)))
        exponents = np.exp(logits[0].astype(np.float64) - logits[0].max())
        return float(exponents[_REAL] / exponents.sum())


def context(box: Box, width: int, height: int, scale: float) -> Box:
    """The box widened by `scale`, shrunk and shifted until it lies inside the frame.

    MiniFASNet models are trained with the same recipe (Silent-Face-Anti-Spoofing, `CropImage`): a black border
    would look like the edge of a photograph.
    """
    scale = min(scale, width / box.width, height / box.height)
    half_w, half_h = box.width * scale / 2, box.height * scale / 2
    x, y = box.centre
    x = min(max(x, half_w - 0.5), width - 0.5 - half_w)
    y = min(max(y, half_h - 0.5), height - 0.5 - half_h)
    return Box(x - half_w, y - half_h, x + half_w, y + half_h)


def traces(image: FrameImage, box: Box, mesh: Mesh, wide: float | None = None) -> Traces:
    """The traces of one face in one frame; they take about 0.4 ms at 640×480, and 40 kB. `wide` as in Traces."""
    step = max(1, round(max(image.width, image.height) / _THUMB))
    return Traces(box, mesh.points[:, :2].copy(), image.thumb(step), step, _middle(image, box), wide)


def _middle(image: FrameImage, box: Box) -> Pixels:
    x, y = box.centre
    side = int(min(_FACE, box.width, box.height, image.width, image.height))
    left = min(max(round(x - side / 2), 0), image.width - side)
    top = min(max(round(y - side / 2), 0), image.height - side)
    grey = quality.grey(image.pixels[top : top + side, left : left + side])
    return np.asarray(np.rint(grey), np.uint8)
