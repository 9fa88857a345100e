"""How alike the faces that punch look to their own template and to the next person's: counts, about nobody.

Kept for calibration. A count says neither who nor when; below twenty people, where it might, nothing is counted.
"""

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from edge.domain.recognition.calibration import FEWEST_PEOPLE, Reals
from edge.errors import RecordError

BINS = 200
"""Of a hundredth of cosine each, from -1 to 1."""
Counts = NDArray[np.int64]


def _none() -> Counts:
    return np.zeros(BINS, np.int64)


@dataclass(slots=True)
class Scorebook:
    """Of one model."""

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
