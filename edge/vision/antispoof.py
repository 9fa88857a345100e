"""Presentation attack detection: does the region around the face look like a person, or like a picture of one?"""

import numpy as np

from edge.domain.face import Box
from edge.vision.image import FrameImage
from edge.vision.models import LiteModel

_REAL = 0
"""The class of a live face among the model's three."""
_SCALE = 2.1
"""Side of the region over side of the box. Silent-Face trains with 2.7; what 1.0 to 4.0 give, and why this was
taken, stands in models/fr-liveness.md."""
_WIDE, _HELD = 3.2, 2.7
"""The region in which the edges of a held-up picture show: so wide, or as much as the frame holds, if that is at
least the second. Of less, the frame's own edges make up too much."""


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
        """The same of a wider region; None when the frame does not hold it: the face is too near."""
        if min(image.width / box.width, image.height / box.height) < _HELD:
            return None
        return self.over(image, box, _WIDE)

    def over(self, image: FrameImage, box: Box, scale: float) -> float:
        """The same of a region that is `scale` times the box, or as much of it as the frame holds."""
        region = context(box, image.width, image.height, scale)
        (logits,) = self._model.run(self._model.prepare(image.crop(region, self._size)))
        exponents = np.exp(logits[0].astype(np.float64) - logits[0].max())
        return float(exponents[_REAL] / exponents.sum())


def context(box: Box, width: int, height: int, scale: float) -> Box:
    """The box widened by `scale`, shrunk and shifted until it lies inside the frame.

    So does the recipe that MiniFASNet models are trained with (Silent-Face-Anti-Spoofing, `CropImage`): a black
    border would look like the edge of a photograph.
    """
    scale = min(scale, width / box.width, height / box.height)
    half_w, half_h = box.width * scale / 2, box.height * scale / 2
    x, y = box.centre
    x = min(max(x, half_w - 0.5), width - 0.5 - half_w)
    y = min(max(y, half_h - 0.5), height - 0.5 - half_h)
    return Box(x - half_w, y - half_h, x + half_w, y + half_h)
