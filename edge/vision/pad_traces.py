"""What a frame leaves for the layers that compare frames, or look at pixels that every model's input smooths."""

import numpy as np

from edge.domain.face import Box, Pixels, Traces
from edge.domain.recognition import quality
from edge.vision.image import FrameImage
from edge.vision.landmarks import Mesh

_THUMB = 160
"""Longer side of the small picture, about: a hand's tremble is a pixel of it."""
_FACE = 128
"""Longest side of the piece of face: enough for a display's grid, little to transform."""


def traces(image: FrameImage, box: Box, mesh: Mesh, wide: float | None = None) -> Traces:
    """Of one face in one frame; about 0.4 ms at 640×480 and 40 kB. `wide` as in Traces."""
    step = max(1, round(max(image.width, image.height) / _THUMB))
    return Traces(box, mesh.points[:, :2].copy(), image.thumb(step), step, _middle(image, box), wide)


def _middle(image: FrameImage, box: Box) -> Pixels:
    x, y = box.centre
    side = int(min(_FACE, box.width, box.height, image.width, image.height))
    left = min(max(round(x - side / 2), 0), image.width - side)
    top = min(max(round(y - side / 2), 0), image.height - side)
    grey = quality.grey(image.pixels[top : top + side, left : left + side])
    return np.asarray(np.rint(grey), np.uint8)
