"""Presentation attack detection: each layer says live, attack, or that it cannot measure; together they fail
closed.

The texture layer must say live: without that nobody is live. Every other layer can only refuse: a layer that is
sure of an attack is enough, and a layer that cannot measure abstains and does not guess. Their thresholds lie
beyond anything that a genuine face of the development data reached; models/fr-liveness.md has the measured value of
each. Only the strobe's limits are computed, not measured (edge/domain/pad/strobe.py).

Two layers are not sure enough to refuse alone: the border, because doors and shelves behind a head resemble frames,
and the enclosure, because door posts do. They are evidence, which the fusion weighs with the texture's
(edge/domain/pad/fusion.py); the fusion refuses.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from math import isnan, nan

import numpy as np

from edge.domain.face import Probe, Traces
from edge.domain.pad.enclosure import enclosed
from edge.domain.pad.fusion import suspicion
from edge.domain.pad.motion import planar, rides_along
from edge.domain.pad.screen import bands, grid_peak
from edge.domain.vocabulary import Band

LIVE = 0.5
"""Probability at which a face counts as live. The manifest's `live` threshold of the antispoof model is the same,
and a test holds the two together. models/fr-liveness.md says what it costs and what it detects.
"""
SURE = 0.9
"""From this probability on the band is HIGH, and a decision need not wait for motion."""
BORDER = 0.7
"""Probability of an attack over the wide region from which the layer votes so; the fusion weighs it."""
ENCLOSURE = 0.65
"""Coherence of the edges around a face from which the layer votes for an attack; the fusion weighs it, too."""
FUSION = 0.5
"""Fused probability of an attack beyond which it is one."""
PLANE = 0.5
"""A change of shape that a plane explains to this share is a picture's. No head had more than 0.31; half the prints
have.
"""
SURROUNDINGS = 0.8
"""log of how much better moving along explains the surroundings than standing still. No head had more than 0.57."""
GRID = 12.0
"""Limit of how far a regular pattern stands out of a face's spectrum; of 5,288 genuine faces one had more."""
BANDS = 0.08
"""Limit of the change of brightness in bands, as a share of it; no genuine pair of frames had more than 0.049."""
STROBE = 1.0
"""Finding of a flash of infrared, in multiples of its limits."""


def is_live(probability: float, threshold: float = LIVE) -> bool:
    """Whether a probability of liveness (0..1) is enough; False for NaN and for anything outside 0..1."""
    return 0.0 <= probability <= 1.0 and probability >= threshold


def liveness_band(probability: float) -> Band:
    """The coarse grade that a record may hold: HIGH from 0.9, MEDIUM from LIVE, otherwise LOW, also for NaN."""
    if isnan(probability) or not is_live(probability):
        return Band.LOW
    return Band.HIGH if probability >= SURE else Band.MEDIUM


class Layer(StrEnum):
    """The layers that look for an attack."""

    TEXTURE = "texture"
    """The model's probability of liveness, averaged over the frames."""
    BORDER = "border"
    """The model over a region so wide that the edges of a held-up picture are in it. It does not refuse alone."""
    ENCLOSURE = "enclosure"
    """Straight upright edges at both sides that pass the face and the shoulders. It does not refuse alone."""
    FUSION = "fusion"
    """Texture, border and enclosure, weighed together: the probability of an attack."""
    PLANE = "plane"
    """Whether the face turns as a flat picture does."""
    SURROUNDINGS = "surroundings"
    """Whether the surroundings of the face move with it, before a background that does not."""
    GRID = "grid"
    """The regular pattern of a display in the pixels of the face."""
    FLICKER = "flicker"
    """Bands of light that move over the face and not over the places beside it."""
    STROBE = "strobe"
    """How a face returns the light of an infrared lamp, where there is one."""


EVIDENCE = frozenset({Layer.BORDER, Layer.ENCLOSURE})
"""Layers that speak through the fusion alone."""


class Vote(StrEnum):
    """Verdict of a layer on an attempt."""

    LIVE = "live"
    ATTACK = "attack"
    ABSTAIN = "abstain"
    """The layer could not measure: too few frames, no motion, nothing around the face."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """Verdict and measure of one layer."""

    vote: Vote
    suspicion: float
    """The measure in the layer's own unit, higher is more like an attack; NaN when the layer abstains."""


@dataclass(frozen=True, slots=True)
class PadVerdict:
    """Verdict of all layers together."""

    live: bool
    liveness: float
    """0..1: the texture layer's mean probability of liveness, or the fusion's if that is less and a layer of
    EVIDENCE sees an attack; 0 when another layer is sure of one.
    """
    opinions: Mapping[Layer, Opinion]


def pad_verdict(agreeing: Sequence[Probe], seen: Sequence[Probe] = (), live: float = LIVE) -> PadVerdict:
    """The verdict on the frames that would be accepted. Without frames, or with NaN among them, it is not alive.

    `seen` are all good frames of the approach in their order, with `agreeing` among them: motion is measured on
    them. `live` is the least mean probability of liveness; no single frame may be under half of it.
    """
    lives = [probe.liveness for probe in agreeing]
    mean = sum(lives) / len(lives) if lives else nan
    sure = is_live(mean, live) and all(is_live(life, live / 2) for life in lives)
    opinions = {Layer.TEXTURE: Opinion(Vote.LIVE if sure else Vote.ATTACK, 1 - mean)}
    now = [probe.traces for probe in agreeing if probe.traces is not None]
    whole = [probe.traces for probe in seen or agreeing if probe.traces is not None]
    if not all(np.isfinite(traces.points).all() for traces in (*now, *whole)):
        return PadVerdict(False, 0.0, opinions | dict.fromkeys(frozenset(Layer) - {Layer.TEXTURE}, _ABSTAINS))
    for layer, (measure, threshold) in _LAYERS.items():
        opinions[layer] = _opinion(measure(now, whole), threshold)
    opinions[Layer.FUSION] = _fusion(mean, live, whole, opinions[Layer.ENCLOSURE])
    attacking = {layer for layer, one in opinions.items() if one.vote is Vote.ATTACK}
    if attacking & _REFUSES:
        return PadVerdict(False, 0.0, opinions)
    doubt = opinions[Layer.FUSION].suspicion if attacking & EVIDENCE else 0.0
    return PadVerdict(sure, min(mean, 1 - doubt), opinions)


_ABSTAINS = Opinion(Vote.ABSTAIN, nan)
_REFUSES = frozenset(Layer) - EVIDENCE - {Layer.TEXTURE}


def _opinion(suspicion: float | None, threshold: float) -> Opinion:
    if suspicion is None:
        return _ABSTAINS
    # Not `>=`: NaN must not let anyone pass.
    return Opinion(Vote.LIVE if suspicion < threshold else Vote.ATTACK, suspicion)


def _fusion(liveness: float, live: float, seen: Sequence[Traces], enclosure: Opinion) -> Opinion:
    """The agreeing frames' texture, the wide region of all frames seen, and the edges of the last one."""
    edges = None if enclosure.vote is Vote.ABSTAIN else enclosure.suspicion
    wide = [traces.wide for traces in seen if traces.wide is not None]
    return _opinion(suspicion(liveness, wide, edges, live), FUSION)


def _border(_now: Sequence[Traces], seen: Sequence[Traces]) -> float | None:
    """The mean over the frames in which the wide region was looked at."""
    found = [1 - traces.wide for traces in seen if traces.wide is not None]
    return sum(found) / len(found) if found else None


def _grid(now: Sequence[Traces], _seen: Sequence[Traces]) -> float | None:
    """The smaller measure of the last frame and the first, measured only if it matters: chance does not last."""
    last = grid_peak(now[-1].face) if now else None
    if last is None or last < GRID or len(now) == 1:
        return last
    first = grid_peak(now[0].face)
    return last if first is None else min(first, last)


def _flicker(now: Sequence[Traces], _seen: Sequence[Traces]) -> float | None:
    """The mean over neighbouring frames, at least two pairs."""
    found = [change for before, after in pairwise(now) if (change := bands(before, after)) is not None]
    return sum(found) / len(found) if len(found) >= 2 else None


def _strobe(_now: Sequence[Traces], seen: Sequence[Traces]) -> float | None:
    """The most suspicious flash: showing a face at one flash and a picture at the next gains nothing."""
    flashes = [traces.strobe for traces in seen if traces.strobe is not None]
    found = [one.suspicion for one in flashes if one.suspicion is not None]
    return float(np.max(found)) if found else None


_LAYERS: Mapping[Layer, tuple[Callable[[Sequence[Traces], Sequence[Traces]], float | None], float]] = {
    Layer.BORDER: (_border, BORDER),
    Layer.ENCLOSURE: (lambda now, _: enclosed(now[-1]) if now else None, ENCLOSURE),
    Layer.PLANE: (lambda _, seen: planar(seen), PLANE),
    Layer.SURROUNDINGS: (lambda _, seen: rides_along(seen), SURROUNDINGS),
    Layer.GRID: (_grid, GRID),
    Layer.FLICKER: (_flicker, BANDS),
    Layer.STROBE: (_strobe, STROBE),
}
