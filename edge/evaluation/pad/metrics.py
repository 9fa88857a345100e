"""Error rates of presentation attack detection, in the words of ISO/IEC 30107-3. Pure: numbers in, numbers out.

APCER: the share of attacks of one kind that pass as live. BPCER: the share of genuine presentations that do not.
ACER: the mean of BPCER and of the worst kind's APCER.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

_Z = 1.959964
"""Normal quantile of a two-sided 95 % interval."""


@dataclass(frozen=True, slots=True)
class Share:
    """A count of a total."""

    count: int
    of: int

    @property
    def value(self) -> float | None:
        """The share, 0..1; None for a total of 0."""
        return self.count / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """E. B. Wilson's 95 % interval, which also holds for shares near 0; None for a total of 0."""
        if not self.of:
            return None
        share, n = self.count / self.of, self.of
        middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        half = _Z / (1 + _Z**2 / n) * sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
        return max(0.0, middle - half), min(1.0, middle + half)


def worst(shares: Mapping[str, Share]) -> float | None:
    """The highest share of all kinds; None when there is none."""
    return max((share.value for share in shares.values() if share.value is not None), default=None)


def acer(apcer: float | None, bpcer: float | None) -> float | None:
    """Their mean; None when either is missing."""
    return None if apcer is None or bpcer is None else (apcer + bpcer) / 2


@dataclass(frozen=True, slots=True)
class Point:
    """A point of the DET: the rates at one threshold."""

    threshold: float
    apcer: float
    """APCER of the worst kind."""
    bpcer: float


def det(real: Sequence[float], attacks: Mapping[str, Sequence[float]]) -> list[Point]:
    """APCER and BPCER at every threshold that makes a difference, rising; empty when one side has no scores.

    Scores are 0..1, a higher one is more alive, and a score passes from the threshold on. NaN never passes.
    """
    kinds = [_known(scores) for scores in attacks.values() if len(scores)]
    if not len(real) or not kinds:
        return []
    genuine = _known(real)
    thresholds = np.unique(np.concatenate([genuine, *kinds, [0.0, np.nextafter(1.0, 2.0)]]))
    passed = np.max([_passing(scores, thresholds) for scores in kinds], axis=0)
    refused = 1.0 - _passing(genuine, thresholds)
    return [Point(float(t), float(a), float(b)) for t, a, b in zip(thresholds, passed, refused, strict=True)]


def eer(points: Sequence[Point]) -> float | None:
    """The error rate where APCER and BPCER are nearest to each other: their mean there; None without points."""
    if not points:
        return None
    nearest = min(points, key=lambda point: (abs(point.apcer - point.bpcer), point.apcer + point.bpcer))
    return (nearest.apcer + nearest.bpcer) / 2


def _known(scores: Sequence[float]) -> NDArray[np.float64]:
    values = np.asarray(scores, np.float64)
    return np.where(np.isnan(values), -1.0, values)


def _passing(scores: NDArray[np.float64], thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    ordered = np.sort(scores)
    passing: NDArray[np.float64] = 1.0 - np.searchsorted(ordered, thresholds, side="left") / len(ordered)
    return passing
