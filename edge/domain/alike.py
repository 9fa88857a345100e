"""Who looks so much like somebody else who is enrolled that a face alone cannot tell them apart.

Two people whose templates are as alike as the threshold asks of a face and its own template would be taken for each
other: twins, and sometimes strangers. Their faces count with their badge alone.
"""

import numpy as np

from edge.domain.matching import Gallery

MOST = 20_000
"""People among whom pairs are looked for: beyond it the products take minutes."""
_BLOCK = 1_024


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
