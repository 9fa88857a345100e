"""A site's own threshold: on populations whose truth is known, and on too little."""

import json

import numpy as np
import pytest

from edge.domain.recognition.calibration import BINS, LOOSEST, STRICTEST, Scorebook, calibrate, nearest_others, tail
from edge.domain.strict_json import parse_object
from edge.errors import RecordError
from tests.support.tolerance import SINGLE

TARGET = 0.001


def population(rng: np.random.Generator, people: int, alike: float, size: int = 128) -> np.ndarray:
    """Unit rows (people, size) with something in common, so that strangers' mean cosine is about `alike`."""
    rows = rng.normal(size=(people, size))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    shared = np.zeros(size)
    shared[0] = np.sqrt(alike / (1 - alike))
    rows = rows + shared
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("alike", [0.05, 0.2, 0.4])
def test_strangers_of_the_same_population_pass_it_as_seldom_as_was_asked(alike: float) -> None:
    rng = np.random.default_rng(7)
    enrolled = population(rng, 300, alike)
    found = tail(nearest_others(enrolled, np.arange(300)))
    assert found is not None
    cosine = found.cosine(TARGET)
    strangers = population(rng, 20_000, alike)
    passed = ((strangers @ enrolled.T).max(axis=1) >= cosine).mean()
    assert passed <= TARGET
    assert cosine < 0.9, "and nobody is asked for what no face shows"


def test_a_population_that_is_more_alike_is_asked_for_more() -> None:
    rng = np.random.default_rng(8)
    tails = [tail(nearest_others(population(rng, 200, alike), np.arange(200))) for alike in (0.05, 0.4)]
    assert tails[0] is not None
    assert tails[1] is not None
    assert tails[1].cosine(TARGET) > tails[0].cosine(TARGET) + 0.2


def test_the_strictest_source_counts_and_a_site_may_move_it_only_so_far() -> None:
    low, high = tail(np.linspace(0, 0.2, 500)), tail(np.linspace(0.2, 0.5, 500))
    assert low is not None
    assert high is not None
    both = calibrate([low, high], TARGET, 0.5)
    assert both == calibrate([high], TARGET, 0.5)
    assert both.shift == pytest.approx(high.cosine(TARGET) - 0.5, abs=SINGLE)
    assert calibrate([low], TARGET, 0.53).shift == LOOSEST
    assert calibrate([high], TARGET, 0.1).shift == STRICTEST
    assert calibrate([high], TARGET, 0.1).wanted > STRICTEST


def test_too_little_and_what_is_no_number_make_no_tail() -> None:
    assert tail(np.zeros(99)) is None
    assert tail(np.full(500, np.nan)) is None
    same = tail(np.full(200, 0.3))
    assert same is not None
    assert same.cosine(1e-6) == pytest.approx(0.3, abs=SINGLE)


def test_of_several_templates_a_persons_best_counts_and_never_their_own() -> None:
    matrix = np.array([[1, 0], [0.8, 0.6], [0.6, 0.8]], np.float32)
    assert nearest_others(matrix, np.array([0, 0, 1])) == pytest.approx([0.96, 0.96], abs=SINGLE)
    assert nearest_others(np.empty((0, 0), np.float32), np.empty(0, np.intp)).shape == (0,)


def test_counts_are_about_nobody() -> None:
    book = Scorebook("m")
    assert not book.punched(0.8, 0.3, 19, by_badge=False), "of so few people somebody could be told"
    for _ in range(3):
        assert book.punched(0.8, 0.305, 40, by_badge=False)
    assert book.punched(0.7, -1.0, 40, by_badge=True)
    assert book.searches == 3
    assert book.maxima() == pytest.approx([0.31] * 3, abs=SINGLE)
    assert (book.people, book.own.sum(), book.confirmed.sum()) == (120, 4, 1)
    again = Scorebook.read(parse_object(json.dumps(book.as_json()).encode(), 65_536))
    assert again.as_json() == book.as_json()


@pytest.mark.parametrize(
    "change",
    [{"scorebook": 2}, {"model": 1}, {"people": -1}, {"own": [0]}, {"next": [True] * BINS}, {"confirmed": None}],
)
def test_what_is_no_scorebook_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(RecordError):
        Scorebook.read(Scorebook("m").as_json() | change)
