"""Lookalikes: people who are so similar to another enrolled person that a face alone cannot tell them apart.

Two people whose templates are as similar as the threshold asks of a face and its own template would be taken for
each other: twins, and sometimes strangers. Their face counts only together with their badge.
"""

from collections.abc import Iterator

import numpy as np

from edge.domain.face import Floats
from edge.domain.recognition.gallery import Gallery, common

_PRODUCTS = 2_000_000
"""Comparisons in one turn."""
ONE_PERSON = 0.25
"""Two pictures below this cosine do not show the same person: on LFW 0.3 % of true pairs are below 0.28 and 99 % of
others (`smartclocker evaluate`, TAR at FAR 1e-2), and the pictures that enrolment accepts are better than those.
"""


def strangers(rows: Floats) -> tuple[int, int] | None:
    """The two least similar of one person's templates, (k, d) unit rows, if their cosine is under ONE_PERSON; else
    None.
    """
    likeness = rows @ rows.T
    first, second = divmod(int(likeness.argmin()), len(rows))
    return (min(first, second), max(first, second)) if likeness[first, second] < ONE_PERSON else None


def lookalike(rows: Floats, gallery: Gallery, threshold: float) -> str | None:
    """The enrolled person who would be taken for the owner of these templates, (k, d); None for nobody."""
    if not len(gallery.matrix):
        return None
    scores = gallery.matrix @ common(rows).T
    best = int(scores.max(axis=1).argmax())
    return gallery.people[gallery.owners[best]] if scores[best].max() >= threshold else None


def close_pairs(gallery: Gallery, threshold: float) -> Iterator[frozenset[str]]:
    """The people with a row that is at least `threshold` (a cosine) similar to another person's; one block of rows
    a turn.

    A turn takes a few hundredths of a second whatever the gallery's size. All pairs of 20,000 people take seconds,
    and the thread that looks at faces must not be away for so long.
    """
    rows, owners = gallery.matrix, gallery.owners
    block = max(_PRODUCTS // max(len(rows), 1), 1)
    for start in range(0, len(rows), block):
        # Each pair once: the rows before this block were compared with it in their own turn.
        alike = rows[start : start + block] @ rows[start:].T
        alike[owners[start : start + block, None] == owners[start:][None]] = -1.0
        near, other = np.nonzero(alike >= threshold)
        found = {*owners[start + near].tolist(), *owners[start + other].tolist()}
        yield frozenset(gallery.people[one] for one in found)


def close_rows(
    gallery: Gallery, threshold: float, whose: frozenset[str]
) -> Iterator[tuple[list[str], dict[tuple[str, str], float]]]:
    """As `close_pairs`, of the people `whose` against everybody. Each turn gives the people compared so far and
    their pairs.

    A pair is sorted, and has its cosine beside it.
    """
    rows, owners = gallery.matrix, gallery.owners
    asked = np.isin(owners, [n for n, person in enumerate(gallery.people) if person in whose]).nonzero()[0]
    asked = asked[np.argsort(owners[asked], kind="stable")]
    block = max(_PRODUCTS // max(len(rows), 1), 1)
    for start in range(0, len(asked), block):
        part, rest = asked[start : start + block], asked[start + block :]
        alike = rows[part] @ rows.T
        alike[owners[part, None] == owners[None]] = -1.0
        found: dict[tuple[str, str], float] = {}
        for near, other in zip(*np.nonzero(alike >= threshold), strict=True):
            one, two = sorted((gallery.people[owners[part[near]]], gallery.people[owners[other]]))
            found[one, two] = max(found.get((one, two), -1.0), float(alike[near, other]))
        unfinished = owners[rest[0]] if len(rest) else -1
        yield [gallery.people[n] for n in np.unique(owners[part]).tolist() if n != unfinished], found
