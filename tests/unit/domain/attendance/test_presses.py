"""What the changes of buttons mean: bouncing, held, stuck and several at once; and the switch of the box."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from edge.domain.attendance.presses import (
    ALONE_MS,
    BOUNCE_MS,
    REST_MS,
    STUCK_MS,
    WAITS_MS,
    Press,
    Presses,
    SeveralPressed,
    WaitingPress,
)
from edge.domain.attendance.tamper import CLOSED_MS, TamperSwitch
from edge.domain.protocol.record_kinds import TamperState
from edge.domain.vocabulary import Button

HOUR_MS = 3_600_000
IN, OUT, BREAK = Button


def test_a_press_counts_once_it_was_alone_for_a_moment() -> None:
    presses = Presses()
    presses.changed(OUT, True, 1_000)
    assert presses.settling
    assert presses.due(1_000 + ALONE_MS - 1) == []
    assert presses.due(1_000 + ALONE_MS) == [Press(OUT, 1_000)]
    assert not presses.settling
    presses.changed(OUT, False, 1_300)
    assert presses.due(HOUR_MS) == []


def test_a_tap_that_is_shorter_than_the_moment_counts() -> None:
    presses = Presses()
    presses.changed(IN, True, 0)
    presses.changed(IN, False, 20)
    assert presses.due(ALONE_MS) == [Press(IN, 0)]


def test_a_button_that_bounces_was_pressed_once() -> None:
    presses = Presses()
    for bounce in range(20):
        presses.changed(IN, True, bounce * 10)
        presses.changed(IN, False, bounce * 10 + 5)
    presses.changed(IN, True, 200 + BOUNCE_MS - 6)
    assert presses.due(HOUR_MS) == [Press(IN, 0)]


def test_a_second_press_after_the_bouncing_counts() -> None:
    presses = Presses()
    for at_ms in (0, 500):
        presses.changed(IN, True, at_ms)
        presses.changed(IN, False, at_ms + 100)
    assert presses.due(HOUR_MS) == [Press(IN, 0), Press(IN, 500)]


def test_a_button_that_is_held_for_an_hour_was_pressed_once_and_is_stuck_until_it_rests() -> None:
    presses = Presses()
    presses.changed(OUT, True, 0)
    assert presses.due(ALONE_MS) == [Press(OUT, 0)]
    assert presses.stuck(STUCK_MS - 1) == ()
    for at_ms in range(STUCK_MS, HOUR_MS, 60_000):
        presses.changed(OUT, True, at_ms)
        assert presses.stuck(at_ms) == (OUT,)
        assert presses.due(at_ms) == []
    presses.changed(OUT, False, HOUR_MS)
    assert presses.stuck(HOUR_MS + REST_MS - 1) == (OUT,), "it may be a bad contact"
    assert presses.stuck(HOUR_MS + REST_MS) == ()
    presses.changed(OUT, True, HOUR_MS + REST_MS)
    assert presses.due(2 * HOUR_MS) == [Press(OUT, HOUR_MS + REST_MS)]


def test_a_contact_that_chatters_is_stuck_too() -> None:
    presses = Presses()
    told = []
    for at_ms in range(0, 10 * STUCK_MS, 400):
        presses.changed(BREAK, True, at_ms)
        presses.changed(BREAK, False, at_ms + 200)
        told += presses.due(at_ms)
    assert presses.stuck(10 * STUCK_MS - 300) == (BREAK,)
    assert all(one.at_ms < STUCK_MS for one in told)


def test_a_stuck_button_does_not_silence_the_others() -> None:
    presses = Presses()
    presses.changed(OUT, True, 0)
    presses.due(1_000)
    presses.changed(IN, True, STUCK_MS)
    assert presses.due(HOUR_MS) == [Press(IN, STUCK_MS)]


def test_a_button_that_is_down_when_the_buttons_are_opened_was_not_pressed() -> None:
    presses = Presses()
    presses.changed(OUT, True, 0, pressed=False)
    assert presses.due(HOUR_MS) == []
    assert presses.stuck(STUCK_MS) == (OUT,)
    presses.changed(IN, True, STUCK_MS)
    presses.changed(IN, False, STUCK_MS + 100)
    presses.changed(OUT, False, 2 * STUCK_MS)
    presses.changed(OUT, True, 3 * STUCK_MS)
    assert presses.due(HOUR_MS) == [Press(IN, STUCK_MS), Press(OUT, 3 * STUCK_MS)]


def test_of_two_buttons_at_once_neither_counts() -> None:
    presses = Presses()
    presses.changed(IN, True, 0)
    presses.changed(OUT, True, ALONE_MS - 1)
    assert presses.due(HOUR_MS) == [SeveralPressed(ALONE_MS - 1)]


def test_two_taps_that_do_not_overlap_are_at_once_within_the_moment_and_two_presses_after_it() -> None:
    for gap_ms, expected in (
        (ALONE_MS - 1, [SeveralPressed(ALONE_MS - 1)]),
        (ALONE_MS, [Press(IN, 0), Press(OUT, ALONE_MS)]),
    ):
        presses = Presses()
        presses.changed(IN, True, 0)
        presses.changed(IN, False, 30)
        presses.changed(OUT, True, gap_ms)
        assert presses.due(HOUR_MS) == expected


def test_a_button_that_is_pressed_while_another_is_held_does_not_count() -> None:
    presses = Presses()
    presses.changed(IN, True, 0)
    presses.changed(OUT, True, 5_000)
    presses.changed(BREAK, True, 5_010)
    assert presses.due(HOUR_MS) == [Press(IN, 0), SeveralPressed(5_000), SeveralPressed(5_010)]


@given(
    st.lists(st.tuples(st.sampled_from(Button), st.booleans(), st.integers(0, 2_000)), min_size=1, max_size=60).map(
        lambda steps: [
            (button, down, sum(gap for _, _, gap in steps[: n + 1])) for n, (button, down, _) in enumerate(steps)
        ]
    )
)
def test_whatever_happens_each_press_is_alone_and_told_once(steps: list[tuple[Button, bool, int]]) -> None:
    presses, told = Presses(), []
    for button, down, at_ms in steps:
        presses.changed(button, down, at_ms)
        told += presses.due(at_ms)
    told += presses.due(steps[-1][2] + HOUR_MS)
    found = [one for one in told if isinstance(one, Press)]
    assert [one.at_ms for one in told] == sorted(one.at_ms for one in told)
    assert len({(one.button, one.at_ms) for one in found}) == len(found)
    for earlier, later in itertools.pairwise(found):
        assert later.at_ms - earlier.at_ms >= (BOUNCE_MS if earlier.button is later.button else ALONE_MS)


def test_a_press_waits_for_eight_seconds_and_counts_once() -> None:
    waiting = WaitingPress()
    assert waiting.take(0) is None
    assert waiting.hold(Press(OUT, 1_000)) == 1_000 + WAITS_MS
    assert waiting.until(1_000 + WAITS_MS - 1) == (OUT, 1_000 + WAITS_MS)
    assert waiting.take(1_000 + WAITS_MS - 1) is OUT
    assert waiting.take(1_000 + WAITS_MS - 1) is None
    waiting.hold(Press(OUT, 1_000))
    assert waiting.take(1_000 + WAITS_MS) is None


def test_the_last_press_counts_and_a_question_lets_it_wait_longer() -> None:
    waiting = WaitingPress()
    waiting.hold(Press(OUT, 0))
    waiting.hold(Press(IN, 4_000))
    waiting.extend(30_000, 5_000)
    assert waiting.until(29_999) == (IN, 30_000)
    waiting.extend(60_000, 30_000)
    assert waiting.take(30_000) is None, "what is over is not brought back"
    waiting.hold(Press(IN, 31_000))
    waiting.cancel()
    assert waiting.take(31_000) is None


def test_an_opened_box_is_told_at_once_and_its_closing_once_it_lasts() -> None:
    switch = TamperSwitch()
    switch.changed(False, 0)
    assert switch.due(HOUR_MS) is None, "a box that was closed all the time is no news"
    switch.changed(True, HOUR_MS)
    assert switch.due(HOUR_MS) is TamperState.OPENED
    assert switch.due(HOUR_MS) is None
    switch.changed(False, HOUR_MS + 1_000)
    assert switch.due(HOUR_MS + CLOSED_MS) is None
    assert switch.told_open
    assert switch.due(HOUR_MS + 1_000 + CLOSED_MS) is TamperState.CLOSED
    assert not switch.told_open


def test_a_box_that_was_opened_for_a_moment_only_is_told() -> None:
    switch = TamperSwitch()
    switch.changed(True, 0)
    switch.changed(False, 1)
    assert switch.due(2) is TamperState.OPENED


def test_an_opening_that_was_told_by_an_earlier_run_is_closed_once_it_lasts() -> None:
    switch = TamperSwitch()
    switch.was_opened()
    assert switch.due(0) is None
    switch.changed(False, 1_000)
    assert switch.due(1_000 + CLOSED_MS - 1) is None
    assert switch.due(1_000 + CLOSED_MS) is TamperState.CLOSED
    assert switch.due(HOUR_MS) is None


def test_a_loose_switch_makes_two_records_a_minute_at_most() -> None:
    switch, told = TamperSwitch(), []
    for at_ms in range(0, HOUR_MS, 50):
        switch.changed(at_ms % 100 == 0, at_ms)
        told += [one for one in (switch.due(at_ms),) if one is not None]
    assert told == [TamperState.OPENED]


def test_of_a_button_that_is_hammered_the_first_press_counts_and_nothing_is_unsettled_for_long() -> None:
    presses, found, unsettled = Presses(), [], 0
    for at_ms in range(0, 10_000, 5):
        if at_ms % 130 == 0:
            presses.changed(OUT, True, at_ms)
        if at_ms % 130 == 20:
            presses.changed(OUT, False, at_ms)
        found += presses.due(at_ms)
        unsettled = unsettled + 5 if presses.settling else 0
        assert unsettled <= ALONE_MS + 5, "badges wait meanwhile"
    assert found[0] == Press(OUT, 0)
    assert len(found) > 10_000 // 260 - 2
