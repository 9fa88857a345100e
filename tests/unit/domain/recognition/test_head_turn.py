"""The active challenge: met by the face that was recognised, turned to the side that was asked, in time."""

from dataclasses import replace

import pytest

from edge.domain.face import Box, Sight
from edge.domain.recognition.head_turn import EASIER, TURN_DEG, WITHIN_MS, Challenge, Progress, Side

BOX = Box(200, 100, 380, 320)
ASKED, ALIKE = 0.5, 0.45


def asked(side: Side = Side.LEFT, yaw: float = 4.0) -> Challenge:
    return Challenge(side, yaw, WITHIN_MS, BOX)


def seen(yaw: float | None, box: Box | None = BOX) -> Sight:
    return Sight(0, box, yaw=yaw)


@pytest.mark.parametrize(("side", "sign"), [(Side.LEFT, 1), (Side.RIGHT, -1)])
def test_a_turn_to_the_side_that_was_asked_meets_it(side: Side, sign: int) -> None:
    challenge = asked(side)
    assert challenge.observe(seen(4 + sign * (TURN_DEG - 1)), ALIKE, ASKED, 100) is Progress.GOING_ON
    assert challenge.observe(seen(4 - sign * 40), ALIKE, ASKED, 200) is Progress.GOING_ON, "the other side"
    assert challenge.observe(seen(4 + sign * TURN_DEG), ALIKE, ASKED, 300) is Progress.MET


@pytest.mark.parametrize("likeness", [None, ASKED - EASIER - 0.01, float("nan")])
def test_a_turned_face_that_is_not_theirs_does_not(likeness: float | None) -> None:
    assert asked().observe(seen(60), likeness, ASKED, 100) is Progress.GOING_ON


def test_time_a_gap_and_another_place_end_it() -> None:
    assert asked().observe(seen(60), ALIKE, ASKED, WITHIN_MS) is Progress.FAILED
    assert asked().observe(seen(None, None), None, ASKED, 100) is Progress.FAILED
    assert asked().observe(seen(60, Box(500, 100, 600, 220)), ALIKE, ASKED, 100) is Progress.FAILED


def test_a_head_that_moves_while_it_turns_is_followed() -> None:
    challenge = asked()
    for step in range(1, 12):
        moved = Box(BOX.x0 + 20 * step, BOX.y0, BOX.x1 + 20 * step, BOX.y1)
        assert challenge.observe(seen(4.0, moved), ALIKE, ASKED, 50 * step) is Progress.GOING_ON
    assert challenge.observe(replace(seen(30), box=challenge.box), ALIKE, ASKED, 900) is Progress.MET
