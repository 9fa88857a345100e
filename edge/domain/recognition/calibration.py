"""A site's own threshold, from how similar its own people are to each other.

Thresholds do not transfer between populations: a threshold that accepts a stranger once in a thousand among press
photographs may do so ten times among the relatives of one village. So the highest similarity of each face to
*another* person is measured (a nonmated search), and the threshold is set where it is passed as rarely as the
target asks.

A small site cannot see rare events. Beyond what was seen, the tail is assumed to fall exponentially. Bounded
cosines fall faster (their extremes follow a Weibull distribution), so that the error is on the strict side. See S.
Coles, An Introduction to Statistical Modeling of Extreme Values, 2001, ch. 4; and for FPIR ISO/IEC 19795-1.

Of punches only counts are kept: a count says neither who came nor when. Below twenty people, where it might,
nothing is counted.
"""

from dataclasses import dataclass, field
from math import log, sqrt
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from edge.domain.face import Floats
from edge.errors import RecordError

Reals = NDArray[np.float64]
FEWEST_PEOPLE, FEWEST_SEARCHES = 20, 100
"""Fewest searches: a site with fewer says too little about itself."""
_TAIL = 0.1
"""Share of the searches that makes the tail: the highest tenth."""
_SURE = 1.645
"""One-sided 95 % point of a normal distribution."""
LOOSEST, STRICTEST = -0.03, 0.2
"""How far a site may move the manifest's threshold. Hardly down, because few people say little about rare
strangers.
"""
BINS = 200
"""Width of a histogram bin: a hundredth of cosine, from -1 to 1."""
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tail:
    """The tail of the similarity to the most similar other person, from one source of evidence."""

    searches: int
    start: float
    """Cosine at which the tail begins."""
    share: float
    """Share of searches beyond it."""
    scale: float
    """Mean excess, at the upper end of its 95 % interval."""

    def cosine(self, fpir: float) -> float:
        """The similarity that a share `fpir` of searches reaches at most."""
        return self.start + self.scale * max(0.0, log(self.share / fpir))


def tail(maxima: Reals | Floats) -> Tail | None:
    """The tail of the similarities to the best other person, (n,), one a search. None for fewer than
    FEWEST_SEARCHES.
    """
    seen = np.asarray(maxima, np.float64)
    seen = seen[np.isfinite(seen)]
    if len(seen) < FEWEST_SEARCHES:
        return None
    start = float(np.quantile(seen, 1 - _TAIL))
    beyond = seen[seen > start] - start
    if not len(beyond):
        return Tail(len(seen), start, _TAIL, 0.0)
    # The mean of k exponential excesses has a relative error of 1/√k.
    scale = float(beyond.mean()) / max(1 - _SURE / sqrt(len(beyond)), 0.2)
    return Tail(len(seen), start, len(beyond) / len(seen), scale)


@dataclass(frozen=True, slots=True)
class Calibration:
    """By how much a site moves the manifest's threshold, at every size of its gallery."""

    shift: float
    wanted: float
    """The same before the limits LOOSEST and STRICTEST."""


def calibrate(tails: list[Tail], target_fpir: float, usual: float) -> Calibration:
    """The strictest shift that the sources ask for, against the manifest's threshold for this gallery, `usual`."""
    wanted = max(one.cosine(target_fpir) for one in tails) - usual
    return Calibration(min(max(wanted, LOOSEST), STRICTEST), wanted)


def nearest_others(matrix: Floats, owners: NDArray[np.intp]) -> Floats:
    """The highest similarity of each person to anybody else, (people,), from unit rows (n, d) and their owners
    (n,).

    Templates are compared with templates: the gallery is searched with its own faces.
    """
    people = int(owners.max()) + 1 if len(owners) else 0
    best = np.full(people, -1.0, np.float32)
    for start in range(0, len(matrix), 512):
        block = owners[start : start + 512]
        alike = matrix[start : start + 512] @ matrix.T
        alike[block[:, None] == owners[None]] = -1.0
        np.maximum.at(best, block, alike.max(axis=1))
    return best


def _none() -> Counts:
    return np.zeros(BINS, np.int64)


@dataclass(slots=True)
class Scorebook:
    """Histograms of how similar punching faces are to their own template and to the next person's: counts, for one
    model.
    """

    model_id: str
    own: Counts = field(default_factory=_none)
    """Accepted punches, by the similarity to their own person."""
    next: Counts = field(default_factory=_none)
    """The same punches, by the similarity to the best other person."""
    confirmed: Counts = field(default_factory=_none)
    """The punches that a badge confirmed, by the similarity to their own person."""
    people: int = 0
    """Sum of gallery sizes over all counted punches; divide by `searches` for the mean."""

    def punched(self, own: float, other: float, people: int, *, by_badge: bool) -> bool:
        """Count one punch. False when too few people are enrolled: a count could then be about somebody."""
        if people < FEWEST_PEOPLE and not by_badge:
            return False
        self.own[_bin(own)] += 1
        if by_badge:
            self.confirmed[_bin(own)] += 1
        else:
            self.next[_bin(other)] += 1
            self.people += people
        return True

    @property
    def punches(self) -> int:
        """Number of all counted punches."""
        return int(self.own.sum())

    @property
    def searches(self) -> int:
        """Number of punches in which everybody was compared: those without a badge."""
        return int(self.next.sum())

    def maxima(self) -> Reals:
        """The similarity of each punch to the best other person, (searches,), at the upper edge of its bin."""
        return np.repeat(np.linspace(-1, 1, BINS + 1)[1:], self.next)

    def as_json(self) -> dict[str, Any]:
        """The JSON object that `read` takes."""
        counts = {name: getattr(self, name).tolist() for name in ("own", "next", "confirmed")}
        return {"scorebook": 1, "model": self.model_id, "people": self.people, **counts}

    @classmethod
    def read(cls, document: dict[str, Any]) -> Self:
        """The histograms of a JSON object. Raises RecordError for another one."""
        model, people = document.get("model"), document.get("people")
        if document.get("scorebook") != 1 or not isinstance(model, str) or not _whole(people):
            raise RecordError("not a scorebook of this version")
        columns: list[Counts] = []
        for name in ("own", "next", "confirmed"):
            row = document.get(name)
            if not isinstance(row, list) or len(row) != BINS or not all(map(_whole, row)):
                raise RecordError(f"the scorebook's {name} is malformed")
            columns.append(np.array(row, np.int64))
        own, following, confirmed = columns
        return cls(model, own, following, confirmed, int(people or 0))


def _bin(cosine: float) -> int:
    return min(max(int((cosine + 1) * BINS / 2), 0), BINS - 1)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53
