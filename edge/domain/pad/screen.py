"""Screens without a model: the grid of a display beats with the camera's own grid, and its light comes in bands.

Both are measured on the pixels of the face itself. Neither was measured on real screens yet: the thresholds come
from values that genuine faces never reach, and from simulated displays (models/fr-liveness.md says how).
"""

import numpy as np
from numpy.typing import NDArray

from edge.domain.face import Pixels, Traces
from edge.domain.pad.geometry import Grid, box_sum, on_thumb, sample, turn

_LEAST = 64
"""Pixels of face below which a grid cannot be told from its features."""
_LOW, _HIGH = 0.1, 0.5
"""Cycles a pixel between which a grid's beat is looked for: below are the features of a face, above is nothing."""
_AXIS = 0.004
"""Cycles a pixel beside the axes that are left out: JPEG's blocks and the rows of a sensor lie on them."""
_CORE, _HOLE, _RING = 1, 2, 6
"""Ring around a peak that it is compared with, in elements of the spectrum; the slopes of the peak are left out."""
_NOISE = 0.3
"""Variance of a pixel that rounding alone explains, with a margin; a perfectly flat patch has no peaks."""
STILL = 2.0
"""Pixels of the small picture that a face may have moved for bands to be compared."""
_ROWS, _COLUMNS = 32, 24
_BANDS = slice(2, 9)
"""Number of bands across a face that count: fewer are shading, more are texture."""


def grid_peak(face: Pixels) -> float | None:
    """How far the strongest regular pattern in a piece of face stands out: 1 not at all; genuine faces reach 9.

    It is the ratio of the power around one frequency to that of its neighbourhood. None for a piece of under 64
    pixels.
    """
    side = min(face.shape)
    if side < _LEAST:
        return None
    window = np.outer(np.hanning(side), np.hanning(side))
    picture = face[:side, :side].astype(np.float64)
    power: Grid = np.abs(np.fft.fft2((picture - picture.mean()) * window)) ** 2
    frequency = np.fft.fftfreq(side)
    across, down = np.abs(frequency)[None, :], np.abs(frequency)[:, None]
    radius, near = np.hypot(across, down), 2.5 / side + _AXIS
    looked_at = (radius > _LOW) & (radius < _HIGH) & (across > near) & (down > near)
    ring = box_sum(power, _RING, wrap=True) - box_sum(power, _HOLE, wrap=True)
    around = ring / ((2 * _RING + 1) ** 2 - (2 * _HOLE + 1) ** 2) + _NOISE * float((window**2).sum())
    stands_out = box_sum(power, _CORE, wrap=True) / (2 * _CORE + 1) ** 2 / around
    return float(stands_out[looked_at].max())


def bands(before: Traces, now: Traces) -> float | None:
    """How much bands of light across the face changed between two frames: a share of its brightness, 0 for none.

    A display that is dimmed by switching, or drawn line by line, is dark in other rows of each frame. So is a room
    under lamps that flicker, but then also beside the face: the change beside the face is subtracted. None when the
    face moved, or nothing is beside it to compare with.
    """
    if before.thumb.shape != now.thumb.shape:
        return None
    new_points, old_points = on_thumb(now.points, now), on_thumb(before.points, before)
    back, _ = turn(new_points, old_points)
    moved = new_points.mean(0) - old_points.mean(0)
    if np.hypot(moved[0], moved[1]) > STILL:
        return None
    (left, top), (right, bottom) = new_points.min(0), new_points.max(0)
    width, height = right - left, bottom - top
    rows = np.linspace(top + 0.12 * height, bottom - 0.12 * height, _ROWS)
    inner = np.linspace(left + 0.2 * width, right - 0.2 * width, _COLUMNS)
    outer = np.concatenate(
        [
            np.linspace(left - 1.4 * width, left - 0.6 * width, 12),
            np.linspace(right + 0.6 * width, right + 1.4 * width, 12),
        ]
    )
    outer = outer[(outer > 0) & (outer < now.thumb.shape[1] - 2)]
    if len(outer) < 6:
        return None
    x, y = np.meshgrid(inner, rows)
    face = _banding(now, before, (x, y), back(x, y))
    x, y = np.meshgrid(outer, rows)
    return max(0.0, face - _banding(now, before, (x, y), (x, y)))


def _banding(now: Traces, before: Traces, here: tuple[Grid, Grid], there: tuple[Grid, Grid]) -> float:
    new, _ = sample(now.thumb.astype(np.float64), *here)
    old, _ = sample(before.thumb.astype(np.float64), *there)
    # The median over a row: an eye that blinks is no band.
    change = np.median(np.log((new + 10) / (old + 10)), axis=1)
    along = np.linspace(-1, 1, _ROWS)
    shading: NDArray[np.float64] = np.column_stack([np.ones(_ROWS), along, along**2])
    change = change - shading @ np.linalg.lstsq(shading, change, rcond=None)[0]
    window = np.hanning(_ROWS)
    return float((np.abs(np.fft.rfft(change * window)) * 2 / window.sum())[_BANDS].max())
