"""Who is enrolled, who tries, and how like they are: the searches behind every figure of `evaluate`. No I/O.

People with at least four pictures can be enrolled; people with one are the strangers. A draw puts a person's
pictures in a random order and enrols the first ones that the enrolment gate passes, as somebody would who retakes a
refused photograph; what comes after them are probes. Who has too few such pictures is enrolled with those and gives
no probe. Scores are cosines with what the face and the cohort demand taken off, so that one threshold serves all.
Templates are made, and the cohort is asked, by the product's own code.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.domain.face import Floats
from edge.domain.recognition.gallery import NOBODY, common
from edge.domain.recognition.score_normalisation import Cohort
from edge.evaluation.recognition.extraction import ExtractedFaces, Indices

FEWEST = 4
"""Pictures of a person who can be enrolled."""
MOST = 10
"""Pictures of a person in one draw, so that somebody with a thousand does not decide every figure."""
FUSED = 3
"""Frames of a decision."""
Compare = Callable[[Floats, Sequence[Floats]], Floats]
"""Probes (n, d) and each person's templates (k, d) to their likeness (n, people)."""


def with_common(probes: Floats, templates: Sequence[Floats]) -> Floats:
    """The cosine with what a person's templates have in common."""
    return probes @ _stack([_one(rows) for rows in templates], probes.shape[1]).T


def as_the_product(probes: Floats, templates: Sequence[Floats]) -> Floats:
    """The same, less what the cohort demands."""
    scores = with_common(probes, templates)
    cohort = Cohort.of(_stack([_one(rows) for rows in templates], probes.shape[1]), np.arange(len(templates)))
    if cohort is None:
        return scores
    others = scores.copy()
    np.put_along_axis(others, scores.argmax(axis=1, keepdims=True), NOBODY, axis=1)
    demand = np.array([cohort.demand(row) for row in others], np.float32)
    return scores - demand[:, None]


@dataclass(frozen=True, slots=True, eq=False)
class Cast:
    """The parts that people play."""

    members: tuple[Indices, ...]
    """Rows of the pictures of each person who can be enrolled."""
    strangers: Indices
    """Rows of the pictures of people with one picture, those that the gate before matching passes."""
    strangers_rejected: int
    between: int
    """People with two or three pictures, who are neither."""


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """One draw: a gallery, everybody's probes against it, and the strangers'."""

    enrolled: int
    """People in the gallery."""
    score: Floats
    """(p,): of each probe with its own person; -inf when somebody else was more like it."""
    margin: Floats
    """(p,): over the best other person."""
    owner: Indices
    """(p,): the probe's person."""
    stranger: Floats
    """(s,): each stranger with whoever was most like them."""
    stranger_margin: Floats
    taken_for: Indices
    """(s,): who that was."""
    lost: NDArray[np.float64]
    """(people,): probes that there would have been, had the gate passed their pictures; thirds of fused ones."""


def cast(faces: ExtractedFaces) -> Cast:
    """Give everybody their part."""
    by_person = np.argsort(faces.person, kind="stable")
    counts = np.bincount(faces.person, minlength=len(faces.people))
    rows = np.split(by_person, np.cumsum(counts)[:-1])
    alone = np.array([mine[0] for mine in rows if len(mine) == 1], np.intp)
    passed = faces.matchable[alone] if len(alone) else np.zeros(0, bool)
    return Cast(
        members=tuple(mine for mine in rows if len(mine) >= FEWEST),
        strangers=alone[passed],
        strangers_rejected=int((~passed).sum()),
        between=sum(1 < len(mine) < FEWEST for mine in rows),
    )


def searches(
    faces: ExtractedFaces,
    parts: Cast,
    *,
    size: int,
    photos: int,
    probes: int,
    draws: int,
    seed: int,
    compare: Compare = as_the_product,
) -> Iterator[Search]:
    """`draws` searches with `size` people enrolled by `photos` pictures, `probes` of theirs fused into each probe.

    The same seed gives the same people and pictures, whatever `probes` is.
    """
    for draw in range(draws):
        rng = np.random.default_rng([seed, size, photos, draw])
        chosen = rng.permutation(len(parts.members))[:size]
        shuffled = [rng.permutation(parts.members[i])[:MOST] for i in chosen]
        yield _search(faces, parts, shuffled, photos, probes, compare)


def _search(
    faces: ExtractedFaces, parts: Cast, shuffled: list[Indices], photos: int, probes: int, compare: Compare
) -> Search:
    templates: list[Floats] = []
    gallery: list[int] = []
    groups: list[Indices] = []
    places: list[int] = []
    lost = np.zeros(len(faces.people))
    for pictures in shuffled:
        person = int(faces.person[pictures[0]])
        good = np.flatnonzero(faces.enrollable[pictures])[:photos]
        if not len(good):
            lost[person] += len(pictures) / probes  # cannot be enrolled: whenever they come, they are missed
            continue
        whole = len(good) == photos
        later = pictures[good[-1] + 1 :] if whole else np.delete(pictures, good)
        passed = later[faces.matchable[later]]
        lost[person] += (len(later) - len(passed)) / probes
        if not whole:
            passed = passed[:0]
        mine = [passed[at : at + probes] for at in range(0, len(passed) - probes + 1, probes)]
        groups += mine
        places += [len(gallery)] * len(mine)
        templates.append(faces.template[pictures[good]])
        gallery.append(person)
    people, own = np.array(gallery, np.intp), np.array(places, np.intp)
    tries = _stack([_one(faces.probe[group]) for group in groups], faces.probe.shape[1])
    demand = np.array([faces.demand[group].mean() for group in groups], np.float32)
    best, score, margin = best_two(compare(tries, templates))
    stranger_best, stranger, stranger_margin = best_two(compare(faces.probe[parts.strangers], templates))
    return Search(
        enrolled=len(gallery),
        score=np.where(best == own, score - demand, -np.inf).astype(np.float32),
        margin=margin,
        owner=people[own],
        stranger=stranger - faces.demand[parts.strangers],
        stranger_margin=stranger_margin,
        taken_for=people[stranger_best] if len(people) else stranger_best,
        lost=lost,
    )


def best_two(scores: Floats) -> tuple[Indices, Floats, Floats]:
    """Of (n, people): the best column of each row, its score, and its margin over the second best.

    With one person the second best is `NOBODY`, with none nobody is like anybody: a score of -inf.
    """
    count, people = scores.shape
    if not people:
        nothing = np.full(count, -np.inf, np.float32)
        return np.zeros(count, np.intp), nothing, np.zeros(count, np.float32)
    best = scores.argmax(axis=1)
    top = scores[np.arange(count), best]
    if people == 1:
        return best, top, top - np.float32(NOBODY)
    second = np.partition(scores, people - 2, axis=1)[:, people - 2]
    return best, top, top - second


def _one(vectors: Floats) -> Floats:
    """What they have in common, or the first where they have nothing in common: one row."""
    return common(vectors)[:1]


def _stack(rows: list[Floats], size: int) -> Floats:
    return np.concatenate(rows) if rows else np.empty((0, size), np.float32)
