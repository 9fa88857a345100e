"""Motion without a model: a picture turns as a plane and carries its surroundings with it; a head does neither.

Each measure compares two frames of one approach. It gives None where there is nothing to measure: a face that held
still, or only moved within the picture's plane, looks the same whether it is a head or a print.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.domain.face import Traces
from edge.domain.pad.geometry import Grid, Turn, affine_residual, box_sum, eye_distance, on_thumb, sample, turn

TURNED = 0.04
"""Least change of the face's shape that is measured, in eye distances: at 0.02 the mesh's own noise shows."""
MOVED = 1.0
"""Least distance that the surroundings would have moved with the face, in pixels of the small picture."""
_TEXTURE = 1.5
"""Least contrast of the surroundings: on a blank wall no motion can be seen."""
_NEAR, _FAR = 1.4, 2.4
"""The ring around the face, in halves of its width: outside the hair, inside a picture that is held up."""
_ENOUGH = 60
"""Fewest pixels of a mean."""
_SMOOTH = 4


def planar(seen: Sequence[Traces]) -> float | None:
    """How well a plane explains how the newest face differs from an earlier one: 0 not at all, 1 wholly.

    A flat picture that is tilted maps onto itself by an affine map (nearly: perspective is small at arm's length),
    while the nose of a turning head moves against its cheeks. Of all earlier frames, the one counts whose face
    differs most from the newest in shape.
    """
    if len(seen) < 2:
        return None
    *before, now = seen
    eyes = eye_distance(now.points)
    changes = [turn(one.points, now.points)[1] for one in before]
    most = int(np.argmax(changes))
    if not (eyes > 0 and changes[most] / eyes >= TURNED):
        return None
    return 1 - affine_residual(before[most].points, now.points) / changes[most]


def rides_along(seen: Sequence[Traces]) -> float | None:
    """How much better the surroundings are explained by moving with the face than by standing still.

    It is the logarithm of the ratio of the two rests over a ring around the face: positive for a picture held up
    with its own background, negative for a head before a wall. None, too, when the far part of the frame moved with
    the face: then the camera shakes, and nothing can be said.
    """
    if len(seen) < 2:
        return None
    *before, now = seen
    centre = now.points.mean(0)
    gone = [float(np.hypot(*(one.points.mean(0) - centre))) for one in before]
    most = int(np.argmax(gone))
    return _rides(before[most], now)


def _rides(before: Traces, now: Traces) -> float | None:
    if before.thumb.shape != now.thumb.shape:
        return None
    back, _ = turn(on_thumb(now.points, now), on_thumb(before.points, before))
    height, width = now.thumb.shape
    half, (x, y) = now.box.width / 2 / now.step, now.box.centre
    across = (np.arange(width)[None, :] - (x + 0.5) / now.step + 0.5) / half
    down = (np.arange(height)[:, None] - (y + 0.5) / now.step + 0.5) / half
    away = np.hypot(across, 0.9 * down)
    old, new = _detail(before), _detail(now)
    # Below the chin is a body, which moves with its head.
    ring, far = (away > _NEAR) & (away < _FAR) & (down < 0.9), away > 1.15 * _FAR
    near, distant = _explained(new, old, back, ring), _explained(new, old, back, far)
    if near is None or near.way < MOVED or near.contrast < _TEXTURE or distant is None or distant.gain > 0:
        return None
    return near.gain


@dataclass(frozen=True, slots=True)
class _Explained:
    gain: float
    """log of the rest of standing still over the rest of moving along."""
    way: float
    contrast: float


def _explained(new: Grid, old: Grid, back: Turn, where: NDArray[np.bool_]) -> _Explained | None:
    y, x = (axis.astype(np.float64) for axis in np.nonzero(where))
    x_old, y_old = back(x, y)
    carried, inside = sample(old, x_old, y_old)
    if int(inside.sum()) < _ENOUGH:
        return None
    values, stood = new[where][inside], old[where][inside]
    still, along = np.abs(values - stood).mean(), np.abs(values - carried[inside]).mean()
    way = np.hypot(x_old - x, y_old - y)[inside].mean()
    # Half a grey level is noise.
    return _Explained(float(np.log((still + 0.5) / (along + 0.5))), float(way), float(np.abs(values).mean()))


def _detail(traces: Traces) -> Grid:
    """The small picture without its slow changes: exposure, vignetting, shadows."""
    picture = traces.thumb.astype(np.float64)
    return picture - box_sum(picture, _SMOOTH) / (2 * _SMOOTH + 1) ** 2
