"""Geometry that the layers share which compare two frames: motion of the face between them, and sampling of grey
pictures.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.domain.face import Floats, Traces

Grid = NDArray[np.float64]
_RIGHT_EYE, _LEFT_EYE = (33, 133), (362, 263)
"""Mesh indices of the corners of each eye."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The rotation, scale and shift that takes points of one frame nearest to those of another."""

    factor: complex
    source: complex
    target: complex
    """The centre of the points before and after."""

    def __call__(self, x: Grid, y: Grid) -> tuple[Grid, Grid]:
        """The new places of the places (x, y)."""
        moved = self.factor * (x + 1j * y - self.source) + self.target
        return moved.real, moved.imag


def turn(source: Floats, target: Floats) -> tuple[Turn, float]:
    """The best Turn between (n, 2) points, and the root mean square of the rest, in the target's pixels."""
    before, after = _complex(source), _complex(target)
    middle, aim = complex(before.mean()), complex(after.mean())
    before, after = before - middle, after - aim
    size = float(np.vdot(before, before).real)
    factor = complex(np.vdot(before, after)) / size if size > 0 else 1 + 0j
    left = after - factor * before
    return Turn(factor, middle, aim), float(np.sqrt((np.abs(left) ** 2).mean()))


def affine_residual(source: Floats, target: Floats) -> float:
    """The rest that the best affine map between (n, 2) points leaves: root mean square, in the target's pixels."""
    terms = np.column_stack([source.astype(np.float64), np.ones(len(source))])
    found = np.linalg.lstsq(terms, target.astype(np.float64), rcond=None)[0]
    left = terms @ found - target
    return float(np.sqrt((left**2).sum(1).mean()))


def eye_distance(points: Floats) -> float:
    """Pixels between the middles of the eyes of (468, 2) mesh points."""
    across = points[list(_LEFT_EYE)].mean(0) - points[list(_RIGHT_EYE)].mean(0)
    return float(np.hypot(across[0], across[1]))


def on_thumb(values: Floats, traces: Traces) -> Floats:
    """Frame coordinates to those of the small picture."""
    return np.asarray((values + 0.5) / traces.step - 0.5, np.float32)


def sample(picture: Grid, x: Grid, y: Grid) -> tuple[Grid, NDArray[np.bool_]]:
    """A grey (h, w) picture at places between its pixels, and which of the places lie inside it."""
    height, width = picture.shape
    inside = (x >= 0) & (x <= width - 1.001) & (y >= 0) & (y <= height - 1.001)
    x, y = np.clip(x, 0, width - 1.001), np.clip(y, 0, height - 1.001)
    column, row = x.astype(np.intp), y.astype(np.intp)
    right, down = x - column, y - row
    upper = picture[row, column] * (1 - right) + picture[row, column + 1] * right
    lower = picture[row + 1, column] * (1 - right) + picture[row + 1, column + 1] * right
    return upper * (1 - down) + lower * down, inside


def box_sum(values: Grid, reach: int, *, wrap: bool = False) -> Grid:
    """The sum over the square of 2 × reach + 1 around each element; beyond the border it is mirrored or wraps."""
    side = 2 * reach + 1
    padded = np.pad(values, reach, mode="wrap" if wrap else "edge").cumsum(0).cumsum(1)
    total: Grid = np.pad(padded, ((1, 0), (1, 0)))
    return total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side]


def _complex(points: Floats) -> NDArray[np.complex128]:
    values: NDArray[np.complex128] = points[:, 0].astype(np.float64) + 1j * points[:, 1].astype(np.float64)
    return values
