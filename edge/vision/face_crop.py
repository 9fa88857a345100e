"""The picture of one punch as a small JPEG, in memory: the face with a margin, and nobody beside it."""

import io

import numpy as np
from PIL import Image

from edge.domain.face import Box, Pixels

MARGIN = 0.5
"""Margin on each side, as a share of the face's box: hair and chin are in the picture, a neighbour rarely is."""
_QUALITIES = (80, 60, 40)


def crop(pixels: Pixels, box: Box) -> Pixels:
    """A copy of `box` and its margin in `pixels` (height, width, 3). Raises ValueError when the box lies
    outside.
    """
    height, width = pixels.shape[:2]
    left, right = box.x0 - MARGIN * box.width, box.x1 + MARGIN * box.width
    top, bottom = box.y0 - MARGIN * box.height, box.y1 + MARGIN * box.height
    x0, x1 = max(0, round(left)), min(width, round(right))
    y0, y1 = max(0, round(top)), min(height, round(bottom))
    if x1 <= x0 or y1 <= y0:
        raise ValueError("the face is outside of the frame")
    return np.array(pixels[y0:y1, x0:x1])


def encode(pixels: Pixels, max_edge_px: int, max_bytes: int) -> bytes:
    """A JPEG of all of `pixels`, no longer than `max_edge_px` and within `max_bytes`.

    It holds no metadata. Raises ValueError when it cannot be made so small.
    """
    image = Image.fromarray(pixels)
    image.thumbnail((max_edge_px, max_edge_px))
    while min(image.size) >= 32:
        for quality in _QUALITIES:
            out = io.BytesIO()
            image.save(out, "JPEG", quality=quality)
            if out.tell() <= max_bytes:
                return out.getvalue()
        image.thumbnail((image.width // 2, image.height // 2))
    raise ValueError("no picture of this face fits into its limit of bytes")
