"""The scene before the replay camera: a photograph that moves as a person would, or an empty room.

Rendering counts in the measured latency, so it must be quick. A view is prepared once, three times as fine as the
frame. Each frame then takes its pixels from it by nearest neighbour, turned, zoomed and shifted to a third of a
pixel, with sensor noise added: this takes about a millisecond, where interpolating each frame takes six.
"""

import threading
from math import cos, pi, radians, sin

import numpy as np
from PIL import Image, ImageFilter

from edge.domain.face import Box, Pixels

_SWAYS = (("x", 7.0, 3.1), ("y", 4.0, 2.3), ("tilt", 1.2, 4.7), ("zoom", 0.015, 6.1))
"""(axis, amplitude in pixels, degrees or parts, period in seconds). The periods have no common multiple that is
short, so that the movement does not repeat while anyone looks.
"""
_MARGIN = 28
"""Pixels around the frame for the sway: its shift, and the way of the frame's corners when it tilts."""
_FINER = 3
_NOISE_LEVELS, _NOISE_TILES = 5, 4
_FACE_HEIGHT = 180
"""Frame pixels from brow to chin, as for a person at the terminal."""
_MAX_SCALED = 4096
"""Largest side of an enlarged photograph, whatever its face box claims."""


class Scene:
    """Thread-safe: a director changes it while the camera films it."""

    def __init__(self, size: tuple[int, int] = (640, 480), *, motion: bool = True, seed: int = 1) -> None:
        """`size` is (width, height) of the frames; the same `seed` moves and flickers in the same way."""
        self.size = size
        self._motion = motion
        self._lock = threading.Lock()
        rng = np.random.default_rng(seed)
        shape = (_NOISE_TILES, size[1], size[0], 3)
        self._noise = rng.integers(0, _NOISE_LEVELS, shape, dtype=np.uint8)
        self._phases = rng.uniform(0, 2 * pi, len(_SWAYS))
        self._view = self._empty = self._lit(Image.fromarray(self._background()), 1.0)
        self._somebody = False
        self._still: list[Pixels] = []
        self._stalled = threading.Event()

    def show(
        self,
        photo: Pixels | None,
        *,
        aim: Box | None = None,
        face_height: float | None = None,
        blur: float = 0.0,
        gain: float = 1.0,
    ) -> None:
        """Put a photograph, (height, width, 3) RGB, before the camera; None is the empty room under this light.

        With `aim`, the face's box in it, the face comes to the middle, `face_height` (None: 180) frame pixels tall;
        otherwise the photograph covers the frame, its upper part in view. `blur` is a Gaussian's sigma in frame
        pixels and `gain` multiplies the light of the whole scene.
        """
        height = _FACE_HEIGHT if face_height is None else face_height
        picture = Image.fromarray(self._background())
        if photo is not None:
            self._place(picture, photo, aim, height)
        if blur > 0:
            picture = picture.filter(ImageFilter.GaussianBlur(blur))
        view = self._lit(picture, gain)
        with self._lock:
            self._view, self._somebody, self._still = view, photo is not None, []

    def clear(self) -> None:
        """Show the empty room."""
        with self._lock:
            self._view, self._somebody, self._still = self._empty, False, []

    def stall(self, stalled: bool) -> None:
        """Whether the camera stops delivering, as a camera with a bad cable does."""
        if stalled:
            self._stalled.set()
        else:
            self._stalled.clear()

    @property
    def stalled(self) -> bool:
        """See `stall`."""
        return self._stalled.is_set()

    def render(self, at_s: float) -> Pixels:
        """The frame at a moment, (height, width, 3) RGB; a new array each time.

        People sway, walls do not: an empty room is drawn once for each of its patterns of noise.
        """
        with self._lock:
            view, somebody, still = self._view, self._somebody, self._still
        noise = int(at_s * 1000) % _NOISE_TILES
        if somebody:
            pixels: Pixels = self._drawn(view, self._pose(at_s)) + self._noise[noise]
            return pixels
        if not still:
            room = self._drawn(view, self._pose(0.0))
            still += [room + one for one in self._noise]
        return still[noise].copy()

    def _drawn(self, view: Image.Image, pose: tuple[float, float, float, float, float, float]) -> Pixels:
        return np.asarray(view.transform(self.size, Image.Transform.AFFINE, pose, Image.Resampling.NEAREST))

    def _pose(self, at_s: float) -> tuple[float, float, float, float, float, float]:
        x, y, tilt, zoom = (
            amplitude * sin(2 * pi * at_s / period + phase) if self._motion else 0.0
            for (_, amplitude, period), phase in zip(_SWAYS, self._phases, strict=True)
        )
        width, height = self.size
        middle = ((width / 2 + _MARGIN) * _FINER, (height / 2 + _MARGIN) * _FINER)
        # From 1 upwards: a smaller picture would show what is beyond its edge.
        return _inverse(tilt, (1 + _SWAYS[3][1] + zoom) / _FINER, middle, (width / 2 + x, height / 2 + y))

    def _place(self, canvas: Image.Image, photo: Pixels, aim: Box | None, face_height: float) -> None:
        source = Image.fromarray(photo)
        if aim is None:
            scale = max(canvas.width / source.width, canvas.height / source.height)
            middle = (source.width / 2, canvas.height / 2 / scale)
        else:
            scale = face_height / max(aim.height, 1.0)
            middle = aim.centre
        scale = min(scale, _MAX_SCALED / max(source.size))
        scaled = source.resize(
            (max(round(source.width * scale), 1), max(round(source.height * scale), 1)), Image.Resampling.LANCZOS
        )
        canvas.paste(
            scaled, (round(canvas.width / 2 - middle[0] * scale), round(canvas.height / 2 - middle[1] * scale))
        )

    def _lit(self, picture: Image.Image, gain: float) -> Image.Image:
        # Room for the noise, so that adding it never wraps around.
        brightest = 255 - _NOISE_LEVELS + 1
        lit = picture.point([min(brightest, round(level * gain)) for level in range(256)] * 3)
        return lit.resize((lit.width * _FINER, lit.height * _FINER), Image.Resampling.BICUBIC).point(
            [min(brightest, level) for level in range(256)] * 3  # bicubic overshoots at edges
        )

    def _background(self) -> Pixels:
        """A plain wall, lighter at the top: no camera ever sees a flat grey surface."""
        width, height = (side + 2 * _MARGIN for side in self.size)
        down, across = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
        wall = 170 - 50 * down + 14 * across
        return np.stack([wall, wall * 0.98, wall * 0.94], axis=2).astype(np.uint8)


def _inverse(
    tilt: float, zoom: float, source: tuple[float, float], target: tuple[float, float]
) -> tuple[float, float, float, float, float, float]:
    """Coefficients, for Pillow, of the map from frame to picture that puts `source` at `target`."""
    a, b = cos(radians(tilt)) / zoom, sin(radians(tilt)) / zoom
    x, y = target
    return a, b, source[0] - a * x - b * y, -b, a, source[1] + b * x - a * y
