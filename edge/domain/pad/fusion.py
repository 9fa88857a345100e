"""Evidence of several layers, weighed together.

A layer that looks at one thing is often not sure: the texture of a bright telephone passes as skin, and a shelf
behind a head looks a little like a frame. Together they are: a face that looks half alive, in surroundings that
look like a held-up picture, between two straight edges, is a display; a face that surely looks alive is believed
before surroundings that look a little odd.

The weights were fitted by `models/fit_fusion.py`; models/pad-fusion.md is their card. None has a negative sign and
nothing is added: a face that the texture finds as live as it must is suspicious only through the other measures.
"""

from collections.abc import Sequence
from math import exp, log

TEXTURE, WIDE, ENCLOSED = 0.48, 0.81, 0.28
"""Weights of the measures: of log-odds, and of tenths of coherence."""
MOST = 6.0
"""Log-odds beyond which the model's certainty counts no more: a clean picture, too, gives it more than that."""
FLOOR, CEILING = 0.35, 0.75
"""Coherence of the edges under which they say nothing, and over which they say no more."""


def evidence(liveness: float, wide: Sequence[float], enclosed: float | None) -> tuple[float, float, float]:
    """The measures that the weights multiply: texture, wide region, edges; higher is more alive.

    `liveness` is the mean probability of life of the frames, `wide` are those of the wide region, and `enclosed`
    is the coherence of the edges. What was not measured is 0, and what is no number stays NaN.
    """
    looks = [_log_odds(one) for one in wide]
    return _log_odds(liveness), sum(looks) / len(looks) if looks else 0.0, -10 * _beyond_floor(enclosed)


def suspicion(liveness: float, wide: Sequence[float], enclosed: float | None, live: float = 0.5) -> float | None:
    """Probability (0..1) of an attack; NaN if a measure is NaN; None if only the texture was measured.

    `live` is the probability that the texture must reach; it counts from there.
    """
    if not wide and _beyond_floor(enclosed) == 0:
        return None
    texture, around, edges = evidence(liveness, wide, enclosed)
    return 1 / (1 + exp(TEXTURE * (texture - _log_odds(live)) + WIDE * around + ENCLOSED * edges))


def _beyond_floor(enclosed: float | None) -> float:
    return 0.0 if enclosed is None else _within(enclosed, FLOOR, CEILING) - FLOOR


def _log_odds(probability: float) -> float:
    least = 1 / (1 + exp(MOST))
    bounded = _within(probability, least, 1 - least)
    return log(bounded / (1 - bounded))


def _within(value: float, least: float, most: float) -> float:
    # Of two values that cannot be compared, min and max give the first: NaN stays NaN.
    return min(max(value, least), most)
