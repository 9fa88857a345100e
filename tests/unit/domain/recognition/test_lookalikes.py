"""Who looks like somebody else who is enrolled."""

import numpy as np
import pytest

from edge.domain.recognition import lookalikes
from edge.domain.recognition.gallery import Gallery
from edge.domain.recognition.lookalikes import close_pairs
from tests.support.tolerance import SINGLE


def unit(row: np.ndarray) -> np.ndarray:
    return (row / np.linalg.norm(row)).astype(np.float32)


def everybody(gallery: Gallery, threshold: float) -> frozenset[str]:
    return frozenset().union(*close_pairs(gallery, threshold))


def test_both_of_a_pair_are_named_and_nobody_else() -> None:
    rng = np.random.default_rng(1)
    rows = {f"p{n}": unit(rng.normal(size=64)) for n in range(1_500)}
    rows["twin"] = unit(rows["p1400"] + 0.05 * rng.normal(size=64).astype(np.float32))
    gallery = Gallery.of("m", ((name, row[None]) for name, row in rows.items()))
    assert everybody(gallery, 0.75) == {"p1400", "twin"}
    assert everybody(gallery, 1.0) == frozenset()


def test_several_templates_of_one_person_are_no_pair() -> None:
    opposite = np.array([[1, 0], [-1, 0]], np.float32)
    gallery = Gallery.of("m", [("a", opposite), ("b", np.array([[0, 1]], np.float32))])
    assert len(gallery.owners) == 3
    assert everybody(gallery, 0.5) == frozenset()


def test_an_empty_gallery_has_no_lookalikes() -> None:
    assert everybody(Gallery.empty("m"), 0.5) == frozenset()


@pytest.mark.parametrize("products", [1, 700, 2_000, 10**9])
def test_however_it_is_divided_the_same_are_found_and_a_turn_is_bounded(monkeypatch, products: int) -> None:
    monkeypatch.setattr(lookalikes, "_PRODUCTS", products)
    rng = np.random.default_rng(3)
    rows = [unit(rng.normal(size=8)) for _ in range(90)]
    gallery = Gallery.of("m", ((f"p{n}", row[None]) for n, row in enumerate(rows)))
    likeness = np.stack(rows) @ np.stack(rows).T - 2 * np.eye(90)
    assert not (abs(likeness - 0.8) < SINGLE).any(), "no pair is so near the limit that a kernel decides"
    expected = {f"p{n}" for n in np.flatnonzero((likeness >= 0.8).any(axis=1))}
    turns = list(close_pairs(gallery, 0.8))
    assert frozenset().union(*turns) == expected
    assert len(turns) == -(-90 // max(products // 90, 1))
