"""Straight edges that enclose a face: the sides of a display, or of a picture, that is held up.

A door frame or a shelf behind a head ends at the person's shoulders, because they hide it. The side of a display
passes the face and the shoulders alike. So an upright straight edge counts only as far as it goes on, in one line
and with one direction of its gradient, both beside the face and below the chin; and both sides must have one. Two
door posts at more than a shoulder's breadth look the same, and a finger or a dark room hides an edge. So this
measure refuses nobody alone: edge/domain/pad/fusion.py weighs it.
"""

from math import isfinite, nan

import numpy as np

from edge.domain.face import Traces
from edge.domain.pad.geometry import Grid

_NEAR, _FAR = 0.55, 2.6
"""Distance from the middle of the face at which edges are looked for, in widths of its box: from the ears on, as
far as a display stands out beside a face that it shows small.
"""
_ABOVE, _BELOW = 0.5, 1.5
"""Rows that are looked at: from so much above the middle of the box to so much under its lower side, in heights."""
_CHIN, _BODY = 0.1, 0.3
"""Where the lower part begins, and its least height, in heights of the box under its lower side."""
_SLANTS = np.linspace(-0.2, 0.2, 11)
"""Tangents of the tilts, to 11 degrees: between two of them, the ends of a line are under 2 pixels out."""
_NOISE = 12.0
"""Grey levels of gradient that count as half an edge: sensor noise and soft shading stay under it."""


def enclosed(traces: Traces) -> float | None:
    """How far two upright straight edges enclose the face and the body under it: 0 not at all, 1 wholly.

    It is the smaller of both sides' coherence. None when too little is in view below the chin, NaN for a box
    without a size.
    """
    step, box = traces.step, traces.box
    (x, y), width, height = box.centre, box.width / step, box.height / step
    if not (isfinite(x + y + width + height) and width > 0 and height > 0):
        return nan
    middle, bottom = (x + 0.5) / step - 0.5, (box.y1 + 0.5) / step
    first = max(0, int((y + 0.5) / step - _ABOVE * height))
    chin, last = int(bottom + _CHIN * height), int(min(traces.thumb.shape[0], bottom + _BELOW * height))
    if not (chin - first >= 2 and last - chin >= max(2, _BODY * height)):
        return None
    found = _upright(traces.thumb[first:last].astype(np.float64), chin - first)
    columns = np.arange(1, len(found) - 1)
    away = (columns - middle) / width
    sides = [found[columns[(side >= _NEAR) & (side <= _FAR)]] for side in (-away, away)]
    return min(float(side.max()) if side.size else 0.0 for side in sides)


def _upright(picture: Grid, split: int) -> Grid:
    """For each column, the coherence (0..1) of the best straight edge through it that passes both parts."""
    rows, columns = picture.shape
    across, down = np.zeros_like(picture), np.zeros_like(picture)
    across[:, 1:-1] = picture[:, 2:] - picture[:, :-2]
    down[1:-1] = picture[2:] - picture[:-2]
    edge = (across / (np.abs(across) + np.abs(down) + _NOISE)).astype(np.float32)
    reach = int(np.ceil(_SLANTS[-1] * rows / 2))
    padded = np.pad(edge, ((0, 0), (reach, reach))).ravel()
    start = np.arange(rows) * (columns + 2 * reach) + reach
    away = np.arange(rows) - (rows - 1) / 2
    best = np.zeros(columns)
    for slant in _SLANTS:
        begin = start + np.rint(slant * away).astype(np.intp)
        line = padded[begin[:, None] + np.arange(columns)[None, :]]
        upper, lower = line[:split].mean(0), line[split:].mean(0)
        best = np.maximum(best, np.where(upper * lower > 0, np.minimum(np.abs(upper), np.abs(lower)), 0.0))
    return best
