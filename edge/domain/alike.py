"""Who looks so much like somebody else who is enrolled that a face alone cannot tell them apart.

Two people whose templates are as alike as the threshold asks of a face and its own template would be taken for each
other: twins, and sometimes strangers. Their faces count with their badge alone.
"""

import numpy as np

from edge.domain.matching import Gallery, common
from edge.domain.types import Floats

MOST = 20_000
"""People among whom pairs are looked for: beyond it the products take minutes."""
_BLOCK = 1_024
ONE_PERSON = 0.25
"""Two pictures under it do not show the same person: on LFW 0.3 % of true pairs are below 0.28 and 99 % of others
(`smartclocker evaluate`, TAR at FAR 1e-2), and what enrolment lets through is better than those."""


def strangers(rows: Floats) -> tuple[int, int] | None:
    """Of one person's templates, (k, d) unit rows, the two least alike, if they are under ONE_PERSON; else None."""
    likeness = rows @ rows.T
    first, second = divmod(int(likeness.argmin()), len(rows))
    return (min(first, second), max(first, second)) if likeness[first, second] < ONE_PERSON else None


def lookalike(rows: Floats, gallery: Gallery, threshold: float) -> str | None:
    """Who in a gallery would be taken for the person of these templates, (k, d); None for nobody."""
    if not len(gallery.matrix):
        return None
    scores = gallery.matrix @ common(rows).T
    best = int(scores.max(axis=1).argmax())
    return gallery.people[gallery.owners[best]] if scores[best].max() >= threshold else None


def close_pairs(gallery: Gallery, threshold: float) -> frozenset[str]:
    """Everybody with a row at least `threshold` (a cosine) alike to another person's; nobody beyond MOST."""
    rows, owners = gallery.matrix, gallery.owners
    if gallery.size > MOST:
        return frozenset()
    found: set[int] = set()
    for start in range(0, len(rows), _BLOCK):
        alike = rows[start : start + _BLOCK] @ rows.T
        alike[owners[start : start + _BLOCK, None] == owners[None]] = -1.0
        near, other = np.nonzero(alike >= threshold)
        found.update(owners[start + near].tolist(), owners[other].tolist())
    return frozenset(gallery.people[one] for one in found)
