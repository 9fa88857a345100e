"""Infrared returned: the light that a lamp beside the camera adds to a face and to its surroundings.

Three patches are compared, each where the face was: lit, and unlit before and after it. Light falls off with the
square of the distance, and on a surface with the cosine of its slant (Lambert). So the lamp's light, the
difference, is strong on a near face, weaker towards its sides, and weak on a wall far behind. A flat print returns
it evenly, its background as well as its face; many inks are also transparent in infrared, so that the picture
disappears. A display makes its own light and returns hardly any, except for the lamp's mirror image in its glass.

No limit here was measured: there was neither a lamp nor an attack. The limits lie between the values that the two
laws give for heads and for flat pictures (tests/unit/domain/pad/test_strobe.py draws both); models/fr-liveness.md
says so, too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isnan, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.domain.face import Box, Floats, Pixels, Reflection, StrobeFinding

LEAST = 0.2
"""The lamp's light on the face as a share of the room's: a change of 8 levels at a luminance of 100. Below it, the
noise of a cell and a step of the automatic exposure are no longer small beside it.
"""
FLAT = 0.86
"""Light on the cheeks' sides over that between them. Computed: ellipsoids 0.6 to 1.2 times as deep as half their
width, turned up to 30°, 0.35 to 0.9 m away, give 0.51 to 0.78; a white plane, tilted up to 35°, 0.97 and more. A
print whose ink is dark in infrared, too, keeps the shading of its picture: 0.85 to 0.87, on the edge."""
AROUND = 0.8
"""Light beside the head over light on the face. (0.5 m / 0.9 m)² and a wall 1.5 times as bright as skin: 0.46 for a
wall 0.4 m behind; 0.7 at 0.23 m. A print's background is in the print's plane.
"""
RETURNED = 0.4
"""Light that must return elsewhere, as a share of the room's light on the face, to conclude that a face returns
hardly any.
"""
DIM = 0.25
"""Below this share of the light that returns elsewhere, a face that returns hardly any is a display's. Skin returns
about half of near infrared, whatever its colour; glass 0.04, and the panel behind it little.
"""
SPOT = 1.5
"""The lamp's image in glass, in multiples of the room's light on the face; skin's own shine is less than one."""
BURNT = 0.1
"""Share of the face that may be burnt out: burnt-out pixels cannot be compared."""
MOVED = 0.15
"""Distance between the two unlit frames, in widths of the face: within it, the lit one lies evenly between them."""
_EXPOSED = 0.2
"""|log| by which the unlit frames may differ as a whole: a step or two of the automatic exposure."""
_STILL = 0.1
"""Share of the face's light by which a single cell may differ between them; a cell that differs more is left out.
Over a face, the error of the lamp's light is about half of it, everywhere alike: a quarter of LEAST.
"""
_CLEAR = 4.0
"""The increase must be so many times the change of the exposure."""
_SIDE, _FINE = 32, 4
"""Cells a side, and samples a side of each."""
_REACH = 2.4
"""Half widths (and half heights) of the face that a patch reaches from its middle."""
_WHITE = 250

_GAMMA = 2.2  # sRGB is near enough to it, as in the replay camera
_LINEAR = ((np.arange(256) / 255) ** _GAMMA / 3).astype(np.float32)
_PLACES = ((np.arange(_SIDE) + 0.5) / _SIDE * 2 - 1) * _REACH
_U, _V = np.meshgrid(_PLACES, _PLACES)
"""Of each cell, in half widths and half heights from the face's middle: its eyes at -0.2, its mouth at 0.45."""
_ALL = np.ones_like(_U, bool)
_FACE = np.hypot(_U, _V) < 0.75
_ROWS = (_V > -0.15) & (_V < 0.4)
_MIDDLE = _ROWS & (np.abs(_U) < 0.3)
_CHEEKS = tuple(_ROWS & (side > 0.6) & (side < 0.85) for side in (_U, -_U))
_BESIDE = tuple((side > 1.5) & (side < 2.3) & (_V > -1.2) & (_V < 0.5) for side in (_U, -_U))
"""Outside the hair, above the shoulders."""
_ELSEWHERE = np.hypot(_U / 1.5, _V / 1.6) > 1
_BARE = _FACE & ((_V < -0.5) | (_V > 0.15))
"""Where no glasses shine."""

Cells = NDArray[np.float32]
_Where = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """A face and its surroundings in one frame, as 32×32 means; they do not show who it is."""

    light: Cells
    """Linear, 0..1; NaN outside the frame."""
    burnt: Cells
    """Share of burnt-out samples; NaN outside the frame, too."""


def outline(points: Floats) -> Box:
    """The area of the (468, 2) points of a mesh: the face from ear to ear and from hair to chin."""
    (x0, y0), (x1, y1) = points.min(0), points.max(0)
    return Box(float(x0), float(y0), float(x1), float(y1))


def patch(pixels: Pixels, face: Box) -> Patch:
    """The patch of a (height, width, 3) frame around `face`; 128×128 of its pixels are read."""
    samples = ((np.arange(_SIDE * _FINE) + 0.5) / (_SIDE * _FINE) * 2 - 1) * _REACH / 2
    (x, y), (height, width) = face.centre, pixels.shape[:2]
    columns, rows = np.rint(x + samples * face.width), np.rint(y + samples * face.height)
    across, down = (columns >= 0) & (columns < width), (rows >= 0) & (rows < height)
    light = np.full((_SIDE * _FINE,) * 2, nan, np.float32)
    burnt = light.copy()
    seen = pixels[rows[down].astype(np.intp)][:, columns[across].astype(np.intp)]
    red, green, blue = seen[..., 0], seen[..., 1], seen[..., 2]
    inside = np.ix_(down, across)
    light[inside] = _LINEAR[red] + _LINEAR[green] + _LINEAR[blue]
    burnt[inside] = np.maximum(np.maximum(red, green), blue) >= _WHITE
    return Patch(_cells(light), _cells(burnt))


def moved(before: Box, after: Box) -> bool:
    """Whether a face's outline moved or grew too much for a comparison."""
    limit = MOVED * before.width
    corners = (after.x0 - before.x0, after.y0 - before.y0, after.x1 - before.x1, after.y1 - before.y1)
    return not max(map(abs, corners)) <= limit


def between(before: Box, after: Box, share: float) -> Box:
    """Place of the face when `share` (0..1) of the time between the two frames had passed."""
    pairs = ((before.x0, after.x0), (before.y0, after.y0), (before.x1, after.x1), (before.y1, after.y1))
    return Box(*(old + share * (new - old) for old, new in pairs))


def reflection(before: Patch, lit: Patch, after: Patch) -> Reflection | None:
    """The finding from three patches of one face; None when too much moved or changed between them: look again."""
    exposed = _median(np.log((after.light + 1e-3) / (before.light + 1e-3)), _ALL)
    if not abs(exposed) <= _EXPOSED:
        return None
    room = before.light * np.float32(np.exp(exposed / 2))
    own = _median(room, _FACE)
    still = np.abs(after.light - before.light * np.float32(np.exp(exposed))) <= _STILL * own
    gain = np.where(still, lit.light - room, np.float32(nan))
    face, middle = _median(gain, _FACE), _median(gain, _MIDDLE)
    flat = sum(_median(gain, cheek) for cheek in _CHEEKS) / 2
    if isnan(face + middle + flat):
        return None
    if max(_median(one.burnt, _FACE, np.mean) for one in (before, lit)) > BURNT:
        return Reflection(StrobeFinding.BURNT, None)
    if face < own * max(LEAST, _CLEAR * abs(exposed)):
        return _hardly_any(gain, face, own)
    # A thing that returns nothing between its cheeks is no face: then both ratios grow beyond all limits.
    middle = max(middle, 1e-6)
    # The darker side counts: a door frame or a neighbour may be near on one side.
    around = min(_median(gain, side) for side in _BESIDE) / middle
    flat /= middle
    sure = flat / FLAT if isnan(around) else max(flat / FLAT, around / AROUND)
    return Reflection(StrobeFinding.FACE if sure < 1 else StrobeFinding.PRINT, sure)


def _hardly_any(gain: Cells, face: float, own: float) -> Reflection:
    """The finding for a face that returns hardly any light: a display; or a camera, lamp or room in which the lamp
    has no effect.
    """
    elsewhere = gain[_ELSEWHERE & ~np.isnan(gain)]
    # Not the brightest places: reflective strips on a vest are brighter than everything.
    returned = float(np.percentile(elsewhere, 90)) if elsewhere.size else 0.0
    if returned >= RETURNED * own and face <= DIM * returned:
        return Reflection(StrobeFinding.SCREEN, DIM * returned / max(face, DIM * returned / 10))
    brightest = float(np.nanmax(gain[_BARE]))
    if brightest >= SPOT * own:
        return Reflection(StrobeFinding.SCREEN, brightest / (SPOT * own))
    return Reflection(StrobeFinding.NOTHING, None)


def _cells(samples: Cells) -> Cells:
    rows = samples.reshape(_SIDE, _FINE, _SIDE * _FINE).mean(1)
    return np.asarray(rows.reshape(_SIDE, _SIDE, _FINE).mean(2), np.float32)


def _median(values: Cells, where: _Where, of: Callable[[Cells], np.floating[Any]] = np.median) -> float:
    """NaN when less than half of it can be seen."""
    found = values[where]
    seen = found[~np.isnan(found)]
    return float(of(seen)) if 2 * len(seen) > len(found) else nan
