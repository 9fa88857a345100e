"""A site's own threshold, from how alike its own people look to each other.

Thresholds do not transfer between populations: one that lets a stranger in once in a thousand among press
photographs may do so ten times among the relatives of one village. So each face's highest likeness to *another*
person is looked at (a nonmated search), and the threshold is put where it is passed as seldom as the target asks.

A small site cannot see rare things. Beyond what was seen the tail is taken to fall exponentially: bounded cosines
fall faster (their extremes are of the Weibull kind), so that this errs on the strict side. See S. Coles, An
Introduction to Statistical Modeling of Extreme Values, 2001, ch. 4; and for FPIR ISO/IEC 19795-1.

What punches tell is kept as counts alone: a count says neither who nor when; below twenty people, where it might,
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
"""Below it a site says too little of itself."""
_TAIL = 0.1
"""Of the searches: their highest tenth makes the tail."""
_SURE = 1.645
"""One-sided 95 %, of a normal distribution."""
LOOSEST, STRICTEST = -0.03, 0.2
"""How far a site may move the manifest's threshold: hardly down, since few people say little of rare strangers."""
BINS = 200
"""Of a hundredth of cosine each, from -1 to 1."""
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tail:
    """How seldom the most alike other person is how alike, at one source of evidence."""

    searches: int
    start: float
    """Cosine from which on it is the tail."""
    share: float
    """Of searches beyond it."""
    scale: float
    """Mean excess, at the upper end of its 95 % interval."""

    def cosine(self, fpir: float) -> float:
        """The likeness that a share `fpir` of searches reaches at most."""
        return self.start + self.scale * max(0.0, log(self.share / fpir))


def tail(maxima: Reals | Floats) -> Tail | None:
    """From each search's likeness to the best other person, (n,); None for fewer than FEWEST_SEARCHES."""
    seen = np.asarray(maxima, np.float64)
    seen = seen[np.isfinite(seen)]
    if len(seen) < FEWEST_SEARCHES:
        return None
    start = float(np.quantile(seen, 1 - _TAIL))
    beyond = seen[seen > start] - start
    if not len(beyond):
        return Tail(len(seen), start, _TAIL, 0.0)
    # The mean of k exponential excesses is off by 1/√k of itself.
    scale = float(beyond.mean()) / max(1 - _SURE / sqrt(len(beyond)), 0.2)
    return Tail(len(seen), start, len(beyond) / len(seen), scale)


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a site moves the manifest's threshold by, at every size of its gallery."""

    shift: float
    wanted: float
    """The same before it was held to LOOSEST and STRICTEST."""


def calibrate(tails: list[Tail], target_fpir: float, usual: float) -> Calibration:
    """The strictest of what the sources say, against the manifest's threshold for this gallery, `usual`."""
    wanted = max(one.cosine(target_fpir) for one in tails) - usual
    return Calibration(min(max(wanted, LOOSEST), STRICTEST), wanted)


def nearest_others(matrix: Floats, owners: NDArray[np.intp]) -> Floats:
    """Each person's highest likeness to anybody else, (people,), from unit rows (n, d) and their owners (n,).

    Templates against templates: a search of the gallery with its own faces.
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
    """How alike the faces that punch look to their own template and to the next person's: counts, of one model."""

    model_id: str
    own: Counts = field(default_factory=_none)
    """Accepted punches, by the likeness to their own person."""
    next: Counts = field(default_factory=_none)
    """The same punches, by the likeness to the best other person."""
    confirmed: Counts = field(default_factory=_none)
    """Of them, by the likeness to their own: those whose badge said the same."""
    people: int = 0
    """Added up over the punches: over their count it is the gallery's mean size."""

    def punched(self, own: float, other: float, people: int, *, by_badge: bool) -> bool:
        """Count one; False when too few people are enrolled for it to be about nobody."""
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
        """All that were counted."""
        return int(self.own.sum())

    @property
    def searches(self) -> int:
        """Punches in which everybody was compared."""
        return int(self.next.sum())

    def maxima(self) -> Reals:
        """The likeness to the best other person of each, (searches,), at the upper edge of its bin."""
        return np.repeat(np.linspace(-1, 1, BINS + 1)[1:], self.next)

    def as_json(self) -> dict[str, Any]:
        """What `read` takes."""
        counts = {name: getattr(self, name).tolist() for name in ("own", "next", "confirmed")}
        return {"scorebook": 1, "model": self.model_id, "people": self.people, **counts}

    @classmethod
    def read(cls, document: dict[str, Any]) -> Self:
        """Raises RecordError for what is none."""
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
