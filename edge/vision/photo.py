"""A photograph's file to pixels: upright, RGB, whole, or an error that names the file and the cure."""

import stat
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from edge.domain.face import Pixels
from edge.errors import PhotoError
from edge.vision.jpeg_scans import MAX_SCANS, scans_of

MAX_PIXELS = 50_000_000
"""Most pixels: more than a phone's ordinary pictures have. A file that claims more is refused before it is
decoded.
"""
MAX_WHOLE_PIXELS = 24_000_000
"""The same for a PNG and a progressive JPEG, which can be decoded only at their full size."""
KEPT_PIXELS = 16_000_000
"""Most pixels that are kept of a larger picture: it is shrunk by a whole number while it is decoded. A face needs
far fewer.
"""
SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
_FORMATS = ("JPEG", "PNG")
"""Formats that are accepted; no other is even parsed. A phone's MPO is a JPEG whose first picture is taken."""
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_GREY = (128, 128, 128)
_ROWS = 256

# Our limit is checked before anything is decoded, and its error names the size; Pillow's would speak of an attack.
Image.MAX_IMAGE_PIXELS = None


def load_photo(path: Path) -> Pixels:
    """(height, width, 3) RGB, turned as its EXIF tag says; transparency is laid on grey. Raises PhotoError.

    A tag that cannot be read is ignored. A picture with more than KEPT_PIXELS is shrunk.
    """
    _ordinary(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about tags that are ignored
            with Image.open(path, formats=_FORMATS) as image:
                _small_enough(path, image)
                return _upright(image)
    except PhotoError:
        raise
    except UnidentifiedImageError:
        raise PhotoError(f"{path.name}: is not a JPEG or PNG photograph; export it as one") from None
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise PhotoError(
                f"{path}: cannot be read ({error.strerror}); mend that, or copy it elsewhere"
            ) from error
        # For broken bytes, Pillow raises whatever its parsers raise: OSError, SyntaxError, struct.error and more.
        raise PhotoError(
            f"{path.name}: is truncated or corrupt ({error}); copy it again from its source"
        ) from error


def _ordinary(path: Path) -> None:
    """Raises PhotoError for everything that is no regular file with content: reading a pipe could wait for ever."""
    try:
        found = path.stat()
    except FileNotFoundError:
        raise PhotoError(f"{path}: no such file; check the path") from None
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise PhotoError(f"{path}: cannot be read ({said}); mend that, or copy it elsewhere") from error
    if stat.S_ISDIR(found.st_mode):
        raise PhotoError(f"{path}: is a folder; name the photograph in it")
    if not stat.S_ISREG(found.st_mode):
        raise PhotoError(f"{path}: is no file but a device or a pipe; name a photograph")
    if not found.st_size:
        raise PhotoError(f"{path.name}: is empty (0 bytes); copy it again from its source")


def _small_enough(path: Path, image: Image.Image) -> None:
    """Judge the size that the file claims, before it is decoded. Raises PhotoError."""
    scans = 0 if image.format == "PNG" else scans_of(path)
    if scans > MAX_SCANS:
        raise PhotoError(f"{path.name}: is a JPEG of more than {MAX_SCANS} scans; save it as a plain one")
    in_parts = image.format != "PNG" and scans <= 1 and not image.info.get("progressive")
    most = MAX_PIXELS if in_parts else MAX_WHOLE_PIXELS
    if image.width * image.height > most:
        kind = "" if in_parts else " for a PNG" if image.format == "PNG" else " for a progressive JPEG"
        size = f"{image.width}×{image.height}"
        raise PhotoError(
            f"{path.name}: {size} is too large{kind}; scale it to under {most // 1_000_000} megapixels"
        )


def _upright(image: Image.Image) -> Pixels:
    turn = _turn(image)
    shrink = _shrink(image)
    if shrink > 1:
        image.draft(None, (image.width // shrink, image.height // shrink))  # only a JPEG can
    image.load()
    small = image.reduce(left) if (left := _shrink(image)) > 1 and not image.mode.startswith("I") else image
    rgb = _in_colour(small)
    if turn is not None:
        rgb = rgb.transpose(turn)
    # Each copy of a phone's picture is some 36 MB at the terminal's peak, so no needless copy is made.
    return np.asarray(rgb)


def _turn(image: Image.Image) -> Image.Transpose | None:
    """The transposition that turns it upright; None where its tags say nothing, or cannot be read."""
    try:
        said = image.getexif().get(_ORIENTATION)
    except Exception:  # noqa: BLE001 - a broken tag is no reason to refuse a whole picture, whatever its parser raises
        return None
    return _TURNS.get(said) if isinstance(said, int) else None


def _shrink(image: Image.Image) -> int:
    """The whole number by which a side is divided; a JPEG divides by 2, 4 and 8."""
    return next(by for by in (1, 2, 4, 8) if image.width * image.height <= KEPT_PIXELS * by * by)


def _in_colour(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        image = _eight_bits(image)
    elif image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        with_alpha = image if image.mode == "RGBA" else image.convert("RGBA")
        ground = Image.new("RGB", image.size, _GREY)
        ground.paste(with_alpha, mask=with_alpha)
        return ground
    return image if image.mode == "RGB" else image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit greyscale as 8-bit: Pillow's own conversion would clip it to white. It works on some rows at a time,
    because the picture may be large.
    """
    strips = [(top, min(top + _ROWS, image.height)) for top in range(0, image.height, _ROWS)]
    brightest = max(float(np.asarray(image.crop((0, top, image.width, end))).max()) for top, end in strips) or 1.0
    grey = np.empty((image.height, image.width), np.uint8)
    for top, end in strips:
        values = np.asarray(image.crop((0, top, image.width, end)), np.float32)
        grey[top:end] = np.clip(values * (255 / brightest), 0, 255)
    shrunk = Image.fromarray(grey)
    by = _shrink(shrunk)
    return shrunk.reduce(by) if by > 1 else shrunk
