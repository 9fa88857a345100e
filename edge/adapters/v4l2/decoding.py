"""The bytes of a USB camera's frame to pixels. Each frame is checked before it is decoded."""

import io

import numpy as np
from PIL import Image

from edge.domain.face import Pixels


class BrokenFrame(ValueError):
    """A frame that is truncated, damaged or of another size; the next one may be whole."""


def from_mjpeg(content: bytes, size: tuple[int, int]) -> Pixels:
    """(height, width, 3) RGB of a JPEG of `size`, (width, height). Its Huffman tables may be left out, as many
    cameras do. Raises BrokenFrame.
    """
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
            found = image.size
            pixels = np.array(image.convert("RGB")) if found == size else None
    except Exception as error:  # for broken bytes, Pillow raises whatever its parsers raise
        raise BrokenFrame(str(error)) from error
    if pixels is None:
        raise BrokenFrame(f"{found[0]}×{found[1]} in place of {size[0]}×{size[1]}")
    return pixels


def from_yuyv(content: bytes, size: tuple[int, int], stride: int, *, full_range: bool) -> Pixels:
    """(height, width, 3) RGB of a YUYV frame (two pixels in four bytes, BT.601). Raises BrokenFrame.

    `stride` is the length of a row in bytes.
    """
    width, height = size
    if width % 2:
        raise BrokenFrame(
            f"{width} pixels in a row, and YUYV has them in pairs; set camera.width to an even number"
        )
    if stride < width * 2 or len(content) < stride * (height - 1) + width * 2:
        raise BrokenFrame(f"{len(content)} bytes, fewer than {width}×{height} pixels have")
    content += bytes(max(stride * height - len(content), 0))  # the last row may lack its padding
    rows = np.frombuffer(content, np.uint8, stride * height).reshape(height, stride)
    pairs = rows[:, : width * 2].reshape(height, width // 2, 4)
    luma, chroma = (_FULL, _FULL) if full_range else (_LUMA, _CHROMA)
    planes = np.empty((height, width // 2, 2, 3), np.uint8)
    planes[..., 0] = luma[pairs[..., 0::2]]
    planes[..., 1] = chroma[pairs[..., 1]][..., None]
    planes[..., 2] = chroma[pairs[..., 3]][..., None]
    # Pillow's own conversion is the one of JPEG, BT.601 at full range: a tenth of the time that numpy takes.
    return np.array(Image.frombytes("YCbCr", size, planes.tobytes()).convert("RGB"))


def _stretched(low: int, high: int, middle: int) -> Pixels:
    """A table from a limited range, `low` to `high` around `middle`, to the full one."""
    full_middle = 128 if middle == 128 else 0
    levels = (np.arange(256) - middle) * (255 / (high - low)) + full_middle
    table: Pixels = np.clip(levels.round(), 0, 255).astype(np.uint8)
    return table


_FULL: Pixels = np.arange(256, dtype=np.uint8)
_LUMA, _CHROMA = _stretched(16, 235, 16), _stretched(16, 240, 128)
