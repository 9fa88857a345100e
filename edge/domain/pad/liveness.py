"""Presentation attacks: what probability of life is enough. Fails closed: what is not a number is not alive."""

from math import isnan

from edge.domain.vocabulary import Band

LIVE = 0.5
"""Probability at which a face counts as live; the manifest's `live` threshold of the antispoof model is the same,
and a test holds the two together. What it costs and what it catches stands in models/fr-liveness.md."""
SURE = 0.9
"""From here on the band is HIGH, and a decision need not wait for what motion shows."""


def is_live(probability: float, threshold: float = LIVE) -> bool:
    """Whether a probability of life (0..1) is enough; False for NaN and for anything outside 0..1."""
    return 0.0 <= probability <= 1.0 and probability >= threshold


def band(probability: float) -> Band:
    """The coarse grade that a record may carry: HIGH from 0.9, MEDIUM from LIVE, otherwise LOW, also for NaN."""
    if isnan(probability) or not is_live(probability):
        return Band.LOW
    return Band.HIGH if probability >= SURE else Band.MEDIUM
