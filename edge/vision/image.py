"""Sampling a frame: one Pillow image a frame, reused by every stage.

Coordinates are those of `edge.domain.face`: (0, 0) is the *centre* of the top left pixel. Pillow's affine
transform maps edges instead (its output pixel x is sampled at x + 0.5), so the half pixels are added here and
nowhere else. A transform matrix is 2×3 and maps destination to source: source = M[:, :2] @ destination + M[:, 2].
"""

from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor, hypot

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge.domain.face import Box, Pixels

Matrix = NDArray[np.float64]

_REDUCE_FROM = 2.0
"""Shrinking by this factor or more begins with a box filter: bilinear sampling alone would alias."""


@dataclass(frozen=True, slots=True)
class Letterbox:
    """A whole frame shrunk or grown into a square, centred, its aspect kept; the rest is black."""

    pixels: Pixels
    """(size, size, 3)."""
    left: int
    top: int
    scale_x: float
    """Frame pixels per letterbox pixel; differs from `scale_y` by rounding only."""
    scale_y: float

    def to_frame(self, edges: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map (..., 2) points from the square, measured from its top left *edge*, to frame coordinates."""
        offset = np.array([self.left, self.top], np.float32)
        scale = np.array([self.scale_x, self.scale_y], np.float32)
        return np.asarray((edges - offset) * scale - 0.5, np.float32)


class FrameImage:
    """A frame that can be sampled."""

    def __init__(self, pixels: Pixels) -> None:
        """`pixels` is (height, width, 3) RGB, at least 1×1; it is not copied until it is first sampled."""
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or not pixels.size:
            raise ValueError(
                f"a frame is (height, width, 3) uint8, this is {pixels.shape} {pixels.dtype}: "
                "convert it to RGB in the camera adapter"
            )
        self.pixels = pixels
        self.height, self.width = pixels.shape[:2]

    @cached_property
    def _image(self) -> Image.Image:
        return Image.fromarray(self.pixels)

    def letterbox(self, size: int) -> Letterbox:
        """The whole frame in a size×size square."""
        ratio = size / max(self.width, self.height)
        width, height = max(1, round(self.width * ratio)), max(1, round(self.height * ratio))
        left, top = (size - width) // 2, (size - height) // 2
        small = self._image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
        square = np.zeros((size, size, 3), np.uint8)
        square[top : top + height, left : left + width] = np.asarray(small)
        return Letterbox(square, left, top, self.width / width, self.height / height)

    def thumb(self, step: int) -> Pixels:
        """(height, width) grey: the whole frame shrunk by a whole number with a box filter."""
        return np.asarray(self._image.reduce(step).convert("L"))

    def warp(self, matrix: Matrix, size: int) -> Pixels:
        """A size×size picture by a similarity or affine transform; outside the frame is black."""
        linear, offset = matrix[:, :2], matrix[:, 2]
        # From centres to edges, on both sides: source + 0.5 = A (destination + 0.5 - 0.5) + t + 0.5.
        edge = offset + 0.5 - linear @ np.array([0.5, 0.5])
        image, factor = self._image, floor(min(hypot(*linear[:, 0]), hypot(*linear[:, 1])))
        if factor >= _REDUCE_FROM:
            region = self._covered(linear, edge, size, margin=2 * factor)
            if region is None:
                return np.zeros((size, size, 3), np.uint8)
            image = image.reduce(factor, region)
            linear, edge = linear / factor, (edge - np.array(region[:2])) / factor
        a, b, c, d = (float(x) for x in linear.ravel())
        data = (a, b, float(edge[0]), c, d, float(edge[1]))
        warped = image.transform((size, size), Image.Transform.AFFINE, data, Image.Resampling.BILINEAR)
        return np.asarray(warped)

    def crop(self, box: Box, size: int) -> Pixels:
        """The part of `box` inside the frame, stretched to size×size with an area filter.

        A box without any pixel of the frame gives black.
        """
        x0, y0 = max(0.0, box.x0 + 0.5), max(0.0, box.y0 + 0.5)
        x1, y1 = min(float(self.width), box.x1 + 0.5), min(float(self.height), box.y1 + 0.5)
        if x1 - x0 < 1 or y1 - y0 < 1:
            return np.zeros((size, size, 3), np.uint8)
        part = self._image.resize((size, size), Image.Resampling.BILINEAR, (x0, y0, x1, y1), reducing_gap=2.0)
        return np.asarray(part)

    def _covered(self, linear: Matrix, edge: Matrix, size: int, margin: int) -> tuple[int, int, int, int] | None:
        """The frame's rectangle that a warp reads, in whole pixels; None when it reads none."""
        corners = np.array([[0, 0], [size, 0], [0, size], [size, size]]) @ linear.T + edge
        (left, top), (right, bottom) = corners.min(0), corners.max(0)
        region = (
            max(0, floor(left) - margin),
            max(0, floor(top) - margin),
            min(self.width, ceil(right) + margin),
            min(self.height, ceil(bottom) + margin),
        )
        return region if region[0] < region[2] and region[1] < region[3] else None
