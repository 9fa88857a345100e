"""The layers together: texture must say live, any other may only refuse, and what is not known refuses."""

from math import inf, isnan, nan

import numpy as np
import pytest

from edge.domain.face import Probe
from edge.domain.pad.verdict import LIVE, Layer, Vote, pad_verdict
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
