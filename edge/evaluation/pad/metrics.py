"""Error rates of presentation attack detection, in the words of ISO/IEC 30107-3. Pure: numbers in, numbers out.

APCER: the share of attacks of one kind that pass as live. BPCER: the share of genuine presentations that do not.
ACER: the mean of BPCER and of the worst kind's APCER.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ENOUGH = 30
"""From so many on, the rule of three is near the exact bound."""
_TAIL = 0.025
"""What a two-sided 95 % interval leaves out on each side."""


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
        """The exact 95 % interval of C. J. Clopper and E. S. Pearson; None for a total of 0."""
        return clopper_pearson(self.count, self.of) if self.of else None

    @property
    def rule_of_three(self) -> float | None:
        """3 / n: with 95 % certainty the true share is lower. None unless nothing of 30 or more was counted."""
        return 3 / self.of if not self.count and self.of >= _ENOUGH else None


def clopper_pearson(count: int, of: int) -> tuple[float, float]:
    """The shares under and over which a count so high, or so low, has a chance of 2.5 % at most; `of` is over 0.

    They are found by halving: the chance of a binomial count rises or falls with the share.
    """
    low = _where(lambda share: 1 - _at_most(count - 1, of, share) < _TAIL) if count else 0.0
    high = _where(lambda share: _at_most(count, of, share) > _TAIL) if count < of else 1.0
    return low, high


def _where(before: Callable[[float], bool]) -> float:
    """The share from 0 to 1 up to which something holds."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if before(middle) else (low, middle)
    return (low + high) / 2


def _at_most(count: int, of: int, share: float) -> float:
    """The chance of `count` or fewer of `of`, each with the chance `share`, between 0 and 1."""
    if not 0 < share < 1:
        return float(share <= 0)
    # Sums of logarithms: the coefficients themselves are beyond what a float can hold.
    n = np.arange(count + 1, dtype=np.float64)
    chosen = np.concatenate([[0.0], np.cumsum(np.log((of - n[1:] + 1) / n[1:]))])
    return float(np.exp(chosen + n * np.log(share) + (of - n) * np.log1p(-share)).sum())


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
