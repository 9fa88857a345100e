"""Outliers: the people missed most, the people most similar to each other, strangers taken for somebody, and
groups.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge.domain.recognition.gallery import common
from edge.evaluation.recognition.dataset import UNGROUPED
from edge.evaluation.recognition.extraction import ExtractedFaces
from edge.evaluation.recognition.metrics import at_fpir
from edge.evaluation.recognition.searches import Cast, Search

LISTED = 12
"""Most people and pairs in a report."""
_PHOTOS = 3


@dataclass(frozen=True, slots=True)
class MissedPerson:
    """A person, and their misses over all draws."""

    person: str
    share: float
    probes: int


@dataclass(frozen=True, slots=True)
class Pair:
    """Two people, and how similar they are."""

    one: str
    other: str
    cosine: float


@dataclass(frozen=True, slots=True)
class Group:
    """One group, at the threshold that all strangers together give for an FPIR."""

    people: int
    """Number of people with probes."""
    fnir: float | None
    strangers: int
    fpir: float | None


def worst(faces: ExtractedFaces, drawn: Sequence[Search], fpir: float) -> tuple[MissedPerson, ...]:
    """The people who were missed in the largest share of their probes."""
    misses, tries = _by_person(faces, drawn, fpir)
    rates = np.divide(misses, tries, out=np.zeros_like(misses), where=tries > 0)
    first = np.lexsort((-misses, -rates))[:LISTED]
    return tuple(MissedPerson(faces.people[i], float(rates[i]), int(tries[i])) for i in first if misses[i])


def alike(faces: ExtractedFaces, parts: Cast) -> tuple[Pair, ...]:
    """The enrolled people who are most similar to each other: twins, or one person under two names."""
    rows, people = [], []
    for pictures in parts.members:
        good = pictures[faces.enrollable[pictures]][:_PHOTOS]
        if len(good):
            rows.append(common(faces.template[good])[:1])
            people.append(faces.people[faces.person[good[0]]])
    if len(rows) < 2:
        return ()
    templates = np.concatenate(rows)
    cosines = templates @ templates.T
    one, other = np.triu_indices(len(rows), 1)
    # Rounded to digits that float32 has on every processor: of nearly equal ones the first counts, whatever the
    # kernel.
    first = np.argsort(-cosines[one, other].round(5), kind="stable")[:LISTED]
    return tuple(
        Pair(people[a], people[b], float(cosines[a, b])) for a, b in zip(one[first], other[first], strict=True)
    )


def mistaken(faces: ExtractedFaces, parts: Cast, drawn: Sequence[Search]) -> tuple[Pair, ...]:
    """The strangers most similar to somebody in the first draw: they set the thresholds."""
    if not drawn:
        return ()
    search = drawn[0]
    first = np.argsort(-search.stranger.round(5), kind="stable")[:LISTED]
    return tuple(
        Pair(
            faces.people[faces.person[parts.strangers[i]]],
            faces.people[search.taken_for[i]],
            float(search.stranger[i]),
        )
        for i in first
    )


def by_group(
    faces: ExtractedFaces, parts: Cast, drawn: Sequence[Search], fpir: float, groups: Mapping[str, str]
) -> dict[str, Group]:
    """Error rates of each group; empty when there are no groups. `groups` is person to group."""
    if not groups or not drawn:
        return {}
    misses, tries = _by_person(faces, drawn, fpir)
    named = np.array([groups.get(name, UNGROUPED) for name in faces.people])
    strangers = named[faces.person[parts.strangers]]
    taken = np.zeros(len(strangers))
    for search in drawn:
        cosine = at_fpir(search.stranger, fpir)
        taken += 0 if cosine is None else search.stranger > cosine
    found = {}
    for name in sorted(set(named)):
        mine, theirs = named == name, strangers == name
        found[str(name)] = Group(
            people=int((mine & (tries > 0)).sum()),
            fnir=float(misses[mine].sum() / tries[mine].sum()) if tries[mine].sum() else None,
            strangers=int(theirs.sum()),
            fpir=float(taken[theirs].mean() / len(drawn)) if theirs.any() else None,
        )
    return found


def _by_person(faces: ExtractedFaces, drawn: Sequence[Search], fpir: float) -> tuple[np.ndarray, np.ndarray]:
    """Misses and probes of each person over the draws that have a threshold."""
    misses, tries = np.zeros(len(faces.people)), np.zeros(len(faces.people))
    for search in drawn:
        cosine = at_fpir(search.stranger, fpir)
        if cosine is not None:
            np.add.at(misses, search.owner, search.score <= cosine)
            np.add.at(tries, search.owner, 1)
    return misses, tries
