"""Pictures from a page: a JPEG in memory to pixels, bounded before anything is decoded."""

import io
import warnings

import numpy as np
from PIL import Image, UnidentifiedImageError

from edge.domain.face import Pixels
from edge.errors import PhotoError

MAX_BYTES = 2_000_000
"""Most bytes of one picture; a page's frame of 640 × 480 has some 60,000."""
MAX_SIDE = 2_000
"""Most pixels of a side: the page shrinks a photograph before it sends it."""
_MIN_SIDE = 16


def decode_picture(jpeg: bytes) -> Pixels:
    """(height, width, 3) RGB of a JPEG. Raises PhotoError, which says what is wrong, and the cure."""
    if len(jpeg) > MAX_BYTES:
        raise PhotoError(f"the picture has more than {MAX_BYTES:,} bytes; send a smaller one")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about tags that are ignored
            with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as image:
                _bounded(image)
                return np.array(image.convert("RGB"))
    except PhotoError:
        raise
    except UnidentifiedImageError:
        raise PhotoError("that is no JPEG picture; send one") from None
    except Exception as error:  # For broken bytes, Pillow raises whatever its parsers raise.
        raise PhotoError("the picture is truncated or corrupt; send it again") from error


def _bounded(image: Image.Image) -> None:
    """Judge the size that the file claims, before it is decoded. Raises PhotoError."""
    if min(image.size) < _MIN_SIDE or max(image.size) > MAX_SIDE:
        raise PhotoError(
            f"the picture has {image.width}×{image.height} pixels; send {_MIN_SIDE} to {MAX_SIDE} on each side"
        )


def fitted(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """The middle of a picture, enlarged or shrunk to `size` (width, height) as a camera's frame has it."""
    width, height = size
    if pixels.shape[:2] == (height, width):
        return pixels
    image = Image.fromarray(pixels)
    scale = min(image.width / width, image.height / height)
    half_x, half_y = width * scale / 2, height * scale / 2
    x, y = image.width / 2, image.height / 2
    box = (max(x - half_x, 0), max(y - half_y, 0), min(x + half_x, image.width), min(y + half_y, image.height))
    return np.array(image.resize(size, Image.Resampling.BILINEAR, box=box))
