"""The layers together: texture must say live, any other may only refuse, and what is not known refuses."""

from math import inf, isnan, nan

import numpy as np
import pytest

from edge.domain.face import Box, Probe, Traces
from edge.domain.pad.verdict import LIVE, SURE, Layer, Vote, pad_verdict
from tests.support.tolerance import SINGLE


def probe(liveness: float) -> Probe:
    return Probe(np.eye(1, 8, dtype=np.float32)[0], "a-model", liveness, 0.9)


def judged(*lives: float):
    return pad_verdict([probe(life) for life in lives])


def test_no_frames_are_not_alive() -> None:
    assert not pad_verdict([]).live
    assert isnan(pad_verdict([]).liveness)


@pytest.mark.parametrize("unknown", [nan, inf, -inf, -0.1, 1.1])
def test_one_frame_that_is_no_probability_refuses_them_all(unknown: float) -> None:
    assert judged(0.99, 0.99, 0.99).live
    assert not judged(0.99, unknown, 0.99).live


def test_the_mean_decides_and_no_frame_may_be_under_half_of_it() -> None:
    assert judged(LIVE, LIVE, LIVE).live
    assert judged(LIVE / 2, 0.9, 0.9).live
    assert not judged(LIVE / 2 - 0.01, 0.9, 0.9).live
    assert not judged(LIVE - 0.01, LIVE, LIVE).live


def test_a_stricter_threshold_is_kept() -> None:
    assert pad_verdict([probe(0.6)]).live
    assert not pad_verdict([probe(0.6)], live=0.7).live


def test_the_layers_words_are_on_the_verdict() -> None:
    verdict = judged(0.8, 1.0)
    assert verdict.liveness == pytest.approx(0.9, abs=SINGLE)
    assert verdict.opinions[Layer.TEXTURE].vote is Vote.LIVE
    assert verdict.opinions[Layer.TEXTURE].suspicion == pytest.approx(0.1, abs=SINGLE)
    assert judged(0.1).opinions[Layer.TEXTURE].vote is Vote.ATTACK


def framed(liveness: float, wide: float | None, edges: float = 0) -> Probe:
    """A still face on grey, whose surroundings the model found so likely alive, between edges of so many levels."""
    thumb = np.full((120, 160), 120, np.uint8)
    thumb[:, 52:112] += np.uint8(edges)
    points = np.random.default_rng(1).uniform(280, 380, (468, 2)).astype(np.float32)
    face = np.random.default_rng(2).integers(90, 110, (100, 100)).astype(np.uint8)
    traces = Traces(Box(280, 140, 380, 240), points, thumb, 4, face, wide)
    return Probe(np.eye(1, 8, dtype=np.float32)[0], "a-model", liveness, 0.9, traces=traces)


def test_the_border_refuses_only_through_the_fusion() -> None:
    doubted = pad_verdict([framed(0.9999, 0.2)] * 3)
    assert doubted.opinions[Layer.BORDER].vote is Vote.ATTACK
    assert doubted.opinions[Layer.FUSION].vote is Vote.LIVE
    assert doubted.live
    refused = pad_verdict([framed(0.8, 0.2)] * 3)
    assert refused.opinions[Layer.TEXTURE].vote is Vote.LIVE
    assert refused.opinions[Layer.FUSION].vote is Vote.ATTACK
    assert (refused.live, refused.liveness) == (False, 0.0)


def test_edges_refuse_only_through_the_fusion() -> None:
    doubted, refused = pad_verdict([framed(0.999, None, 80)] * 3), pad_verdict([framed(0.6, None, 80)] * 3)
    assert doubted.opinions[Layer.ENCLOSURE].vote is refused.opinions[Layer.ENCLOSURE].vote is Vote.ATTACK
    assert (doubted.live, refused.live) == (True, False)


def test_a_doubt_that_was_overruled_leaves_the_verdict_unsure() -> None:
    """So that the decision watches the person for longer."""
    assert pad_verdict([framed(0.9999, 0.9)] * 3).liveness > SURE
    assert LIVE < pad_verdict([framed(0.9999, 0.1)] * 3).liveness < SURE


def test_wide_looks_before_the_agreeing_frames_count() -> None:
    agreeing = [framed(0.99, None)] * 3
    assert pad_verdict(agreeing, agreeing).live
    assert not pad_verdict(agreeing, [framed(0.99, 0.001), *agreeing]).live


def test_a_wide_look_that_is_no_number_refuses() -> None:
    verdict = pad_verdict([framed(0.999, nan)] * 3)
    assert verdict.opinions[Layer.FUSION].vote is Vote.ATTACK
    assert (verdict.live, verdict.liveness) == (False, 0.0)


def test_nothing_beside_the_texture_leaves_the_fusion_silent() -> None:
    assert judged(0.9).opinions[Layer.FUSION].vote is Vote.ABSTAIN
    assert pad_verdict([framed(0.9, None)] * 3).opinions[Layer.FUSION].vote is Vote.ABSTAIN


def test_every_layer_has_an_opinion_even_where_nothing_can_be_measured() -> None:
    broken = framed(0.9, 0.9)
    assert broken.traces is not None
    broken.traces.points[7] = nan
    for verdict in (judged(0.9), pad_verdict([]), pad_verdict([broken])):
        assert set(verdict.opinions) == set(Layer)
