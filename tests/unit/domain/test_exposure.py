"""Exposure metered on the face: step by step, no further than it helps, and back when nobody is there."""

import pytest

from edge.domain.exposure import MOST, Light, Metering

DARK, GOOD, BURNT = Light(30, 0), Light(120, 0.02), Light(200, 0.4)


def test_a_dark_face_is_given_more_light_step_by_step() -> None:
    metering = Metering()
    changes = [metering.observe(DARK, at) for at in range(0, 1_200, 100)]
    assert [at for at, changed in enumerate(changes) if changed] == [0, 4, 8]
    assert metering.ev == 1.5
    for at in range(1_200, 10_000, 100):
        metering.observe(DARK, at)
    assert metering.ev == MOST


def test_a_burnt_one_less_and_a_good_one_is_left_alone() -> None:
    metering = Metering()
    assert metering.observe(BURNT, 0)
    assert metering.ev == -0.5
    assert not any(metering.observe(GOOD, at) for at in range(500, 5_000, 100))
    for at in range(5_000, 20_000, 100):
        metering.observe(BURNT, at)
    assert metering.ev == -MOST


@pytest.mark.parametrize("gap_ms", [4_900, 5_100])
def test_who_steps_aside_for_a_moment_is_remembered_and_the_next_is_metered_anew(gap_ms: int) -> None:
    metering = Metering()
    metering.observe(DARK, 0)
    changed = metering.observe(None, gap_ms)
    assert changed == (gap_ms > 5_000)
    assert metering.ev == (0.0 if gap_ms > 5_000 else 0.5)


def test_an_empty_room_asks_for_nothing() -> None:
    metering = Metering()
    assert not any(metering.observe(None, at) for at in range(0, 60_000, 1_000))
