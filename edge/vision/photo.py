"""A photograph's file to pixels: upright, RGB, whole, or an error that names the file and the cure."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from edge.domain.types import Pixels
from edge.errors import PhotoError

MAX_PIXELS = 50_000_000
"""More than a phone's ordinary pictures have; a file that claims more is refused before it is decoded."""
SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
_FORMATS = ("JPEG", "PNG")
"""Nothing else is even parsed; a phone's MPO is a JPEG whose first picture is taken."""


def load_photo(path: Path) -> Pixels:
    """(height, width, 3) RGB, turned as its EXIF tag says; transparency is laid on grey. Raises PhotoError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own limits warn; ours refuse
            with Image.open(path, formats=_FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    size = f"{image.width}×{image.height}"
                    raise PhotoError(f"{path.name}: {size} is too large; scale it to under 50 megapixels")
                return _upright(image)
    except FileNotFoundError:
        raise PhotoError(f"{path}: no such file; check the path") from None
    except UnidentifiedImageError:
        raise PhotoError(f"{path.name}: is not a JPEG or PNG photograph; export it as one") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, PhotoError):
            raise
        # Pillow reports truncation and corruption as OSError, SyntaxError (PNG) or ValueError.
        raise PhotoError(
            f"{path.name}: is truncated or corrupt ({error}); copy it again from its source"
        ) from error


def _upright(image: Image.Image) -> Pixels:
    image.load()
    turned = image
    ImageOps.exif_transpose(turned, in_place=True)
    if turned.mode in {"RGBA", "LA", "PA"} or "transparency" in turned.info:
        ground = Image.new("RGBA", turned.size, (128, 128, 128, 255))
        turned = Image.alpha_composite(ground, turned.convert("RGBA"))
    if turned.mode.startswith("I") or turned.mode == "F":
        # 16-bit greyscale: Pillow's own conversion would clip it to white.
        values = np.asarray(turned, np.float64)
        turned = Image.fromarray((values * (255 / max(values.max(), 1))).astype(np.uint8))
    if turned.mode != "RGB":
        turned = turned.convert("RGB")
    # Each copy of a phone's picture is some 36 MB at the terminal's peak, so there is none that is not needed.
    return np.asarray(turned)
