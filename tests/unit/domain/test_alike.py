"""Who looks like somebody else who is enrolled."""

import numpy as np

from edge.domain.alike import close_pairs
from edge.domain.matching import Gallery


def unit(row: np.ndarray) -> np.ndarray:
    return (row / np.linalg.norm(row)).astype(np.float32)


def test_both_of_a_pair_are_named_and_nobody_else() -> None:
    rng = np.random.default_rng(1)
    rows = {f"p{n}": unit(rng.normal(size=64)) for n in range(1_500)}
    rows["twin"] = unit(rows["p1400"] + 0.05 * rng.normal(size=64).astype(np.float32))
    gallery = Gallery.of("m", ((name, row[None]) for name, row in rows.items()))
    assert close_pairs(gallery, 0.75) == {"p1400", "twin"}
    assert close_pairs(gallery, 1.0) == frozenset()


def test_several_templates_of_one_person_are_no_pair() -> None:
    opposite = np.array([[1, 0], [-1, 0]], np.float32)
    gallery = Gallery.of("m", [("a", opposite), ("b", np.array([[0, 1]], np.float32))])
    assert len(gallery.owners) == 3
    assert close_pairs(gallery, 0.5) == frozenset()


def test_nobody_enrolled_is_no_error() -> None:
    assert close_pairs(Gallery.empty("m"), 0.5) == frozenset()
