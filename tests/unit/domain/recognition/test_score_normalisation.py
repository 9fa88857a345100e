"""Faces that are like everybody are asked for more; small galleries, and the face's own person, do not count."""

import numpy as np
import pytest

from edge.domain.face import Box, Floats, Probe, Sight
from edge.domain.recognition.decision import Accepted, Decider, DecisionPolicy
from edge.domain.recognition.gallery import Gallery
from edge.domain.recognition.score_normalisation import Cohort
from tests.support.tolerance import SINGLE

SIZE = 48


def unit(rows: Floats) -> Floats:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def people(count: int) -> Floats:
    """Unit rows with something in common, so that a face can be more or less like everybody."""
    rows = np.random.default_rng(0).normal(size=(count, SIZE))
    rows[:, 0] += 3
    return unit(rows)


def gallery(count: int) -> Gallery:
    return Gallery.of("m", ((f"p{number}", row[None]) for number, row in enumerate(people(count))))


def demand(of: Gallery, face: Floats) -> float:
    found = of.best(Probe(unit(face), "m", 1, 1))
    assert found is not None
    return found.demand


def test_below_a_hundred_people_nothing_is_done() -> None:
    assert gallery(99).cohort is None
    assert demand(gallery(99), people(1)[0]) == 0.0
    assert gallery(100).cohort is not None


@pytest.mark.parametrize("count", [100, 201, 5_000])
def test_like_everybody_is_asked_for_more_and_like_nobody_for_less_but_never_much(count: int) -> None:
    many = gallery(count)
    everybody, nobody = np.eye(SIZE, dtype=np.float32)[0], -people(1)[0]
    assert demand(many, everybody) == pytest.approx(0.05, abs=SINGLE)
    assert demand(many, nobody) == pytest.approx(-0.05, abs=SINGLE)
    assert abs(float(np.mean([demand(many, row) for row in people(count)[:100]]))) < 0.01


def test_the_own_person_does_not_count() -> None:
    rows = people(120)
    without = np.delete(rows, 7, axis=0)
    cohort = Cohort.of(rows, np.arange(120))
    assert cohort is not None
    top = np.sort(without @ rows[7])[::-1][:12].mean()
    others = rows @ rows[7]
    others[7] = -1
    assert cohort.demand(others) == pytest.approx(0.6 * (top - cohort.usual), abs=SINGLE)


def test_several_rows_of_a_person_are_one_in_the_sample() -> None:
    rows, owners = np.repeat(people(150), 3, axis=0), np.repeat(np.arange(150), 3)
    cohort = Cohort.of(rows, owners)
    assert cohort is not None
    assert sorted(owners[cohort.rows]) == list(range(150))


def test_the_decision_applies_the_threshold_offset() -> None:
    many = gallery(150)
    face = unit(people(150)[3] + 0.25 * np.eye(SIZE, dtype=np.float32)[0])
    found = many.best(Probe(face, "m", 1, 1))
    assert found is not None
    assert found.demand > 0.01
    for threshold, taken in ((found.score - found.demand - 0.002, True), (found.score - found.demand / 2, False)):
        decider = Decider(DecisionPolicy())
        sights = [
            Sight(i * 66_000_000, Box(200, 100, 380, 320), None, Probe(face, "m", 0.99, 0.9)) for i in range(3)
        ]
        outcomes = [decider.observe(sight, many, threshold) for sight in sights]
        assert isinstance(outcomes[-1], Accepted) is taken
