"""Presentation attacks: each layer says live, attack, or that it cannot measure; together they fail closed.

The texture layer must say live: without its word nobody is. Every other layer can only refuse: one that is sure of
an attack is enough, and one that cannot measure abstains rather than guesses. Their thresholds lie beyond anything
that a genuine face of the development data reached; what each is worth, measured, stands in models/fr-liveness.md.
The strobe's limits alone are computed, not measured (edge/domain/pad/strobe.py).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from math import isnan, nan

import numpy as np

from edge.domain.face import Probe, Traces
from edge.domain.pad.motion import planar, rides_along
from edge.domain.pad.screen import bands, grid_peak
from edge.domain.vocabulary import Band

LIVE = 0.5
"""Probability at which a face counts as live; the manifest's `live` threshold of the antispoof model is the same,
and a test holds the two together. What it costs and what it catches stands in models/fr-liveness.md."""
SURE = 0.9
"""From here on the band is HIGH, and a decision need not wait for what motion shows."""
BORDER = 0.7
"""From this probability of an attack over the wide region. No real face before a camera came over 0.01."""
PLANE = 0.5
"""A change of shape that a plane explains to this share is one's; no head came over 0.31, half the prints do."""
SURROUNDINGS = 0.8
"""log of how much better the surroundings ride along than stand still; no head came over 0.57."""
GRID = 12.0
"""How far a regular pattern stands out of a face's spectrum; of 5,288 genuine faces one came over it."""
BANDS = 0.08
"""Change of brightness in bands, as a share of it; no genuine pair of frames came over 0.049."""
STROBE = 1.0
"""What a flash of infrared showed, in multiples of its limits."""


def is_live(probability: float, threshold: float = LIVE) -> bool:
    """Whether a probability of life (0..1) is enough; False for NaN and for anything outside 0..1."""
    return 0.0 <= probability <= 1.0 and probability >= threshold


def liveness_band(probability: float) -> Band:
    """The coarse grade that a record may carry: HIGH from 0.9, MEDIUM from LIVE, otherwise LOW, also for NaN."""
    if isnan(probability) or not is_live(probability):
        return Band.LOW
    return Band.HIGH if probability >= SURE else Band.MEDIUM


class Layer(StrEnum):
    """What looks for an attack."""

    TEXTURE = "texture"
    """The model's probability of life, averaged over the frames."""
    BORDER = "border"
    """The model over a region so wide that the edges of a held-up picture show."""
    PLANE = "plane"
    """The face turns as a flat picture does."""
    SURROUNDINGS = "surroundings"
    """What is around the face moves with it, before a background that does not."""
    GRID = "grid"
    """The regular pattern of a display in the pixels of the face."""
    FLICKER = "flicker"
    """Bands of light that wander over the face and not over what is beside it."""
    STROBE = "strobe"
    """What returns of an infrared lamp's light, where there is one."""


class Vote(StrEnum):
    """What a layer says of an attempt."""

    LIVE = "live"
    ATTACK = "attack"
    ABSTAIN = "abstain"
    """It could not measure: too few frames, no motion, nothing around the face."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """One layer's word."""

    vote: Vote
    suspicion: float
    """In the layer's own unit, more is more like an attack; NaN when it abstains."""


@dataclass(frozen=True, slots=True)
class PadVerdict:
    """What all layers together say."""

    live: bool
    liveness: float
    """0..1: the texture layer's mean probability of life; 0 when another layer is sure of an attack."""
    opinions: Mapping[Layer, Opinion]


def judge(agreeing: Sequence[Probe], seen: Sequence[Probe] = (), live: float = LIVE) -> PadVerdict:
    """The verdict on the frames that would be accepted; no frames, or NaN among them, is not alive.

    `seen` are all good frames of the approach in their order, `agreeing` among them: what motion is measured on.
    `live` is the mean probability of life that is enough; no single frame may be under half of it.
    """
    lives = [probe.liveness for probe in agreeing]
    mean = sum(lives) / len(lives) if lives else nan
    sure = is_live(mean, live) and all(is_live(life, live / 2) for life in lives)
    opinions = {Layer.TEXTURE: Opinion(Vote.LIVE if sure else Vote.ATTACK, 1 - mean)}
    now = [probe.traces for probe in agreeing if probe.traces is not None]
    whole = [probe.traces for probe in seen or agreeing if probe.traces is not None]
    if not all(np.isfinite(traces.points).all() for traces in (*now, *whole)):
        return PadVerdict(False, 0.0, opinions | dict.fromkeys(_LAYERS, _ABSTAINS))
    for layer, (measure, threshold) in _LAYERS.items():
        opinions[layer] = _opinion(measure(now, whole), threshold)
    attacked = any(opinions[layer].vote is Vote.ATTACK for layer in _LAYERS)
    return PadVerdict(sure and not attacked, 0.0 if attacked else mean, opinions)


_ABSTAINS = Opinion(Vote.ABSTAIN, nan)


def _opinion(suspicion: float | None, threshold: float) -> Opinion:
    if suspicion is None:
        return _ABSTAINS
    # Not `>=`: what is not a number is no reason to let anyone pass.
    return Opinion(Vote.LIVE if suspicion < threshold else Vote.ATTACK, suspicion)


def _border(_now: Sequence[Traces], seen: Sequence[Traces]) -> float | None:
    """The mean over the frames in which the wide region was looked at."""
    found = [1 - traces.wide for traces in seen if traces.wide is not None]
    return sum(found) / len(found) if found else None


def _grid(now: Sequence[Traces], _seen: Sequence[Traces]) -> float | None:
    """The lesser one of the last frame and the first, measured only if it matters: chance does not last."""
    last = grid_peak(now[-1].face) if now else None
    if last is None or last < GRID or len(now) == 1:
        return last
    first = grid_peak(now[0].face)
    return last if first is None else min(first, last)


def _flicker(now: Sequence[Traces], _seen: Sequence[Traces]) -> float | None:
    """The mean over neighbouring frames, two pairs at least."""
    found = [change for before, after in pairwise(now) if (change := bands(before, after)) is not None]
    return sum(found) / len(found) if len(found) >= 2 else None


def _strobe(_now: Sequence[Traces], seen: Sequence[Traces]) -> float | None:
    """The most suspicious flash: who shows a face at one and a picture at the next is no better off."""
    flashes = [traces.strobe for traces in seen if traces.strobe is not None]
    found = [one.suspicion for one in flashes if one.suspicion is not None]
    return float(np.max(found)) if found else None


_LAYERS: Mapping[Layer, tuple[Callable[[Sequence[Traces], Sequence[Traces]], float | None], float]] = {
    Layer.BORDER: (_border, BORDER),
    Layer.PLANE: (lambda _, seen: planar(seen), PLANE),
    Layer.SURROUNDINGS: (lambda _, seen: rides_along(seen), SURROUNDINGS),
    Layer.GRID: (_grid, GRID),
    Layer.FLICKER: (_flicker, BANDS),
    Layer.STROBE: (_strobe, STROBE),
}
