"""Evidence weighed together: it refuses what texture lets pass, and believes a sure texture before odd rooms."""

from math import isnan, nan

import pytest

from edge.domain.pad.fusion import CEILING, FLOOR, evidence, suspicion
from edge.domain.pad.verdict import FUSION


def test_texture_alone_leaves_nothing_to_weigh() -> None:
    assert suspicion(0.6, [], None) is None
    assert suspicion(0.6, [], FLOOR) is None


def test_a_face_that_looks_half_alive_in_the_surroundings_of_a_picture_is_an_attack() -> None:
    assert suspicion(0.9, [0.05], None) > FUSION
    assert suspicion(0.9, [0.4], CEILING) > FUSION


def test_a_sure_texture_is_believed_before_surroundings_that_look_a_little_odd() -> None:
    assert suspicion(0.999, [0.2], 0.3) < FUSION
    assert suspicion(0.999, [0.999], CEILING) < FUSION


def test_no_texture_is_believed_before_surroundings_that_surely_are_a_picture() -> None:
    assert suspicion(1.0, [0.0], None) > FUSION


def test_edges_alone_do_not_outweigh_a_sure_texture() -> None:
    """Door posts."""
    assert suspicion(0.995, [], CEILING) < FUSION
    assert suspicion(0.55, [], CEILING) > FUSION


def test_more_signs_of_life_are_never_more_suspicious() -> None:
    steps = [number / 20 for number in range(21)]
    for texture in steps:
        for wide in steps:
            for edges in steps:
                here = suspicion(texture, [wide], edges)
                assert here >= suspicion(min(1, texture + 0.05), [wide], edges)
                assert here >= suspicion(texture, [min(1, wide + 0.05)], edges)
                assert here <= suspicion(texture, [wide], min(1, edges + 0.05))


def test_the_wide_looks_of_all_frames_are_averaged() -> None:
    assert evidence(0.9, [0.9, 0.1], None)[1] == pytest.approx(0)
    assert suspicion(0.9, [0.9, 0.1], None) == pytest.approx(suspicion(0.9, [0.5], None))


def test_the_texture_counts_from_its_own_threshold() -> None:
    assert suspicion(0.8, [0.5], None, live=0.8) == pytest.approx(FUSION)
    assert suspicion(0.8, [0.5], None, live=0.9) > FUSION > suspicion(0.8, [0.5], None, live=0.5)


@pytest.mark.parametrize(("liveness", "wide", "edges"), [(nan, [0.9], 0.4), (0.9, [nan], None), (0.9, [], nan)])
def test_what_is_no_number_stays_none(liveness: float, wide: list[float], edges: float | None) -> None:
    found = suspicion(liveness, wide, edges)
    assert found is not None
    assert isnan(found)
