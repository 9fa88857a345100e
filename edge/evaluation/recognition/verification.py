"""One face against one template, for every pair in an album: the basis of TAR, FAR and the FMR table."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from edge.domain.face import Floats
from edge.domain.recognition.gallery import common
from edge.evaluation.recognition.extraction import ExtractedFaces, Indices
from edge.evaluation.recognition.searches import MOST

_BLOCK = 512
"""Rows of a matrix of cosines that are computed together."""
Block = tuple[Floats, NDArray[np.bool_]]
"""Cosines, and a mask of those that are of one person."""


def single_pairs(faces: ExtractedFaces, seed: int) -> Iterator[Block]:
    """Every probe against every other picture's template, at most `MOST` pictures a person."""
    rows = _some_of_each(faces, seed)
    probes, templates = rows[faces.matchable[rows]], rows[faces.enrollable[rows]]
    for at in range(0, len(probes), _BLOCK):
        some = probes[at : at + _BLOCK]
        cosines = faces.probe[some] @ faces.template[templates].T - faces.demand[some, None]
        other = some[:, None] != templates[None]
        same = faces.person[some][:, None] == faces.person[templates][None]
        yield cosines[other], same[other]


def against_people(faces: ExtractedFaces, photos: int, draws: int, seed: int) -> Iterator[Block]:
    """Every probe against everybody's template of so many photographs, in each draw; enrolled pictures are no
    probes.
    """
    for draw in range(draws):
        order = np.random.default_rng([seed, draw]).permutation(_some_of_each(faces, seed))
        mine: dict[int, list[int]] = {}
        for row in order[faces.enrollable[order]]:
            mine.setdefault(int(faces.person[row]), []).append(int(row))
        enrolled = {person: rows[:photos] for person, rows in mine.items() if len(rows) >= photos}
        if not enrolled:
            return
        templates = np.concatenate([common(faces.template[rows])[:1] for rows in enrolled.values()])
        people = np.array(list(enrolled), np.intp)
        tries = np.setdiff1d(order[faces.matchable[order]], np.concatenate(list(enrolled.values())))
        for at in range(0, len(tries), _BLOCK):
            some = tries[at : at + _BLOCK]
            cosines = faces.probe[some] @ templates.T - faces.demand[some, None]
            yield cosines.ravel(), (faces.person[some][:, None] == people[None]).ravel()


def _some_of_each(faces: ExtractedFaces, seed: int) -> Indices:
    """At most `MOST` pictures of a person, chosen by chance, in the album's order."""
    order = np.random.default_rng([seed]).permutation(len(faces.person))
    taken = np.zeros(len(faces.people), np.intp)
    chosen = []
    for row in order:
        taken[faces.person[row]] += 1
        if taken[faces.person[row]] <= MOST:
            chosen.append(row)
    return np.sort(np.array(chosen, np.intp))
