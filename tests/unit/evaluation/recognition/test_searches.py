"""Who is enrolled and who tries: by the product's own rules, by chance, and the same for the same seed."""

from dataclasses import replace

import numpy as np
import pytest

from edge.domain.face import Probe
from edge.domain.recognition.decision import fuse
from edge.domain.recognition.gallery import Gallery, common
from edge.evaluation.recognition.searches import MOST, best_two, cast, searches
from tests.support.tolerance import SINGLE


def one(faces, **how):
    asked = {"size": 10, "photos": 3, "probes": 1, "draws": 1, "seed": 0} | how
    return next(searches(faces, cast(faces), **asked))


def test_everybody_has_a_part(synthetic) -> None:
    parts = cast(synthetic([4, 1, 2, 3, 9, 1]))
    assert [len(rows) for rows in parts.members] == [4, 9]
    assert len(parts.strangers) == 2
    assert (parts.between, parts.strangers_rejected) == (2, 0)


def test_a_stranger_whom_the_gate_refuses_is_counted_apart(synthetic) -> None:
    faces = synthetic([4, *[1] * 200], matchable=0.9)
    parts = cast(faces)
    assert parts.strangers_rejected == int((~faces.matchable[faces.person > 0]).sum()) > 0
    assert len(parts.strangers) + parts.strangers_rejected == 200


def test_people_who_are_easy_to_tell_apart_are_all_found(synthetic) -> None:
    search = one(synthetic([7] * 20 + [1] * 50, noise=0.2), size=20)
    assert search.enrolled == 20
    assert len(search.score) == 20 * 4
    assert search.score.min() > search.stranger.max()
    assert search.lost.sum() == 0


def test_nobody_is_probed_with_what_is_enrolled(synthetic) -> None:
    search = one(synthetic([4] * 10, noise=1.0), photos=3)
    assert len(search.score) == 10
    assert search.score.max() < 0.99


@pytest.mark.parametrize("size", [12, 130])
def test_the_evaluation_matches_as_the_product_does(synthetic, size: int) -> None:
    faces = synthetic([9] * size + [1] * 5, noise=1.5)
    faces = replace(faces, demand=np.linspace(-0.02, 0.02, len(faces.person)).astype(np.float32))
    parts = cast(faces)
    search = next(searches(faces, parts, size=size, photos=3, probes=3, draws=1, seed=4))
    rng = np.random.default_rng([4, size, 3, 0])
    chosen = [rng.permutation(parts.members[i])[:MOST] for i in rng.permutation(size)]
    people = [str(faces.person[rows[0]]) for rows in chosen]
    gallery = Gallery.of("m", ((name, faces.template[rows[:3]]) for name, rows in zip(people, chosen, strict=True)))
    assert (gallery.cohort is None) == (size == 12)
    expected = []
    for name, rows in zip(people, chosen, strict=True):
        for group in (rows[3:6], rows[6:9]):
            probe = fuse([Probe(faces.probe[i], "m", 1, 1, float(faces.demand[i])) for i in group])
            found = gallery.best(probe)
            right = found.person == name
            expected.append(
                (found.score - probe.demand - found.demand if right else -np.inf, found.score - found.runner_up)
            )
    assert search.score == pytest.approx([score for score, _ in expected], abs=SINGLE)
    assert search.margin == pytest.approx([margin for _, margin in expected], abs=SINGLE)


def test_the_same_seed_gives_the_same_and_another_does_not(synthetic) -> None:
    faces = synthetic([6] * 30 + [1] * 20)
    first, again, other = (one(faces, seed=seed).score for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_rejected_pictures_are_lost_probes(synthetic) -> None:
    faces = synthetic([10] * 40, matchable=0.8)
    single, fused = one(faces, size=40), one(faces, size=40, probes=3)
    assert len(single.score) + single.lost.sum() + 3 * single.enrolled <= 400
    assert single.lost.sum() == pytest.approx(0.2 * (len(single.score) + single.lost.sum()), rel=0.25)
    assert fused.lost.sum() == pytest.approx(single.lost.sum() / 3, abs=SINGLE)


def test_who_cannot_be_enrolled_is_missed_with_every_picture(synthetic) -> None:
    faces = synthetic([5] * 4)
    faces.enrollable[:5] = False
    search = one(faces, size=4)
    assert search.enrolled == 3
    assert search.lost[0] == 5


def test_too_few_good_pictures_give_a_template_and_no_probe(synthetic) -> None:
    faces = synthetic([6] * 3)
    faces.enrollable[2:6] = faces.matchable[2:4] = False
    search = one(faces, size=3)
    assert search.enrolled == 3
    assert 0 not in search.owner
    assert search.lost[0] == 2


def test_a_thousand_pictures_of_somebody_decide_no_more_than_ten(synthetic) -> None:
    search = one(synthetic([1000, 10, 10]), size=3)
    assert np.bincount(search.owner).tolist() == [7, 7, 7]


def test_best_two() -> None:
    scores = np.array([[0.1, 0.9, 0.8], [0.5, 0.2, 0.5]], np.float32)
    best, top, margin = best_two(scores)
    assert best.tolist() == [1, 0]
    assert top == pytest.approx([0.9, 0.5], abs=SINGLE)
    assert margin == pytest.approx([0.1, 0.0], abs=SINGLE)
    assert best_two(scores[:, :1])[2] == pytest.approx([1.1, 1.5], abs=SINGLE)
    assert best_two(scores[:, :0])[1].tolist() == [-np.inf, -np.inf]
    assert best_two(scores[:0])[0].shape == (0,)


def test_templates_are_the_products(synthetic) -> None:
    faces = synthetic([4] * 2, noise=1.0)
    search = one(faces, size=1, photos=3)
    rng = np.random.default_rng([0, 1, 3, 0])
    rows = rng.permutation(cast(faces).members[rng.permutation(2)[0]])
    assert search.score[0] == pytest.approx(
        float(common(faces.template[rows[:3]])[0] @ faces.probe[rows[3]]), abs=SINGLE
    )
