"""What stands in front of the replay camera: a photograph that moves as a person would, or an empty room.

A subject is prepared once, in a handful of slightly turned and zoomed poses; a frame is then a crop of one of them
with sensor noise added, well under a millisecond, so that the camera costs the terminal nothing.
"""

import threading
from dataclasses import dataclass
from math import cos, pi, radians, sin

import numpy as np
from PIL import Image, ImageFilter

from edge.domain.types import Box, Pixels

_POSES = ((0.0, 1.0), (0.7, 1.01), (1.2, 1.02), (0.7, 1.03), (-0.3, 1.02), (-1.0, 1.01))
"""(tilt in degrees, zoom): a head that sways a little."""
_POSE_S = 0.4
_SWAY_PX = (7.0, 4.0)
_SWAY_S = (3.1, 2.3)
"""Periods that do not share a beat, so that the movement does not repeat while anyone looks."""
_MARGIN = 16
"""Pixels around the frame for the sway."""
_NOISE_LEVELS, _NOISE_TILES = 5, 4
_FACE_HEIGHT = 180


@dataclass(frozen=True, slots=True)
class _Shown:
    poses: tuple[Pixels, ...]
    """Each (height + 2 margins, width + 2 margins, 3), no brighter than leaves room for the noise."""


class Scene:
    """Thread-safe: a director changes it while the camera films it."""

    def __init__(self, size: tuple[int, int] = (640, 480), *, seed: int = 1) -> None:
        """`size` is (width, height) of the frames; `seed` makes noise and background the same every time."""
        self.size = size
        self._lock = threading.Lock()
        self._rng = np.random.default_rng(seed)
        shape = (_NOISE_TILES, size[1], size[0], 3)
        self._noise = self._rng.integers(0, _NOISE_LEVELS, shape, dtype=np.uint8)
        self._empty = _Shown((_headroom(self._background()),))
        self._shown = self._empty
        self._stalled = threading.Event()

    def show(
        self,
        photo: Pixels,
        *,
        aim: Box | None = None,
        face_height: float = _FACE_HEIGHT,
        blur: float = 0.0,
        gain: float = 1.0,
    ) -> None:
        """Put a photograph, (height, width, 3) RGB, before the camera.

        With `aim`, the face's box in it, the face comes to the middle, `face_height` frame pixels tall; otherwise
        the photograph covers the frame, its upper part in view. `blur` is a Gaussian's sigma in frame pixels and
        `gain` multiplies the light of the whole scene.
        """
        shown = self._prepare(photo, aim, face_height, blur, gain)
        with self._lock:
            self._shown = shown

    def clear(self) -> None:
        """Nobody: the empty room."""
        with self._lock:
            self._shown = self._empty

    def stall(self, stalled: bool) -> None:
        """Whether the camera stops delivering, as one with a bad cable does."""
        if stalled:
            self._stalled.set()
        else:
            self._stalled.clear()

    @property
    def stalled(self) -> bool:
        """See `stall`."""
        return self._stalled.is_set()

    def render(self, at_s: float) -> Pixels:
        """The frame at a moment, (height, width, 3) RGB; a new array each time."""
        with self._lock:
            poses = self._shown.poses
        pose = poses[int(at_s / _POSE_S) % len(poses)]
        x, y = (round(_MARGIN + px * sin(2 * pi * at_s / s)) for px, s in zip(_SWAY_PX, _SWAY_S, strict=True))
        width, height = self.size
        noise = self._noise[int(at_s * 1000) % _NOISE_TILES]
        frame: Pixels = pose[y : y + height, x : x + width] + noise
        return frame

    def _prepare(self, photo: Pixels, aim: Box | None, face_height: float, blur: float, gain: float) -> _Shown:
        width, height = (side + 2 * _MARGIN for side in self.size)
        source = Image.fromarray(photo)
        if aim is None:
            scale = max(width / source.width, height / source.height)
            middle = (source.width / 2, height / 2 / scale)
        else:
            scale = face_height / aim.height
            middle = aim.centre
        scaled = source.resize(
            (max(round(source.width * scale), 1), max(round(source.height * scale), 1)), Image.Resampling.LANCZOS
        )
        poses = []
        for tilt, zoom in _POSES:
            matrix = _inverse(tilt, zoom, (middle[0] * scale, middle[1] * scale), (width / 2, height / 2))
            how = {"resample": Image.Resampling.BILINEAR}
            person = scaled.transform((width, height), Image.Transform.AFFINE, matrix, **how)
            mask = Image.new("L", scaled.size, 255).transform(
                (width, height), Image.Transform.AFFINE, matrix, **how
            )
            picture = Image.composite(person, Image.fromarray(self._background()), mask)
            if blur > 0:
                picture = picture.filter(ImageFilter.GaussianBlur(blur))
            lit = np.asarray(picture, np.float32) * np.float32(gain)
            poses.append(_headroom(np.clip(lit, 0, 255).astype(np.uint8)))
        return _Shown(tuple(poses))

    def _background(self) -> Pixels:
        """A plain wall, lighter at the top: flat grey would be no surface that a camera ever sees."""
        width, height = (side + 2 * _MARGIN for side in self.size)
        down, across = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
        wall = 170 - 50 * down + 14 * across
        return np.stack([wall, wall * 0.98, wall * 0.94], axis=2).astype(np.uint8)


def _headroom(pixels: Pixels) -> Pixels:
    """Room for the noise, so that adding it never wraps around."""
    return np.minimum(pixels, np.uint8(255 - _NOISE_LEVELS + 1))


def _inverse(
    tilt: float, zoom: float, source: tuple[float, float], target: tuple[float, float]
) -> tuple[float, float, float, float, float, float]:
    """Coefficients, for Pillow, of the map from frame to picture that puts `source` at `target`."""
    a, b = cos(radians(tilt)) / zoom, sin(radians(tilt)) / zoom
    x, y = target
    return a, b, source[0] - a * x - b * y, -b, a, source[1] + b * x - a * y
