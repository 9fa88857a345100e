"""Rates and thresholds against their plain definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.recognition.gallery import common, threshold
from edge.evaluation.recognition.experiment import Effort, SimulatedPolicy, evaluate
from edge.evaluation.recognition.metrics import MissRate, Scores, at_fpir, interval, mean_missed, missed
from edge.evaluation.recognition.searches import Search, cast, searches
from tests.support.tolerance import SINGLE

POLICY = SimulatedPolicy({1e-4: 0.47, 1e-5: 0.53}, 0.001, 0.06)


def quiet(_done: int, _all: int) -> None:
    return None


@given(st.integers(1, 400), st.sampled_from([0.01, 0.003, 0.05, 0.5]), st.integers(0, 2**32 - 1))
def test_a_threshold_lets_at_most_that_share_of_strangers_by_and_none_is_lower(count, fpir, seed) -> None:
    scores = np.random.default_rng(seed).normal(size=count).astype(np.float32)
    found = at_fpir(scores, fpir)
    if found is None:
        assert int(fpir * count) == 0
        return
    assert (scores > found).mean() <= fpir
    lower = np.sort(scores[scores < found])[-1:]
    assert all((scores > one).mean() > fpir for one in lower)


def test_thousand_strangers_are_enough_for_one_in_a_thousand() -> None:
    scores = np.arange(1000, dtype=np.float32)
    assert at_fpir(scores, 0.001) == 998
    assert at_fpir(scores[:999], 0.001) is None
    assert at_fpir(scores[:0], 0.01) is None


def search(score, margin=None, lost=(0.0,), stranger=()) -> Search:
    score = np.array(score, np.float32)
    return Search(
        enrolled=1,
        score=score,
        margin=np.ones(len(score), np.float32) if margin is None else np.array(margin, np.float32),
        owner=np.zeros(len(score), np.intp),
        stranger=np.array(stranger, np.float32),
        stranger_margin=np.ones(len(stranger), np.float32),
        taken_for=np.zeros(len(stranger), np.intp),
        lost=np.array(lost),
    )


def test_misses() -> None:
    assert missed(search([0.9, 0.5, -np.inf, 0.6]), 0.5) == MissRate(0.5, 0.5)
    assert missed(search([0.9, 0.9], margin=[0.1, 0.05]), 0.5, 0.06) == MissRate(0.5, 0.5)
    assert missed(search([0.9, 0.4], lost=[1.0, 1.0]), 0.5) == MissRate(0.5, 0.75)
    assert missed(search([], lost=[1.0]), 0.5) is None


def test_each_draw_has_its_own_threshold() -> None:
    easy, hard = np.linspace(0, 0.3, 100), np.linspace(0, 0.9, 100)
    drawn = [search([0.8, 0.5], stranger=easy), search([0.8, 0.5], stranger=hard)]
    found = mean_missed(drawn, 0.01)
    assert found is not None
    assert found[0].value == pytest.approx((0.0 + 1.0) / 2, abs=SINGLE)
    assert mean_missed(drawn, 0.001) is None
    assert mean_missed([], 0.01) is None


def test_an_interval_holds_the_figure_and_narrows_with_people(synthetic) -> None:
    widths = []
    for people in (20, 200):
        faces = synthetic([6] * people + [1] * 300, noise=2.6)
        drawn = list(searches(faces, cast(faces), size=people, photos=1, probes=1, draws=2, seed=0))
        found = mean_missed(drawn, 0.01)
        bounds = interval(drawn, 0.01, len(faces.people), np.random.default_rng(0), 100)
        assert found is not None
        assert bounds is not None
        assert bounds[0] < found[0].value < bounds[1]
        widths.append(bounds[1] - bounds[0])
    assert widths[1] < widths[0] / 1.5


def test_histograms_give_the_rates_of_the_plain_definition() -> None:
    rng = np.random.default_rng(0)
    cosines = np.clip(rng.normal(0.1, 0.15, 60_000), -1, 1).astype(np.float32)
    same = np.arange(60_000) < 10_000
    cosines[same] = np.clip(cosines[same] + 0.5, -1, 1)
    scores = Scores.of([(cosines[:7], same[:7]), (cosines[7:], same[7:])])
    for far in (1e-2, 1e-3):
        cosine = scores.threshold(far)
        assert cosine is not None
        assert (cosines[~same] >= cosine).mean() <= far < (cosines[~same] >= cosine - 3e-4).mean() + 1e-4
        assert scores.tar(cosine) == pytest.approx((cosines[same] >= cosine).mean(), abs=1e-3)
    assert scores.threshold(1e-4) is None
    assert Scores.of([]).tar(0.5) is None


@pytest.mark.parametrize(
    "pictures",
    [[], [1], [4], [1000], [4, 4], [4] * 3 + [1] * 5, [2, 3], [1] * 300],
    ids=["nobody", "one picture", "one person", "a thousand", "no strangers", "few", "neither", "only strangers"],
)
def test_a_folder_that_is_not_enough_gives_no_figure_and_no_crash(synthetic, pictures) -> None:
    result = evaluate(synthetic(pictures), POLICY, {}, Effort(2, 0, 10), quiet)
    assert result.cells == ()


def test_a_folder_where_no_face_passes_gives_no_figure(synthetic) -> None:
    faces = synthetic([5] * 10 + [1] * 200, matchable=0.0)
    result = evaluate(faces, POLICY, {"person-0000": "a"}, Effort(2, 0, 10), quiet)
    assert result.cells == ()
    assert result.fmr == {}


def test_sizes_rates_and_standouts_of_a_whole_evaluation(synthetic) -> None:
    faces = synthetic([6] * 60 + [1] * 1200, noise=1.2)
    # A stranger who is somebody enrolled under another name, and somebody whose pictures are of different people.
    faces.probe[-1] = common(faces.template[:6])[0]
    faces.template[6:12] = faces.probe[6:12] = synthetic([1] * 1300).probe[-6:]
    told = {name: "odd" if name == "person-0001" else "even" for name in faces.people}
    result = evaluate(faces, POLICY, told, Effort(3, 0, 20), quiet)
    sizes = {(cell.size, cell.fpir, cell.photos, cell.probes) for cell in result.cells}
    assert sizes == {
        (size, fpir, photos, probes)
        for size in ("50", "all")
        for fpir in (0.01, 0.003, 0.001)
        for photos in (1, 3)
        for probes in (1, 3)
    }
    found = {(c.size, c.fpir, c.photos, c.probes): c for c in result.cells}
    for size in ("50", "all"):
        one, three = found[size, 0.01, 1, 1], found[size, 0.01, 3, 1]
        assert three.missed.value < one.missed.value
        assert found[size, 0.001, 3, 1].missed.value >= three.missed.value
        assert found[size, 0.01, 3, 3].missed.value <= three.missed.value
    assert result.worst[0].person == "person-0001"
    assert (result.mistaken[0].one, result.mistaken[0].other) == (faces.people[-1], "person-0000")
    assert result.groups["odd"].fnir > 0.5 > result.groups["even"].fnir
    assert result.groups["odd"].strangers == 0
    shipped = {(one.size, one.probes): one for one in result.shipped}
    assert shipped["all", 1].threshold == pytest.approx(
        threshold(60, POLICY.fmr_table, POLICY.target_fpir), abs=SINGLE
    )
    assert shipped["all", 1].missed.value > shipped["all", 3].missed.value
