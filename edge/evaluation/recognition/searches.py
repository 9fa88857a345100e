"""The searches behind every figure of `evaluate`: who is enrolled, who tries, and how similar they are. No I/O.

People with at least four pictures can be enrolled; people with one are the strangers. A draw puts a person's
pictures in a random order and enrols the first ones that the enrolment gate accepts, as a person would who retakes
a refused photograph; the rest are probes. A person with too few such pictures is enrolled with those and gives no
probe. Scores are cosines minus the shifts for the face's strength and the cohort, so that one threshold serves all.
Templates and shifts are computed by the product's own code.
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
"""Fewest pictures of a person who can be enrolled."""
MOST = 10
"""Most pictures of a person in one draw, so that a person with a thousand does not decide every figure."""
FUSED = 3
"""Number of frames of a decision."""
Compare = Callable[[Floats, Sequence[Floats]], Floats]
"""A function of probes (n, d) and each person's templates (k, d) that gives their similarity (n, people)."""


def with_common(probes: Floats, templates: Sequence[Floats]) -> Floats:
    """The cosine with the mean of a person's templates."""
    return probes @ _stack([_one(rows) for rows in templates], probes.shape[1]).T


def as_the_product(probes: Floats, templates: Sequence[Floats]) -> Floats:
    """The same, minus the cohort's shift."""
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
    """The part of each person."""

    members: tuple[Indices, ...]
    """Rows of the pictures of each person who can be enrolled."""
    strangers: Indices
    """Rows of the pictures of people with one picture that the gate before matching accepts."""
    strangers_rejected: int
    between: int
    """People with two or three pictures, who have no part."""


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """One draw: a gallery, everybody's probes against it, and the strangers'."""

    enrolled: int
    """Number of people in the gallery."""
    score: Floats
    """(p,): score of each probe with its own person; -inf when somebody else was more similar."""
    margin: Floats
    """(p,): margin over the best other person."""
    owner: Indices
    """(p,): the probe's person."""
    stranger: Floats
    """(s,): score of each stranger with the most similar person."""
    stranger_margin: Floats
    taken_for: Indices
    """(s,): that person."""
    lost: NDArray[np.float64]
    """(people,): probes that there would have been if the gate had accepted their pictures; thirds for fused
    ones.
    """


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
    """`draws` searches with `size` people enrolled with `photos` pictures each; `probes` of their pictures are
    fused into each probe.

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
            lost[person] += len(pictures) / probes  # cannot be enrolled, so every probe is a miss
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
    """For each row of (n, people): its best column, the score, and the margin over the second best.

    With one person the second best is `NOBODY`; with none, the score is -inf.
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
    """The mean of the templates, or the first where they have no common direction: one row."""
    return common(vectors)[:1]


def _stack(rows: list[Floats], size: int) -> Floats:
    return np.concatenate(rows) if rows else np.empty((0, size), np.float32)
