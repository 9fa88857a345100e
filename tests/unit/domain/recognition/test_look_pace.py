"""The pace of looks: at a usual pace every limit is as it was; on a slow machine it has room for its looks."""

import pytest

from edge.domain.attendance.states import DEADLINES_MS, State
from edge.domain.recognition import guided_enrolment, head_turn
from edge.domain.recognition.decision import DecisionPolicy
from edge.domain.recognition.look_pace import ENOUGH, KEPT, LONGEST_LOOK_MS, QUICK, TOO_SLOW_MS, LookPace
from edge.terminal.attendance import face_recognition

POLICY = DecisionPolicy()
LIMITS = {
    "span": (POLICY.span_ms, POLICY.frames + 1),
    "give-up": (POLICY.give_up_ms, POLICY.frames + 2),
    "head turn": (head_turn.WITHIN_MS, head_turn.WITHIN_LOOKS),
    "badge": (DEADLINES_MS[State.VERIFYING], face_recognition.BADGE_LOOKS),
    "enrolment, span": (guided_enrolment.SPAN_MS, guided_enrolment.SPAN_LOOKS),
    "enrolment, left": (guided_enrolment.LEFT_MS, guided_enrolment.LEFT_LOOKS),
    "enrolment, lifeless": (guided_enrolment.LIFELESS_MS, guided_enrolment.LIFELESS_LOOKS),
}


def pace_of(*looks: int) -> LookPace:
    pace = LookPace()
    for look_ms in looks:
        pace.took(look_ms)
    return pace


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("look_ms", [None, 0, 33, 100, 250, 499, 500])
def test_at_a_usual_pace_no_limit_changes(name: str, look_ms: int | None) -> None:
    pace = LookPace() if look_ms is None else pace_of(*[look_ms] * KEPT)
    limit_ms, looks = LIMITS[name]
    assert pace.within(limit_ms, looks) == limit_ms


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("look_ms", [600, 1_200, 2_000, 6_000, 3_600_000])
def test_on_a_slow_machine_the_looks_find_room_up_to_a_bound(name: str, look_ms: int) -> None:
    limit_ms, looks = LIMITS[name]
    found = pace_of(*[look_ms] * KEPT).within(limit_ms, looks)
    assert found >= looks * min(look_ms, LONGEST_LOOK_MS)
    assert found <= max(limit_ms, looks * LONGEST_LOOK_MS)


def test_the_agreeing_frames_fit_into_the_span_on_every_machine_that_is_waited_for() -> None:
    for look_ms in range(0, LONGEST_LOOK_MS + 1, 50):
        pace = pace_of(look_ms)
        assert pace.within(*LIMITS["span"]) >= (POLICY.frames - 1) * look_ms
        assert pace.within(*LIMITS["give-up"]) > pace.within(*LIMITS["span"])


def test_one_long_look_changes_nothing() -> None:
    assert pace_of(5_000).look_ms == 5_000
    assert pace_of(5_000, 80).look_ms == 80, "the first one after a start loads what was not in memory"
    assert pace_of(*[80] * 4, 60_000, *[80] * 4).look_ms == 80


def test_the_pace_follows_the_machine_within_five_looks() -> None:
    pace = pace_of(*[80] * KEPT)
    for number in range(1, 6):
        assert pace.look_ms == 80, number
        pace.took(1_500)
    assert pace.look_ms == 1_500
    for _ in range(5):
        pace.took(80)
    assert pace.look_ms == 80


def test_the_alarm_needs_several_looks_and_ends_lower_than_it_begins() -> None:
    pace = LookPace()
    for _ in range(ENOUGH - 1):
        pace.took(6_000)
        assert not pace.is_too_slow(3, before=False)
    pace.took(6_000)
    assert pace.is_too_slow(3, before=False)
    assert not pace_of(*[TOO_SLOW_MS // 3] * KEPT).is_too_slow(3, before=False)
    between = pace_of(*[round(TOO_SLOW_MS * (1 + QUICK) / 6)] * KEPT)
    assert between.is_too_slow(3, before=True)
    assert not between.is_too_slow(3, before=False)
    assert not pace_of(*[round(TOO_SLOW_MS * QUICK / 3)] * KEPT).is_too_slow(3, before=True)


def test_ten_frames_that_must_agree_are_slow_sooner() -> None:
    pace = pace_of(*[400] * KEPT)
    assert pace.is_too_slow(10, before=False)
    assert not pace.is_too_slow(3, before=False)
    assert pace.is_too_slow(3, before=False, longest_ms=300), "with a lamp that is out before the look ends"
    assert pace.within(POLICY.span_ms, 11) >= 9 * 400
