"""Which way a punch goes."""

from dataclasses import replace

import pytest

from edge.domain.attendance.punch_direction import (
    DirectionPolicy,
    LastPunch,
    NewPunch,
    Repetition,
    Unpressed,
    age_s,
    direction_of,
    last_of,
)
from edge.domain.protocol.record import Record
from edge.domain.time.evidence import TimeEvidence
from edge.domain.vocabulary import Activity, Button, Direction, DirectionSource
from tests.support.corrections import IN_AT, LATER, OUT_AT, correction, punch

NOW = TimeEvidence("2026-11-24T08:00:00.000Z", 60, "Europe/Berlin", "boot-a", 10_000_000, True)
ID = f"hq/door-2/{'e' * 32}/8"
ALTERNATE = DirectionPolicy(None, window_s=60, shift_limit_s=16 * 3600)


def last(
    direction: Direction, seconds_ago: float, boot: str = "boot-a", utc: str = NOW.utc, synchronised: bool = True
) -> LastPunch:
    time = replace(NOW, boottime_ms=NOW.boottime_ms - int(seconds_ago * 1000), boot_id=boot, utc=utc)
    return LastPunch(direction, replace(time, synchronised=synchronised), 7)


def test_the_first_punch_is_in() -> None:
    assert direction_of(None, NOW, ALTERNATE) == NewPunch(Direction.IN, DirectionSource.ALTERNATED)


def test_directions_alternate() -> None:
    assert direction_of(last(Direction.IN, 61), NOW, ALTERNATE) == NewPunch(
        Direction.OUT, DirectionSource.ALTERNATED
    )
    assert direction_of(last(Direction.OUT, 61), NOW, ALTERNATE) == NewPunch(
        Direction.IN, DirectionSource.ALTERNATED
    )


def test_within_the_window_it_is_a_repetition_of_that_punch() -> None:
    expected = Repetition(Direction.IN, DirectionSource.ALTERNATED, 7)
    assert direction_of(last(Direction.IN, 0), NOW, ALTERNATE) == expected
    assert direction_of(last(Direction.IN, 59.9), NOW, ALTERNATE) == expected
    assert isinstance(direction_of(last(Direction.IN, 60), NOW, ALTERNATE), NewPunch)


def test_a_forgotten_out_is_not_invented_on_the_next_day_and_the_record_says_that_this_is_assumed() -> None:
    assert direction_of(last(Direction.IN, 16 * 3600), NOW, ALTERNATE) == NewPunch(
        Direction.IN, DirectionSource.ALTERNATED, assumed=True
    )


OUT_TO_BREAK = LastPunch(Direction.OUT, replace(NOW, boottime_ms=NOW.boottime_ms - 900_000), 8, ID, Activity.BREAK)
BACK_FROM_BREAK = replace(OUT_TO_BREAK, direction=Direction.IN)
CAME = replace(OUT_TO_BREAK, direction=Direction.IN, activity=None)
WENT = replace(OUT_TO_BREAK, activity=None)


@pytest.mark.parametrize(
    ("before", "pressed", "direction", "activity"),
    [
        (None, Button.IN, Direction.IN, None),
        (None, Button.OUT, Direction.OUT, None),
        (None, Button.BREAK, Direction.OUT, Activity.BREAK),
        (CAME, Button.IN, Direction.IN, None),
        (CAME, Button.OUT, Direction.OUT, None),
        (CAME, Button.BREAK, Direction.OUT, Activity.BREAK),
        (WENT, Button.IN, Direction.IN, None),
        (WENT, Button.OUT, Direction.OUT, None),
        (WENT, Button.BREAK, Direction.OUT, Activity.BREAK),
        (OUT_TO_BREAK, Button.IN, Direction.IN, Activity.BREAK),
        (OUT_TO_BREAK, Button.OUT, Direction.OUT, None),
        (OUT_TO_BREAK, Button.BREAK, Direction.IN, Activity.BREAK),
        (BACK_FROM_BREAK, Button.IN, Direction.IN, None),
        (BACK_FROM_BREAK, Button.OUT, Direction.OUT, None),
        (BACK_FROM_BREAK, Button.BREAK, Direction.OUT, Activity.BREAK),
    ],
)
@pytest.mark.parametrize(
    "policy", [ALTERNATE, replace(ALTERNATE, fixed=Direction.IN), replace(ALTERNATE, ask=True)]
)
def test_a_press_is_obeyed_whatever_came_before(
    before: LastPunch | None,
    pressed: Button,
    direction: Direction,
    activity: Activity | None,
    policy: DirectionPolicy,
) -> None:
    follows = None if before is None else ID
    expected = NewPunch(direction, DirectionSource.PRESSED, activity=activity, follows=follows)
    assert direction_of(before, NOW, policy, pressed) == expected


def test_without_a_press_the_way_back_from_a_break_ends_it() -> None:
    expected = NewPunch(Direction.IN, DirectionSource.ALTERNATED, activity=Activity.BREAK, follows=ID)
    assert direction_of(OUT_TO_BREAK, NOW, ALTERNATE) == expected


def test_a_break_that_lasted_longer_than_a_shift_is_not_ended_by_the_next_in() -> None:
    long_ago = replace(NOW, boottime_ms=NOW.boottime_ms - 16 * 3_600_000)
    found = direction_of(replace(OUT_TO_BREAK, made=long_ago), NOW, ALTERNATE)
    assert found == NewPunch(Direction.IN, DirectionSource.ALTERNATED, follows=ID)


@pytest.mark.parametrize(
    ("before", "same"),
    [(CAME, Button.IN), (WENT, Button.OUT), (OUT_TO_BREAK, Button.BREAK), (BACK_FROM_BREAK, Button.BREAK)],
)
def test_within_the_window_only_a_press_that_says_something_else_makes_a_punch(
    before: LastPunch, same: Button
) -> None:
    moments_ago = replace(before, made=replace(NOW, boottime_ms=NOW.boottime_ms - 5_000))
    repeated = direction_of(moments_ago, NOW, ALTERNATE, same)
    assert repeated == Repetition(before.direction, DirectionSource.PRESSED, 8, before.activity, ID)
    others = [one for one in Button if one is not same and (before, one) != (BACK_FROM_BREAK, Button.IN)]
    for other in others:
        assert isinstance(direction_of(moments_ago, NOW, ALTERNATE, other), NewPunch)


def test_where_nothing_may_be_guessed_a_punch_needs_a_press_and_a_repetition_none() -> None:
    policy = replace(ALTERNATE, ask=True)
    assert direction_of(CAME, NOW, policy) == Unpressed()
    assert direction_of(None, NOW, policy) == Unpressed()
    moments_ago = replace(CAME, made=replace(NOW, boottime_ms=NOW.boottime_ms - 5_000))
    assert isinstance(direction_of(moments_ago, NOW, policy), Repetition)


def test_a_one_way_door_records_its_way() -> None:
    policy = replace(ALTERNATE, fixed=Direction.OUT)
    assert direction_of(None, NOW, policy) == NewPunch(Direction.OUT, DirectionSource.CONFIGURED)
    assert direction_of(last(Direction.OUT, 3), NOW, policy) == Repetition(
        Direction.OUT, DirectionSource.CONFIGURED, 7
    )
    assert direction_of(last(Direction.IN, 3), NOW, policy) == NewPunch(Direction.OUT, DirectionSource.CONFIGURED)


def test_a_clock_set_during_a_boot_moves_nothing() -> None:
    before = last(Direction.IN, 30, utc="2031-01-01T00:00:00.000Z")
    assert age_s(before.made, NOW) == 30
    assert isinstance(direction_of(before, NOW, ALTERNATE), Repetition)


def test_across_a_reboot_with_the_clock_set_back_nothing_is_lost() -> None:
    """Unknown age: recorded as a new punch, never swallowed as a repetition."""
    before = last(Direction.IN, 30, boot="boot-b", utc="2026-11-24T09:00:00.000Z")
    assert age_s(before.made, NOW) is None
    assert isinstance(direction_of(before, NOW, ALTERNATE), NewPunch)


def test_across_a_reboot_utc_counts() -> None:
    before = last(Direction.IN, 0, boot="boot-b", utc="2026-11-24T07:59:30.000Z")
    assert isinstance(direction_of(before, NOW, ALTERNATE), Repetition)


@pytest.mark.parametrize(
    ("then", "vouched", "now_vouched", "direction"),
    [
        ("2026-11-24T09:00:00.000Z", True, True, Direction.OUT),  # the clock ran back
        ("1970-01-01T00:02:00.000Z", False, True, Direction.OUT),  # it stood in 1970 then
        ("2027-10-24T08:00:00.000Z", True, True, Direction.OUT),  # or eleven months ahead
        ("2026-11-24T00:00:00.000Z", True, False, Direction.OUT),  # eight hours, by a clock that may be right
        ("2026-11-23T08:00:00.000Z", True, False, Direction.IN),  # a day: forgotten, if it is right
        ("2026-11-23T08:00:00.000Z", False, True, Direction.IN),
        ("2026-09-24T08:00:00.000Z", False, True, Direction.OUT),  # two months: it is not right
    ],
)
def test_over_a_reboot_without_a_clock_that_is_vouched_for_the_direction_is_assumed(
    then: str, vouched: bool, now_vouched: bool, direction: Direction
) -> None:
    now = replace(NOW, synchronised=now_vouched)
    found = direction_of(last(Direction.IN, 0, "boot-b", then, vouched), now, ALTERNATE)
    assert found == NewPunch(direction, DirectionSource.ALTERNATED, assumed=True)
    after_out = direction_of(last(Direction.OUT, 0, "boot-b", then, vouched), now, ALTERNATE)
    assert after_out == NewPunch(Direction.IN, DirectionSource.ALTERNATED), (
        "after an OUT no age makes another of it"
    )
    fixed = replace(ALTERNATE, fixed=Direction.OUT)
    assert direction_of(last(Direction.IN, 0, "boot-b", then, vouched), now, fixed) == NewPunch(
        Direction.OUT, DirectionSource.CONFIGURED
    )


def found(*records: Record) -> tuple:
    last = last_of(records)
    return (None,) if last is None else (last.direction, last.seq)


def test_the_last_punch_is_what_corrections_made_of_it() -> None:
    came, went = punch(1), punch(2, OUT_AT, "out")
    assert found() == (None,)
    assert found(came, went) == (Direction.OUT, 2)
    assert found(came, went, correction(3, "voided", went)) == (Direction.IN, 1)
    assert found(came, correction(2, "voided", came)) == (None,)
    assert found(came, went, correction(3, "amended", went, direction="in")) == (Direction.IN, 2)
    added = correction(2, "added", direction="out", at=OUT_AT)
    assert found(came, added) == (Direction.OUT, None)
    assert found(came, added, correction(3, "voided", added)) == (Direction.IN, 1)
    assert found(came, added, punch(3, LATER)) == (Direction.IN, 3)
    assert found(correction(2, "added", direction="in", at=OUT_AT), went) == (Direction.OUT, 2)
    moved = correction(3, "amended", went, at=IN_AT[:11] + "07:00:00.000Z")
    assert found(came, went, moved) == (Direction.IN, 1), "it was moved before the IN"


def test_a_punch_that_was_made_after_a_correction_is_later_whatever_its_clock_says() -> None:
    added = correction(2, "added", direction="out", at=OUT_AT)
    assert found(punch(1), added, punch(3, "1970-01-01T00:02:00.000Z")) == (Direction.IN, 3)


def test_an_out_that_people_agreed_on_is_answered_by_in_and_an_in_by_out() -> None:
    def after(direction: Direction, hours_ago: float, synchronised: bool = True) -> NewPunch | Repetition:
        at = f"2026-11-24T{8 - hours_ago:02.0f}:00:00.000Z"
        return direction_of(LastPunch(direction, at, None), replace(NOW, synchronised=synchronised), ALTERNATE)

    assert after(Direction.OUT, 1) == NewPunch(Direction.IN, DirectionSource.ALTERNATED)
    assert after(Direction.IN, 8) == NewPunch(Direction.OUT, DirectionSource.ALTERNATED)
    assert after(Direction.IN, 0) == NewPunch(Direction.OUT, DirectionSource.ALTERNATED), "nothing is swallowed"
    assert after(Direction.IN, 8, synchronised=False).assumed
