"""Drawings of a recognition report: one error rate against another, and how scores lie."""

from collections.abc import Iterator, Mapping

import numpy as np

from edge.domain.face import Floats
from edge.evaluation.drawing import Curves, Drawing, distributions, error_rates
from edge.evaluation.recognition.metrics import Scores, Shares
from edge.evaluation.recognition.searches import Search

_BINS = 80
_POINTS = 480
"""Of a curve at most: a page of millions of pairs stays small."""


def det(curves: Mapping[tuple[int, int], Search], scores: Scores) -> Iterator[Drawing]:
    """FNIR against FPIR with everybody enrolled, by (photographs, probes); and FRR against FAR for single pairs."""
    lines = {
        f"{photos} enrolled, {probes} probe{'s' if probes > 1 else ''}": trade_off(search.stranger, search.score)
        for (photos, probes), search in curves.items()
        if len(search.stranger) and len(search.score)
    }
    yield _rates("FPIR", "FNIR", lines)
    if scores.genuine.sum() and scores.impostor.sum():
        far = np.cumsum(scores.impostor[::-1])[::-1] / scores.impostor.sum()
        frr = 1 - np.cumsum(scores.genuine[::-1])[::-1] / scores.genuine.sum()
        step = max(1, len(far) // _POINTS)
        yield _rates("FAR", "FRR, one picture against one", {"verification": (far[::step], frr[::step])})


def trade_off(impostor: Floats, genuine: Floats) -> tuple[Shares, Shares]:
    """The rates of wrong acceptance and of wrong refusal at every threshold that makes a difference, thinned."""
    thresholds = np.unique(np.concatenate([impostor, genuine[np.isfinite(genuine)]]))
    thresholds = thresholds[np.linspace(0, len(thresholds) - 1, min(len(thresholds), _POINTS)).astype(int)]
    taken = 1 - np.searchsorted(np.sort(impostor), thresholds, side="right") / len(impostor)
    refused = np.searchsorted(np.sort(genuine), thresholds, side="right") / len(genuine)
    return taken, refused


def scores(found: Scores) -> Drawing:
    """Cosines of one person's pictures with each other, and of different people's."""
    if not (found.genuine.sum() and found.impostor.sum()):
        return Drawing("There are no pairs to draw: it takes two pictures of a person, and two people.")
    genuine, impostor = found.coarse(_BINS)
    cosines = (np.arange(_BINS) + 0.5) / _BINS * 2 - 1
    shares = {"same person": (cosines, genuine), "different people": (cosines, impostor)}
    return distributions("cosine", "share of the pairs", shares)


def _rates(across: str, up: str, lines: Curves) -> Drawing:
    if not lines:
        return Drawing(f"There is no curve of {up} against {across}: the folder is not enough for it.")
    return error_rates(across, up, lines)
