"""Matching: the best person, the best other person, and what is refused."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.face import Floats, Probe
from edge.domain.recognition.gallery import NOBODY, Gallery, are_unit, common, threshold
from tests.support.tolerance import SINGLE

MODEL = "mobilefacenet-1"


def unit(*values: float) -> Floats:
    vector = np.array(values, np.float32)
    return vector / np.float32(np.linalg.norm(vector))


def probe(embedding: Floats, model_id: str = MODEL) -> Probe:
    return Probe(embedding, model_id, liveness=1.0, quality=1.0)


def gallery() -> Gallery:
    """Ann has two templates, Bob and Cem one each."""
    return Gallery.of(
        MODEL,
        [
            ("ann", np.stack([unit(1, 0, 0), unit(1, 1, 0)])),
            ("bob", unit(0, 1, 0)[None]),
            ("cem", unit(0, 0, 1)[None]),
        ],
    )


def test_what_a_persons_templates_have_in_common_counts() -> None:
    ann = unit(unit(1, 0, 0)[0] + unit(1, 1, 0)[0], unit(1, 1, 0)[1], 0)
    best = gallery().best(probe(ann))
    assert best is not None
    assert best.person == "ann"
    assert best.score == pytest.approx(1.0, abs=SINGLE)


def test_the_runner_up_is_another_person() -> None:
    """Of several rows of one person, none is that person's rival."""
    rows = np.stack([unit(1, 0, 0), unit(1, 1, 0), unit(0, 1, 0)])
    best = Gallery(("ann", "bob"), np.array([0, 0, 1], np.intp), rows, MODEL).best(probe(unit(1, 0.5, 0)))
    assert best is not None
    assert (best.person, best.runner_up) == ("ann", pytest.approx(unit(1, 0.5, 0)[1], abs=SINGLE))


def test_alone_there_is_no_runner_up() -> None:
    alone = Gallery.of(MODEL, [("ann", np.stack([unit(1, 0), unit(0, 1)]))])
    best = alone.best(probe(unit(-1, -1)))
    assert best is not None
    assert best.runner_up == NOBODY
    assert best.score == pytest.approx(-1.0, abs=SINGLE)


def test_templates_without_a_common_direction_stay_as_they_are() -> None:
    opposite = np.stack([unit(1, 0), unit(-1, 0)])
    assert common(opposite) is opposite
    assert common(np.empty((0, 4), np.float32)).shape == (0, 4)


@pytest.mark.parametrize("row", [[np.nan, 0.0], [2.0, 0.0], [0.0, 0.0], [np.inf, 0.0]])
def test_a_mean_hides_no_malformed_template(row: list[float]) -> None:
    with pytest.raises(ValueError, match="enrol that person again"):
        Gallery.of(MODEL, [("ann", np.stack([unit(1, 0), np.array(row, np.float32)]))])


def test_an_empty_gallery_knows_nobody() -> None:
    empty = Gallery.empty(MODEL)
    assert empty.size == 0
    assert empty.best(probe(unit(1, 0, 0))) is None
    assert Gallery.of(MODEL, []).best(probe(unit(1, 0))) is None


@given(st.integers(0, 2**32 - 1))
def test_it_agrees_with_the_plain_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(int(rng.integers(2, 40)), 16)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    owners = rng.integers(0, 6, len(rows)).astype(np.intp)
    embedding = unit(*rng.normal(size=16))
    made = Gallery(tuple("abcdef"), owners, rows, MODEL)
    found = made.best(probe(embedding))
    by_person = dict.fromkeys("abcdef", NOBODY)
    for owner, row in zip(owners, rows, strict=True):
        by_person["abcdef"[owner]] = max(by_person["abcdef"[owner]], float(row @ embedding))
    ranked = sorted(by_person.items(), key=lambda entry: -entry[1])
    assert found is not None
    assert by_person[found.person] == pytest.approx(ranked[0][1], abs=SINGLE), "of near ties either"
    assert found.score == pytest.approx(ranked[0][1], abs=SINGLE)
    assert found.runner_up == pytest.approx(ranked[1][1], abs=SINGLE)


@pytest.mark.parametrize(
    "embedding",
    [
        np.zeros(3, np.float32),
        np.array([np.nan, 0, 1], np.float32),
        np.array([np.inf, 0, 0], np.float32),
        np.array([2, 0, 0], np.float32),
        np.array([[1, 0, 0]], np.float32),
        np.array([1, 0], np.float32),
        np.array([1, 0, 0, 0], np.float32),
        np.array(1.0, np.float32),
    ],
)
def test_what_is_no_embedding_is_refused(embedding: Floats) -> None:
    with pytest.raises(ValueError, match=r"unit vector|against templates"):
        gallery().best(probe(embedding))


def test_another_models_embedding_is_refused() -> None:
    for made in (gallery(), Gallery.empty(MODEL)):
        with pytest.raises(ValueError, match="enrol again"):
            made.best(probe(unit(1, 0, 0), "facenet-9"))


@pytest.mark.parametrize(
    "change",
    [
        {"matrix": np.full((3, 3), np.nan, np.float32)},
        {"matrix": np.ones((3, 3), np.float32)},
        {"matrix": np.zeros((3, 3), np.float32)},
        {"matrix": np.ones(3, np.float32)},
        {"owners": np.array([0, 1], np.intp)},
        {"owners": np.array([0, 1, 3], np.intp)},
        {"owners": np.array([0, 1, -1], np.intp)},
    ],
)
def test_a_malformed_gallery_is_refused(change: dict) -> None:
    with pytest.raises(ValueError, match=r"gallery|template"):
        dataclasses.replace(gallery(), **change)


def test_people_of_different_dimensions_do_not_mix() -> None:
    with pytest.raises(ValueError, match="dimension"):
        Gallery.of(MODEL, [("ann", unit(1, 0)[None]), ("bob", unit(1, 0, 0)[None])])


def test_unit_rows() -> None:
    assert are_unit(np.empty((0, 4), np.float32))
    assert are_unit(np.stack([unit(*range(1, 513))]))
    assert not are_unit(np.array([[1.01, 0]], np.float32))


TABLE = {1e-3: 0.45, 1e-4: 0.53, 1e-5: 0.60}


@pytest.mark.parametrize(
    ("people", "fpir", "cosine"),
    [
        (10, 1e-2, 0.45),
        (10, 1e-3, 0.53),
        (100, 1e-3, 0.60),
        (1, 1e-3, 0.45),
        (0, 1e-3, 0.45),  # nobody is no reason for less
        (1, 0.5, 0.45),  # laxer than measured: the laxest that was
        (1000, 1e-3, 0.67),  # one decade beyond: the last slope
        (10_000, 1e-3, 0.67),  # farther: held
        (10, 10**-3.5, 0.565),  # between: linear in the logarithm
    ],
)
def test_the_threshold_grows_with_the_gallery(people: int, fpir: float, cosine: float) -> None:
    assert threshold(people, TABLE, fpir) == pytest.approx(cosine, abs=SINGLE)


def test_the_tables_order_does_not_matter() -> None:
    assert threshold(50, dict(reversed(TABLE.items())), 1e-3) == threshold(50, TABLE, 1e-3)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(1e-6, 0.5))
def test_more_people_never_lower_the_threshold(some: int, others: int, fpir: float) -> None:
    fewer, more = sorted((some, others))
    assert -1.0 <= threshold(fewer, TABLE, fpir) <= threshold(more, TABLE, fpir) <= 1.0


@pytest.mark.parametrize(
    "table",
    [{}, {1e-3: 0.5}, {1e-3: 0.5, 1e-4: 0.4}, {1e-3: 0.5, 1e-4: 0.5}, {1e-3: 0.5, 0.0: 0.9}, {1e-3: 0.5, 2.0: 0.1},
     {1e-3: math.nan, 1e-4: 0.5}],
)  # fmt: skip
def test_an_unusable_table_is_refused(table: dict) -> None:
    with pytest.raises(ValueError, match="false match rates"):
        threshold(10, table, 1e-3)


@pytest.mark.parametrize(("people", "fpir"), [(-1, 1e-3), (1, 0.0), (1, 1.0), (1, math.nan)])
def test_an_unusable_aim_is_refused(people: int, fpir: float) -> None:
    with pytest.raises(ValueError, match="gallery size"):
        threshold(people, TABLE, fpir)
