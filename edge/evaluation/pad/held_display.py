"""A simulated attack: a genuine picture on a telephone, tablet or monitor that is held before the camera.

It draws what a display does to a picture that does not depend on its pixels: straight sides that cut off shoulders
and background, a dark or light rim, fingers, brightness and whiteness of its own, clipped highlights and raised
blacks, before another room's wall. It is computed, not filmed: models/fit_fusion.py learns from it that a face
which looks alive may stand in surroundings that do not, and no rate of attacks is measured on it.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from edge.domain.face import Box, Pixels

Rng = np.random.Generator
_Light = NDArray[np.float32]
_SIZES = ((640, 480), (640, 480), (480, 640))
"""(width, height) of the camera's picture."""
_SHAPES = (9 / 19.5, 9 / 16, 3 / 4, 4 / 3, 16 / 10)
"""Width over height of the displays."""
_HALF = (0.75, 2.0)
"""Distance of the display's sides from the middle of the face, in widths of its box."""
_FACE = (80.0, 170.0)
"""Width of the face's box, in the camera's pixels: as near as the quality gate wants it."""
_GAMMA = 2.2


def held_display(picture: Pixels, face: Box, room: Pixels, rng: Rng) -> Pixels:
    """A camera's picture (height, width, 3) of a display that shows `picture`, before the edge of `room`."""
    width, height = _SIZES[rng.integers(len(_SIZES))]
    device, (x, y) = _device(picture, face, rng)
    left = round(width * rng.uniform(0.4, 0.6) - x)
    top = round(height * rng.uniform(0.35, 0.55) - y)
    layer = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    layer.paste(device, (left, top))
    if rng.random() < 0.6:
        _fingers(layer, left + (0 if rng.random() < 0.5 else device.width), top, device.height, rng)
    layer = layer.rotate(rng.normal(0, 4), Image.Resampling.BICUBIC, center=(left + x, top + y))
    drawn = np.asarray(layer)
    share = drawn[..., 3:].astype(np.float32) / 255
    light = _wall(room, (width, height), rng) * (1 - share) + _light(drawn[..., :3]) * share
    return _filmed(np.asarray(light, np.float32), rng)


def _device(picture: Pixels, face: Box, rng: Rng) -> tuple[Image.Image, tuple[float, float]]:
    """The display with its rim, and where the middle of the face is in it."""
    height, width = picture.shape[:2]
    (x, y), half = face.centre, rng.uniform(*_HALF) * face.width
    left, right = max(0.0, x - half * rng.uniform(0.8, 1.2)), min(float(width), x + half * rng.uniform(0.8, 1.2))
    tall = (right - left) / _SHAPES[rng.integers(len(_SHAPES))]
    top = max(0.0, y - tall * rng.uniform(0.35, 0.55))
    bottom = min(float(height), top + tall)
    scale = rng.uniform(*_FACE) / face.width
    columns, rows = max(8, round((right - left) * scale)), max(8, round((bottom - top) * scale))
    cut = Image.fromarray(picture).crop((round(left), round(top), round(right), round(bottom)))
    cut = cut.resize((columns, rows), Image.Resampling.BICUBIC)
    cut = cut.filter(ImageFilter.GaussianBlur(rng.uniform(0, 0.8)))
    white = np.array([rng.uniform(0.8, 1.0), rng.uniform(0.9, 1.0), rng.uniform(0.95, 1.25)], np.float32)
    shown = _light(np.asarray(cut)) ** rng.uniform(0.85, 1.25) * np.exp(rng.uniform(-0.4, 0.9)) * white
    shown = np.minimum(shown, 1.3) + rng.uniform(0, 0.03)
    side, end = (max(2, round(columns * rng.uniform(0.01, 0.08))), max(2, round(rows * rng.uniform(0.01, 0.12))))
    rim = rng.uniform(0, 0.03) if rng.random() < 0.8 else rng.uniform(0.4, 0.8)
    device = np.full((rows + 2 * end, columns + 2 * side, 3), rim, np.float32)
    device[end : end + rows, side : side + columns] = shown
    place = (side + (x - left) * scale, end + (y - top) * scale)
    return Image.fromarray(_pixels(device)).convert("RGBA"), place


def _fingers(layer: Image.Image, side: int, top: int, height: int, rng: Rng) -> None:
    draw = ImageDraw.Draw(layer)
    red, green, blue = (round(level) for level in np.array([190, 140, 115]) * rng.uniform(0.35, 1))
    for _ in range(rng.integers(1, 5)):
        y = top + height * rng.uniform(0.3, 1)
        draw.ellipse((side - 25, y - 11, side + 18, y + 11), fill=(red, green, blue, 255))


def _wall(room: Pixels, size: tuple[int, int], rng: Rng) -> _Light:
    """The upper corner or edge of another picture, where no face is, enlarged and in another light."""
    height, width = room.shape[:2]
    parts = ((0, 0, width // 3, height // 2), (2 * width // 3, 0, width, height // 2), (0, 0, width, height // 5))
    part = Image.fromarray(room).crop(parts[rng.integers(len(parts))]).resize(size, Image.Resampling.BICUBIC)
    part = part.filter(ImageFilter.GaussianBlur(rng.uniform(0, 4)))
    return _light(np.asarray(part)) * np.float32(np.exp(rng.uniform(-1.2, 0.7)))


def _filmed(light: _Light, rng: Rng) -> Pixels:
    """Through a lens, onto a sensor with noise, and through JPEG."""
    seen = Image.fromarray(_pixels(light)).filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.0)))
    noise = rng.normal(0, rng.uniform(0, 4), (seen.height, seen.width, 1))
    noisy = np.clip(np.asarray(seen) + noise, 0, 255).astype(np.uint8)
    coded = io.BytesIO()
    Image.fromarray(noisy).save(coded, "JPEG", quality=int(rng.integers(50, 92)))
    return np.asarray(Image.open(coded).convert("RGB")).copy()


def _light(pixels: NDArray[np.uint8]) -> _Light:
    return np.asarray((pixels.astype(np.float32) / 255) ** _GAMMA, np.float32)


def _pixels(light: NDArray[np.float32]) -> Pixels:
    return np.asarray((255 * np.clip(light, 0, 1) ** (1 / _GAMMA)).round(), np.uint8)
