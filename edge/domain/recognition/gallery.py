"""One face against everyone enrolled: a matrix product, the best person, and the best other person.

An embedding is a unit vector, so the cosine similarity of two is their dot product, 1 for identical and about 0 for
strangers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge.domain.face import Floats, Probe
from edge.domain.recognition.score_normalisation import Cohort

Indices = NDArray[np.intp]
UNIT_TOLERANCE = 1e-3
"""Tolerance of a vector's length around 1: float32 rounding over 512 terms stays a hundred times below it."""
NOBODY = -1.0
"""The runner-up's score when only one person is enrolled: the least a cosine can be."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """The enrolled person who is most similar to a face. Whether that is similar enough is for the decision to
    say.
    """

    person: str
    score: float
    """Cosine with the mean of the person's templates."""
    runner_up: float
    """The same with the best other person; NOBODY when there is none."""
    demand: float = 0.0
    """Cosine to add to the threshold: above 0 for a face that is similar to many people (`score_normalisation`)."""


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """Everyone who may be matched, by one model. Immutable: a change of people makes a new one."""

    people: tuple[str, ...]
    owners: Indices
    """(n,): the index in `people` of each template's owner."""
    matrix: Floats
    """(n, d), unit rows; column by column in memory, which BLAS multiplies up to twice as fast as row by row."""
    model_id: str
    cohort: Cohort | None = None
    """Score normalisation; None in a small gallery."""
    single: bool = False
    """Everybody has exactly one row, as nearly always: the mean of their templates."""

    def __post_init__(self) -> None:
        if self.matrix.ndim != 2 or self.owners.shape != (len(self.matrix),):
            raise ValueError(
                f"a gallery of shapes {self.matrix.shape} and {self.owners.shape}; give (n, d) and (n,)"
            )
        if len(self.owners) and (self.owners.min() < 0 or self.owners.max() >= len(self.people)):
            raise ValueError("a template belongs to nobody in the gallery; give owners within people")
        if len(self.matrix) and not are_unit(self.matrix):
            raise ValueError("a template is not a finite unit vector; enrol that person again")

    @classmethod
    def empty(cls, model_id: str) -> Self:
        """A gallery without anybody."""
        return cls((), np.empty(0, np.intp), np.empty((0, 0), np.float32), model_id)

    @classmethod
    def of(cls, model_id: str, templates: Iterable[tuple[str, Floats]]) -> Self:
        """A gallery from each person's templates, shape (k, d), which `common` reduces to one row. Raises
        ValueError.
        """
        people: list[str] = []
        owners: list[Indices] = []
        rows: list[Floats] = []
        for person, matrix in templates:
            rows.append(common(matrix))
            owners.append(np.full(len(rows[-1]), len(people), np.intp))
            people.append(person)
        if not people:
            return cls.empty(model_id)
        matrix, owner = np.asfortranarray(np.concatenate(rows)), np.concatenate(owners)
        single = len(np.unique(owner)) == len(owner) == len(people)
        return cls(tuple(people), owner, matrix, model_id, Cohort.of(matrix, owner), single)

    @property
    def size(self) -> int:
        """Number of people: the N of `threshold`."""
        return len(self.people)

    def only(self, person: str) -> Self:
        """A gallery with one person of this one, for a comparison one to one. Raises ValueError for somebody
        else.
        """
        rows = np.flatnonzero(self.owners == self.people.index(person))
        matrix = np.asfortranarray(self.matrix[rows])
        return type(self)((person,), np.zeros(len(rows), np.intp), matrix, self.model_id, None, len(rows) == 1)

    def best(self, probe: Probe) -> Candidate | None:
        """The person who is most similar to this face; None when nobody is enrolled.

        Raises ValueError for an embedding of another model or dimension, or one that is no finite unit vector: its
        similarity would be a number without meaning.
        """
        embedding = probe.embedding
        if probe.model_id != self.model_id:
            raise ValueError(f"an embedding of {probe.model_id} against templates of {self.model_id}; enrol again")
        if embedding.ndim != 1 or not is_unit(embedding):
            raise ValueError("the embedding is not a finite unit vector; normalise it, and refuse a blank frame")
        if not len(self.matrix):
            return None
        if len(embedding) != self.matrix.shape[1]:
            raise ValueError(f"{len(embedding)} numbers against templates of {self.matrix.shape[1]}; enrol again")
        # `dot` and `argmax` instead of `@` and `max`: beside a thousand templates microseconds count.
        scores = self.matrix.dot(embedding)
        top = int(scores.argmax())
        owner, score = int(self.owners[top]), float(scores[top])
        scores[top if self.single else self.owners == owner] = NOBODY
        demand = 0.0 if self.cohort is None else self.cohort.demand(scores)
        return Candidate(self.people[owner], score, float(scores[scores.argmax()]), demand)


def common(templates: Floats) -> Floats:
    """The mean direction of a person's templates, shape (k, d), as shape (1, d).

    Measured with three photographs each, the mean misses fewer people at the same false alarms than the best of the
    three does: chance in a single picture cancels out. Templates without a common direction stay as they are.
    Raises ValueError for rows that are not finite unit vectors.
    """
    if not are_unit(templates):
        raise ValueError("a template is not a finite unit vector; enrol that person again")
    total = templates.sum(axis=0, dtype=np.float64, keepdims=True)
    length = float(np.linalg.norm(total))
    return np.asarray(total / length, np.float32) if length > UNIT_TOLERANCE else templates


def is_unit(row: Floats) -> bool:
    """Whether one row, shape (d,), is finite and of length 1; takes a tenth of the time of `are_unit`."""
    return abs(sqrt(float(row.dot(row))) - 1.0) <= UNIT_TOLERANCE  # NaN and infinity compare false


def are_unit(rows: Floats) -> bool:
    """Whether every row, shape (n, d), is finite and of length 1."""
    lengths = np.linalg.norm(rows, axis=1)
    return bool(np.all(np.abs(lengths - 1.0) <= UNIT_TOLERANCE))  # NaN and infinity compare false


def threshold(gallery_size: int, fmr_table: Mapping[float, float], target_fpir: float) -> float:
    """The cosine to ask for, so that a stranger is taken for anyone of N people at most `target_fpir` of the time.

    FPIR ≈ N × FMR for small rates (NIST FRTE 1:N), so the false match rate of one comparison may be target / N.
    `fmr_table` maps measured false match rates to cosines; between them the cosine is linear in log10(FMR). Beyond
    the table's strictest rate the last slope is continued for at most one decade: nothing was measured farther out,
    and the result stays there. A rate above the table's laxest one is never used. Raises ValueError for a table
    that is not usable.
    """
    if gallery_size < 0 or not 0.0 < target_fpir < 1.0:
        raise ValueError("give a gallery size of 0 or more, and a target FPIR between 0 and 1")
    logs, cosines = _points(fmr_table)
    wanted = float(np.log10(target_fpir / max(gallery_size, 1)))
    if wanted >= logs[0]:
        return float(np.interp(wanted, logs, cosines))
    slope = (cosines[1] - cosines[0]) / (logs[1] - logs[0])
    return min(1.0, cosines[0] + slope * (max(wanted, logs[0] - 1.0) - logs[0]))


def decade(fmr_table: Mapping[float, float]) -> float:
    """The cosine for one more decade of rate, on the table's strictest slope. Raises ValueError."""
    logs, cosines = _points(fmr_table)
    return (cosines[0] - cosines[1]) / (logs[1] - logs[0])


def _points(fmr_table: Mapping[float, float]) -> tuple[list[float], list[float]]:
    """log10 of each rate, the strictest first, and its cosine. Raises ValueError for a table that is not usable."""
    points = sorted((float(np.log10(rate)), cosine) for rate, cosine in fmr_table.items() if 0.0 < rate < 1.0)
    logs, cosines = [point[0] for point in points], [point[1] for point in points]
    falling = all(after < before for before, after in pairwise(cosines))
    if len(points) < 2 or len(points) != len(fmr_table) or not falling:
        raise ValueError(
            "give at least two false match rates between 0 and 1, with a higher cosine for a lower rate"
        )
    return logs, cosines
