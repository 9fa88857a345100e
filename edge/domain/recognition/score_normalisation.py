"""Cohort score normalisation: raises the threshold for faces that score high against everyone.

A face is compared with a sample of the enrolled people. If it is more similar to the most similar tenth of them
than an enrolled face is on average, its threshold is raised; if it is less similar, its threshold is lowered. So a
gallery calibrates itself: on LFW, thresholds stay the same at every size, and a fifth fewer people are missed
(docs/facts.md). Below a hundred people nothing is gained, and nothing is done.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge.domain.face import Floats

Indices = NDArray[np.intp]
_FEWEST, _MOST = 100, 200
"""Fewest enrolled people for it, and number of people in the sample: more do not help, and cost time."""
_TENTH = 10
_SHARE = 0.6
"""Share of the difference that is added to the threshold; 0.4 to 0.8 gave the same results."""
_LIMIT = 0.05
"""Largest change in cosine, either way: a face that is similar to nobody gains no more than this."""
_NOBODY = -1.0


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """A sample of a gallery."""

    rows: Indices
    """(m,): row numbers in the gallery's matrix, one for each person."""
    usual: float
    """Mean cosine of the sampled people with the most similar tenth of the others."""

    @classmethod
    def of(cls, matrix: Floats, owners: Indices) -> Self | None:
        """The sample from a gallery's unit rows (n, d) and their owners (n,); None when there are too few
        people.
        """
        people, first = np.unique(owners, return_index=True)
        if len(people) < _FEWEST:
            return None
        rows = first[np.linspace(0, len(people) - 1, min(len(people), _MOST)).astype(np.intp)]
        among = matrix[rows] @ matrix[rows].T
        np.fill_diagonal(among, _NOBODY)
        return cls(rows, float(_top_tenth(among).mean()))

    def demand(self, others: Floats) -> float:
        """Cosine to add to one face's threshold, from its scores with the whole gallery, (rows,).

        The rows of its best person do not count: their scores must be -1. It takes one face at a time and makes few
        numpy calls: beside a thousand templates they would cost as much as the product itself.
        """
        sample = others[self.rows]
        count = round(len(sample) / _TENTH)
        sample.partition(-count)
        asked = _SHARE * (float(np.add.reduce(sample[-count:])) / count - self.usual)
        return min(max(asked, -_LIMIT), _LIMIT)


def _top_tenth(scores: Floats) -> Floats:
    """The mean of the highest tenth, along the last axis."""
    count = round(scores.shape[-1] / _TENTH)
    highest: Floats = np.partition(scores, -count)[..., -count:].sum(axis=-1) / count
    return highest
