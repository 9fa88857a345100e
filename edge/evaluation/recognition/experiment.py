"""All figures of `evaluate` from the faces of an album: identification, verification, thresholds, standouts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from edge.domain.recognition.gallery import threshold
from edge.evaluation.recognition import outliers
from edge.evaluation.recognition.extraction import ExtractedFaces
from edge.evaluation.recognition.metrics import MissRate, Scores, interval, mean_missed, missed
from edge.evaluation.recognition.outliers import Group, Pair
from edge.evaluation.recognition.searches import FUSED, Cast, Search, cast, searches
from edge.evaluation.recognition.verification import against_people, single_pairs

ALL = "all"
SIZES = (50, 200, 500)
FPIRS = (0.01, 0.003, 0.001)
PHOTOS, PROBES = (1, 3), (1, FUSED)
FARS = (1e-2, 1e-3, 1e-4, 1e-5)
STANDARD = (3, 1)
"""Enrolled photographs and probes for the figures by people, pairs and groups."""


@dataclass(frozen=True, slots=True)
class SimulatedPolicy:
    """The terminal's own rule for these scores."""

    fmr_table: Mapping[float, float]
    """The manifest's threshold table."""
    target_fpir: float
    margin: float
    """Margin over the best other person."""


@dataclass(frozen=True, slots=True)
class Effort:
    """Number and seed of the draws."""

    draws: int
    seed: int
    times: int
    """Number of resamples of a bootstrap."""


@dataclass(frozen=True, slots=True)
class Cell:
    """FNIR for one gallery size, FPIR, number of enrolled photographs, and number of fused probes."""

    size: str
    fpir: float
    photos: int
    probes: int
    missed: MissRate
    threshold: float
    """Mean over the draws."""
    interval: tuple[float, float] | None
    """95 % interval of the FNIR without rejects."""
    count: int
    """Probes in a draw, on average."""


@dataclass(frozen=True, slots=True)
class Shipped:
    """Rates at the shipped threshold and margin, with three photographs enrolled."""

    size: str
    probes: int
    threshold: float
    fpir: float | None
    missed: MissRate | None


@dataclass(frozen=True, slots=True, eq=False)
class ExperimentResult:
    """Everything measured."""

    parts: Cast
    cells: tuple[Cell, ...]
    shipped: tuple[Shipped, ...]
    scores: Scores
    """Single probes against single templates."""
    fmr: Mapping[float, float]
    """False match rate to cosine, probes against templates of three photographs: the table of a manifest."""
    curves: Mapping[tuple[int, int], Search]
    """For the DET: photographs and probes to one draw with everybody enrolled."""
    standard_fpir: float
    """Threshold of the four fields below: everybody enrolled, three photographs, one probe."""
    worst: tuple[outliers.MissedPerson, ...]
    alike: tuple[Pair, ...]
    mistaken: tuple[Pair, ...]
    groups: Mapping[str, Group]


def evaluate(
    faces: ExtractedFaces,
    policy: SimulatedPolicy,
    groups: Mapping[str, str],
    effort: Effort,
    progress: Callable[[int, int], None],
) -> ExperimentResult:
    """All figures for which there are enough faces. `groups` is person to group; `progress` is called with (done,
    in all).
    """
    parts = cast(faces)
    sizes = {str(size): size for size in SIZES if size < len(parts.members)}
    if parts.members:
        sizes[ALL] = len(parts.members)
    steps = [(name, photos, probes) for name in sizes for photos in PHOTOS for probes in PROBES]
    cells: list[Cell] = []
    shipped: list[Shipped] = []
    curves: dict[tuple[int, int], Search] = {}
    standard: list[Search] = []
    for done, (name, photos, probes) in enumerate(steps):
        progress(done, len(steps) + 2)
        drawn = list(
            searches(
                faces,
                parts,
                size=sizes[name],
                photos=photos,
                probes=probes,
                draws=effort.draws,
                seed=effort.seed,
            )
        )
        cells += _cells(name, photos, probes, drawn, len(faces.people), effort)
        if photos == max(PHOTOS):
            shipped.append(_shipped(name, probes, drawn, policy))
        if name == ALL:
            curves[photos, probes] = drawn[0]
            standard = drawn if (photos, probes) == STANDARD else standard
    progress(len(steps), len(steps) + 2)
    scores = Scores.of(single_pairs(faces, effort.seed))
    progress(len(steps) + 1, len(steps) + 2)
    by_three = Scores.of(against_people(faces, max(PHOTOS), effort.draws, effort.seed))
    known = {cell.fpir for cell in cells if (cell.size, cell.photos, cell.probes) == (ALL, *STANDARD)}
    fpir = min(known & set(FPIRS[:2]), default=FPIRS[0])
    progress(len(steps) + 2, len(steps) + 2)
    return ExperimentResult(
        parts=parts,
        cells=tuple(cells),
        shipped=tuple(shipped),
        scores=scores,
        fmr={far: cosine for far in FARS if (cosine := by_three.threshold(far)) is not None},
        curves=curves,
        standard_fpir=fpir,
        worst=outliers.worst(faces, standard, fpir),
        alike=outliers.alike(faces, parts),
        mistaken=outliers.mistaken(faces, parts, standard),
        groups=outliers.by_group(faces, parts, standard, fpir, groups),
    )


def _cells(name: str, photos: int, probes: int, drawn: list[Search], people: int, effort: Effort) -> list[Cell]:
    rng = np.random.default_rng([effort.seed, photos, probes])
    count = round(float(np.mean([len(search.score) for search in drawn])))
    found = []
    for fpir in FPIRS:
        mean = mean_missed(drawn, fpir)
        if mean is not None:
            bounds = interval(drawn, fpir, people, rng, effort.times)
            found.append(Cell(name, fpir, photos, probes, *mean, bounds, count))
    return found


def _shipped(name: str, probes: int, drawn: list[Search], policy: SimulatedPolicy) -> Shipped:
    people = round(float(np.mean([search.enrolled for search in drawn])))
    cosine = threshold(people, policy.fmr_table, policy.target_fpir)
    found = [one for one in (missed(search, cosine, policy.margin) for search in drawn) if one is not None]
    taken = [
        float(((search.stranger > cosine) & (search.stranger_margin >= policy.margin)).mean())
        for search in drawn
        if len(search.stranger)
    ]
    return Shipped(name, probes, cosine, float(np.mean(taken)) if taken else None, MissRate.mean(found))
