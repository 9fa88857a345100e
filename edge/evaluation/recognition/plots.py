"""Drawings of a recognition report as inline SVG: one error rate against another, and how scores lie."""

from collections.abc import Iterator, Mapping
from math import log10

import numpy as np

from edge.domain.face import Floats
from edge.evaluation.recognition.metrics import Scores, Shares
from edge.evaluation.recognition.searches import Search

_WIDTH, _HEIGHT, _EDGE, _RIGHT = 480, 340, 52, 30
"""Of a drawing, its margin for the axes' words, and the one on the right, in pixels."""
_FLOOR = -4
"""The power of ten at which a rate's axis begins; what is rarer, or never was, is drawn there."""
_COLOURS = ("#06c", "#c30", "#083", "#808")
_BINS = 80
_POINTS = 120


def det(curves: Mapping[tuple[int, int], Search], scores: Scores) -> Iterator[str]:
    """FNIR against FPIR with everybody enrolled, by (photographs, probes); and FRR against FAR for single pairs."""
    lines = {
        f"{photos} enrolled, {probes} probe{'s' if probes > 1 else ''}": trade_off(search.stranger, search.score)
        for (photos, probes), search in curves.items()
        if len(search.stranger) and len(search.score)
    }
    yield from _rates("FPIR", "FNIR", lines)
    if scores.genuine.sum() and scores.impostor.sum():
        far = np.cumsum(scores.impostor[::-1])[::-1] / scores.impostor.sum()
        frr = 1 - np.cumsum(scores.genuine[::-1])[::-1] / scores.genuine.sum()
        step = max(1, len(far) // (_POINTS * 4))
        yield from _rates("FAR", "FRR, one picture against one", {"verification": (far[::step], frr[::step])})


def trade_off(impostor: Floats, genuine: Floats) -> tuple[Shares, Shares]:
    """The rates of wrong acceptance and of wrong refusal at every threshold that makes a difference, thinned."""
    thresholds = np.unique(np.concatenate([impostor, genuine[np.isfinite(genuine)]]))
    thresholds = thresholds[np.linspace(0, len(thresholds) - 1, min(len(thresholds), _POINTS * 4)).astype(int)]
    taken = 1 - np.searchsorted(np.sort(impostor), thresholds, side="right") / len(impostor)
    refused = np.searchsorted(np.sort(genuine), thresholds, side="right") / len(genuine)
    return taken, refused


def scores(found: Scores) -> Iterator[str]:
    """Cosines of one person's pictures with each other, and of different people's."""
    if not (found.genuine.sum() and found.impostor.sum()):
        yield "<p>There are no pairs to draw: it takes two pictures of a person, and two people.</p>"
        return
    genuine, impostor = found.coarse(_BINS)
    top = float(max(genuine.max(), impostor.max()))
    yield from _frame("scores", "cosine", "share of the pairs")
    for number, (name, shares) in enumerate((("same person", genuine), ("different people", impostor))):
        across = _EDGE + (np.arange(_BINS) + 0.5) / _BINS * (_WIDTH - _EDGE - _RIGHT)
        up = _HEIGHT - _EDGE - shares / top * (_HEIGHT - _EDGE - 24)
        yield _line(across, up, number, name, 22)
    for tick in (-1, -0.5, 0, 0.5, 1):
        at = _EDGE + (tick + 1) / 2 * (_WIDTH - _EDGE - _RIGHT)
        yield f'<text x="{at:.0f}" y="{_HEIGHT - _EDGE + 16}" text-anchor="middle">{tick:g}</text>'
    yield "</svg></figure>"


def _rates(across: str, up: str, lines: Mapping[str, tuple[Shares, Shares]]) -> Iterator[str]:
    if not lines:
        yield f"<p>There is no curve of {up} against {across}: the folder is not enough for it.</p>"
        return
    yield from _frame("DET", across, up)
    for power in range(_FLOOR, 1):
        x, y, label = _x(10.0**power), _y(10.0**power), f"{100 * 10.0**power:g} %"
        yield f'<path d="M{x:.1f} {_HEIGHT - _EDGE}V10M{_EDGE} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#ddd"/>'
        yield f'<text x="{x:.1f}" y="{_HEIGHT - _EDGE + 16}" text-anchor="middle">{label}</text>'
        yield f'<text x="{_EDGE - 4}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
    for number, (name, (first, second)) in enumerate(lines.items()):
        points_x, points_y = (
            np.array([place(float(v)) for v in values]) for place, values in ((_x, first), (_y, second))
        )
        yield _line(points_x, points_y, number, name, _HEIGHT - _EDGE - 4 - 15 * len(lines))
    yield "</svg></figure>"


def _frame(kind: str, across: str, up: str) -> Iterator[str]:
    yield (
        f'<figure><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img" '
        f'aria-label="{kind}: {up} against {across}">'
    )
    yield f'<path d="M{_EDGE} 10V{_HEIGHT - _EDGE}H{_WIDTH - _RIGHT}" stroke="#888" fill="none"/>'
    yield f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 12}" text-anchor="middle">{across}</text>'
    yield f'<text transform="translate(12 {_HEIGHT / 2}) rotate(-90)" text-anchor="middle">{up}</text>'


def _line(across: Shares, up: Shares, number: int, name: str, top: int) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, up, strict=True))
    colour = _COLOURS[number % len(_COLOURS)]
    return (
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        f'<text x="{_EDGE + 8}" y="{top + 15 * number}" fill="{colour}">{name}</text>'
    )


def _x(rate: float) -> float:
    return _EDGE + _logarithmic(rate) * (_WIDTH - _EDGE - _RIGHT)


def _y(rate: float) -> float:
    return _HEIGHT - _EDGE - _logarithmic(rate) * (_HEIGHT - _EDGE - 10)


def _logarithmic(rate: float) -> float:
    """0 at the axis' beginning, 1 at a rate of 1."""
    return (max(log10(max(rate, 1e-12)), _FLOOR) - _FLOOR) / -_FLOOR
