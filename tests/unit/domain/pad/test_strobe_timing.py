"""Which frames are lit, which dark, which neither."""

import pytest

from edge.domain.pad.strobe_timing import EVERY_MS, LONGEST_MS, SLOWEST_FPS, Switch, lit

FRAME = 66
ON, OFF = Switch(True, 1_000, 1_002), Switch(False, 1_300, 1_301)


@pytest.mark.parametrize(
    ("captured", "expected"),
    [
        (900, False),
        (933, False),
        (934, None),
        (1_000, None),
        (1_067, None),
        (1_068, True),
        (1_233, True),
        (1_234, None),
        (1_300, None),
        (1_366, None),
        (1_367, False),
        (9_999, False),
    ],
)
def test_only_a_frame_far_from_every_switch_is_sure(captured: int, expected: bool | None) -> None:
    assert lit([ON, OFF], captured, FRAME) is expected


def test_a_frame_without_a_switch_of_the_lamp_is_dark() -> None:
    assert lit([], 5, FRAME) is False


def test_what_is_being_switched_is_mixed_until_it_is_done() -> None:
    assert lit([Switch(True, 1_000)], 1_500, FRAME) is None
    assert lit([Switch(True, 1_000)], 900, FRAME) is False


def test_a_shutter_that_flickers_within_one_frame_is_mixed() -> None:
    assert lit([ON, Switch(False, 1_010, 1_011)], 1_040, FRAME) is None


def test_of_forgotten_switches_the_state_is_known() -> None:
    assert lit([OFF], 1_100, FRAME) is True


@pytest.mark.parametrize("fps", [SLOWEST_FPS, 15, 60])
def test_a_flash_is_long_enough_for_one_sure_frame(fps: int) -> None:
    frame = 1e9 / fps
    switches = [Switch(True, 0, 2_000_000), Switch(False, LONGEST_MS * 1_000_000, LONGEST_MS * 1_000_000 + 2)]
    for phase in range(10):
        instants = [round((phase / 10 + n) * frame) for n in range(40)]
        assert any(lit(switches, at, round(frame)) for at in instants)


def test_the_lamp_is_dark_most_of_the_time() -> None:
    assert LONGEST_MS <= 0.4 * EVERY_MS
