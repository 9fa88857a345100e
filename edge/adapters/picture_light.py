"""More or less light on a picture that is there already, as a sensor would have taken it."""

import numpy as np

from edge.domain.face import Pixels


def exposed(pixels: Pixels, ev: float) -> Pixels:
    """The picture with 2**ev the light, then clipped: sRGB is near enough to a power of 2.2."""
    if ev == 0:
        return pixels
    levels = (np.arange(256) / 255) ** 2.2 * 2.0**ev
    table = (np.clip(levels, 0, 1) ** (1 / 2.2) * 255).round().astype(np.uint8)
    brighter: Pixels = table[pixels]
    return brighter
