"""Simulated attacks made of genuine pictures: held up as a print with its edges in view, and shown on a display.

They are computed, not photographed: the effects of a printer, a screen, a lens and a hand are missing, except for
the beat of a display's cells with the camera's pixels. They show what a layer cannot see; they give no APCER.
"""

import numpy as np
from numpy.typing import NDArray

from edge.adapters.replay.scene import Scene
from edge.domain.face import Box, Pixels

PICTURE, DISPLAY = "simulated-picture", "simulated-display"
_AROUND = 2.3
"""Side of the picture over side of the face's box: a passport photograph."""
_HEIGHTS = (110.0, 150.0)
"""Height of the face, in frame pixels: as of somebody at the terminal, near enough for the gate."""
_PITCH, _GAP, _TURN = (0.7, 3.5), 0.25, 0.3
"""The display: its cells, from a phone's to a monitor's, in camera pixels; the dark share between them; and its
rotation, in radians.
"""
_SAMPLES = 4
"""Samples along each side of a camera pixel, from which its light is gathered."""


def held_up(pixels: Pixels, box: Box, rng: np.random.Generator) -> Pixels:
    """(480, 640, 3): the face with a little around it, before the replay camera's wall."""
    height, width = pixels.shape[:2]
    (x, y), across, down = box.centre, box.width * _AROUND / 2, box.height * _AROUND / 2
    left, top = max(0, round(x - across)), max(0, round(y - down))
    right, bottom = min(width, round(x + across)), min(height, round(y + down))
    cut = np.ascontiguousarray(pixels[top:bottom, left:right])
    scene = Scene(motion=False)
    aim = Box(box.x0 - left, box.y0 - top, box.x1 - left, box.y1 - top)
    scene.show(cut, aim=aim, face_height=rng.uniform(*_HEIGHTS))
    return scene.render(0)


def on_display(frame: Pixels, rng: np.random.Generator) -> Pixels:
    """A frame filled by a display: cells with dark gaps between them, each camera pixel gathering its square."""
    pitch, turn = rng.uniform(*_PITCH), rng.uniform(-_TURN, _TURN)
    height, width = frame.shape[:2]
    y = (np.arange(height * _SAMPLES, dtype=np.float32) + 0.5)[:, None] / (_SAMPLES * pitch)
    x = (np.arange(width * _SAMPLES, dtype=np.float32) + 0.5)[None, :] / (_SAMPLES * pitch)
    lit = _lit(x * np.cos(turn) - y * np.sin(turn)) & _lit(x * np.sin(turn) + y * np.cos(turn))
    light = lit.reshape(height, _SAMPLES, width, _SAMPLES).mean((1, 3), dtype=np.float32)
    shown = frame * (light / light.mean())[..., None]
    return np.asarray(np.clip(shown, 0, 255).round(), np.uint8)


def _lit(along: NDArray[np.float32]) -> NDArray[np.bool_]:
    return along % 1 >= _GAP
