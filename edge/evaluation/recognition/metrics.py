"""Error rates of identification and verification, in the words of ISO/IEC 19795-1. Pure: numbers in, numbers out.

FPIR: the share of strangers who are taken for somebody. FNIR: the share of enrolled people's probes that are missed
or taken for somebody else. FAR and TAR: the same questions with one person claimed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.domain.face import Floats
from edge.evaluation.recognition.searches import Search

Shares = NDArray[np.float64]
_BINS = 20_000
"""Bins of a histogram of cosines from -1 to 1: 0.0001 each."""


def at_fpir(strangers: Floats, fpir: float) -> float | None:
    """The lowest threshold that at most this share of strangers exceeds; None when the share is less than one
    stranger.
    """
    allowed = int(fpir * len(strangers) + 1e-9)
    if allowed < 1:
        return None
    place = len(strangers) - 1 - allowed
    return float(np.partition(strangers, place)[place])


@dataclass(frozen=True, slots=True)
class MissRate:
    """FNIR at one threshold."""

    value: float
    with_rejects: float
    """The same, with pictures that the gate rejected counted as misses."""

    @classmethod
    def mean(cls, found: Sequence["MissRate"]) -> "MissRate | None":
        """Mean over draws; None without any."""
        if not found:
            return None
        return cls(
            sum(one.value for one in found) / len(found), sum(one.with_rejects for one in found) / len(found)
        )


def missed(search: Search, threshold: float, margin: float = 0.0) -> MissRate | None:
    """FNIR at a threshold, with this margin over the best other person; None without any probe."""
    misses = int((~((search.score > threshold) & (search.margin >= margin))).sum())
    probes, lost = len(search.score), float(search.lost.sum())
    if not probes:
        return None
    return MissRate(misses / probes, (misses + lost) / (probes + lost))


def mean_missed(drawn: Sequence[Search], fpir: float) -> tuple[MissRate, float] | None:
    """FNIR over the draws, each at its own threshold for this FPIR; and the mean threshold. None where there is
    none.
    """
    values: list[MissRate] = []
    thresholds: list[float] = []
    for search in drawn:
        threshold = at_fpir(search.stranger, fpir)
        value = None if threshold is None else missed(search, threshold)
        if threshold is None or value is None:
            return None
        values.append(value)
        thresholds.append(threshold)
    mean = MissRate.mean(values)
    return None if mean is None else (mean, sum(thresholds) / len(thresholds))


def interval(
    drawn: Sequence[Search], fpir: float, people: int, rng: np.random.Generator, times: int
) -> tuple[float, float] | None:
    """A 95 % bootstrap interval of the mean FNIR: people and strangers are drawn again, with replacement.

    People are drawn and not pictures, because the errors of one person's pictures go together. `people` is the
    number of people.
    """
    if mean_missed(drawn, fpir) is None:
        return None
    found = []
    for _ in range(times):
        weights = rng.multinomial(people, np.full(people, 1 / people))
        strangers = rng.integers(0, len(drawn[0].stranger), len(drawn[0].stranger))
        rates = [_weighted(search, weights, strangers, fpir) for search in drawn]
        found.append(np.nanmean(rates))
    low, high = np.nanpercentile(found, (2.5, 97.5))
    return float(low), float(high)


def _weighted(search: Search, weights: NDArray[np.int64], strangers: NDArray[np.int64], fpir: float) -> float:
    threshold = at_fpir(search.stranger[strangers], fpir)
    mine = weights[search.owner]
    if threshold is None or not mine.sum():
        return float("nan")
    return float(mine[search.score <= threshold].sum() / mine.sum())


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Histograms of genuine and impostor cosines; fine enough for every rate that can be asked for."""

    genuine: NDArray[np.int64]
    impostor: NDArray[np.int64]

    @classmethod
    def of(cls, blocks: Iterable[tuple[Floats, NDArray[np.bool_]]]) -> "Scores":
        """Histograms from blocks of cosines, with a mask of the cosines that are of one person."""
        counts = np.zeros((2, _BINS), np.int64)
        for cosines, same in blocks:
            bins = np.clip(((cosines + 1) * (_BINS / 2)).astype(np.intp), 0, _BINS - 1)
            counts[0] += np.bincount(bins[same], minlength=_BINS)
            counts[1] += np.bincount(bins[~same], minlength=_BINS)
        return cls(counts[0], counts[1])

    def threshold(self, far: float) -> float | None:
        """The lowest cosine that at most this share of impostors reaches; None when the share is under ten of
        them.
        """
        total = int(self.impostor.sum())
        if far * total < 10:
            return None
        at_least = np.cumsum(self.impostor[::-1])[::-1]
        place = int(np.searchsorted(-at_least, -far * total, side="left"))
        return place * 2 / _BINS - 1

    def tar(self, threshold: float) -> float | None:
        """The share of genuine comparisons that reach a threshold; None without any."""
        total = int(self.genuine.sum())
        first = round((threshold + 1) * _BINS / 2)
        return float(self.genuine[first:].sum() / total) if total else None

    def coarse(self, bins: int) -> tuple[Shares, Shares]:
        """Both histograms in so many bins, as shares."""
        shares = [
            part.reshape(bins, -1).sum(axis=1) / max(int(part.sum()), 1) for part in (self.genuine, self.impostor)
        ]
        return shares[0], shares[1]
