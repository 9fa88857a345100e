"""The terminal's table: what it promises over every state and event, not over a few examples."""

import itertools

import pytest

from edge.domain.attendance.cues import CUES, CueName, as_example
from edge.domain.attendance.states import DEADLINES_MS, TABLE, Event, Happening, Situation, State, begin, step, tick
from edge.domain.vocabulary import Direction, RefusalReason

EVERYTHING = list(itertools.product(State, Event))


@pytest.mark.parametrize(("state", "event"), EVERYTHING)
def test_no_event_in_any_state_crashes_and_every_busy_state_ends(state: State, event: Event) -> None:
    before = Situation(state, 5_000)
    after = step(before, Happening(event), 1_000)
    if after is not before:
        limit = DEADLINES_MS.get(after.state)
        assert after.deadline_ms == (None if limit is None else 1_000 + limit)
    assert after.cue in CUES


def test_accepted_is_entered_by_committed_alone() -> None:
    assert {event for (_, event), target in TABLE.items() if target is State.ACCEPTED} == {Event.COMMITTED}


def test_duplicate_is_entered_by_suppressed_alone() -> None:
    assert {event for (_, event), target in TABLE.items() if target is State.DUPLICATE} == {Event.SUPPRESSED}


def test_no_green_light_outside_accepted_and_duplicate() -> None:
    for state, reason in itertools.product(State, [None, *RefusalReason]):
        cue = CUES[Situation(state, None, None, reason).cue]
        if any(part.lights.green for part in cue.steps):
            assert state in {State.ACCEPTED, State.DUPLICATE}


@pytest.mark.parametrize("state", list(State))
def test_a_fault_ends_every_state_and_only_mending_ends_the_fault(state: State) -> None:
    broken = step(Situation(state, None), Happening(Event.FAULT), 0)
    assert broken.state is State.OUT_OF_SERVICE
    for event in set(Event) - {Event.MENDED, Event.FACES_LOST}:
        assert step(broken, Happening(event), 0) is broken
    # What is left of the faults is a lost camera, where badges are read: they are again.
    assert step(broken, Happening(Event.FACES_LOST), 0).state is State.BADGE_ONLY
    assert step(broken, Happening(Event.MENDED), 0).state is State.IDLE


@pytest.mark.parametrize("state", [state for state in State if state in DEADLINES_MS])
def test_every_busy_state_ends_by_itself(state: State) -> None:
    busy = Situation(state, 1_000)
    assert tick(busy, 999) is busy
    assert tick(busy, 1_000).state is not state


def test_without_faces_badges_are_answered_and_nothing_ends_it_but_a_mended_camera() -> None:
    lost = step(Situation(State.LOOKING, 9_000), Happening(Event.FACES_LOST), 0)
    assert (lost.state, lost.deadline_ms, lost.cue) == (State.BADGE_ONLY, None, CueName.BADGE_ONLY)
    answers = {Event.COMMITTED, Event.SUPPRESSED, Event.REFUSED, Event.NUMBER, Event.FAULT}
    answers |= {Event.PRESSED, Event.CHOOSE}
    lent = {Event.LEND}  # an action of the command line, for example to read a card
    assert {event for event in Event if step(lost, Happening(event), 0) is not lost} == {
        *answers,
        *lent,
        Event.MENDED,
    }
    assert step(lost, Happening(Event.MENDED), 0).state is State.IDLE


@pytest.mark.parametrize("state", [State.ACCEPTED, State.DUPLICATE, State.REFUSED, State.ASKING])
def test_a_lost_camera_takes_no_answer_from_under_somebodys_eyes(state: State) -> None:
    shown = Situation(state, 1_000)
    assert step(shown, Happening(Event.FACES_LOST), 0) is shown


def test_the_states_lead_from_power_on_to_green() -> None:
    situation = begin(0)
    assert situation.cue is CueName.STARTING
    for event, state in [
        (Event.READY, State.IDLE),
        (Event.FACE, State.LOOKING),
        (Event.COMMITTED, State.ACCEPTED),
    ]:
        situation = step(situation, Happening(event, Direction.OUT), 100)
        assert situation.state is state
    assert situation.cue is CueName.OUT
    assert tick(situation, 100 + DEADLINES_MS[State.ACCEPTED]).state is State.IDLE


def test_a_stranger_and_a_spoof_look_the_same_and_every_other_reason_has_advice() -> None:
    cues = {reason: Situation(State.REFUSED, None, None, reason).cue for reason in RefusalReason}
    assert cues[RefusalReason.NOT_RECOGNISED] is CueName.REFUSED
    assert CueName.REFUSED not in [
        cue for reason, cue in cues.items() if reason is not RefusalReason.NOT_RECOGNISED
    ]


def test_the_lights_of_one_do_not_hold_up_the_next() -> None:
    for state in (State.ACCEPTED, State.DUPLICATE, State.REFUSED):
        following = step(Situation(state, 900), Happening(Event.COMMITTED, Direction.IN), 500)
        assert (following.state, following.cue) == (State.ACCEPTED, CueName.IN)


def test_cues_are_told_apart_without_colour() -> None:
    """By rhythm of light, or by tones: two that end by themselves never share both."""
    heard = {}
    for cue in CUES.values():
        shape = tuple(
            (part.ms, part.lights.green or part.lights.amber or part.lights.red, part.lights.tone_hz)
            for part in cue.steps
        )
        assert shape not in heard, f"{cue.name} sounds and blinks as {heard.get(shape)}"
        heard[shape] = cue.name


def test_a_lent_terminal_shows_the_cue_that_is_asked_for_and_ends_by_itself() -> None:
    lent = step(Situation(State.IDLE, None), Happening(Event.LEND, shown=CueName.ENROLLING), 0)
    assert (lent.state, lent.cue) == (State.LENT, CueName.ENROLLING)
    again = step(lent, Happening(Event.LEND, shown=CueName.TURN_LEFT), 100)
    assert (again.cue, again.deadline_ms) == (CueName.TURN_LEFT, 100 + DEADLINES_MS[State.LENT])
    assert tick(again, again.deadline_ms or 0).state is State.IDLE
    assert step(again, Happening(Event.RETURNED), 200).state is State.IDLE


@pytest.mark.parametrize("event", [Event.COMMITTED, Event.SUPPRESSED, Event.NUMBER, Event.REFUSED])
def test_a_badge_is_answered_also_while_the_terminal_is_lent(event: Event) -> None:
    lent = step(Situation(State.IDLE, None), Happening(Event.LEND, shown=CueName.ENROLLING), 0)
    assert step(lent, Happening(event), 0).state not in {State.LENT, State.IDLE}


@pytest.mark.parametrize("state", sorted(set(State) - {State.IDLE, State.LOOKING, State.BADGE_ONLY, State.LENT}))
def test_no_answer_is_taken_from_under_somebodys_eyes_by_an_action(state: State) -> None:
    shown = Situation(state, 1_000)
    assert step(shown, Happening(Event.LEND, shown=CueName.IN), 0) is shown


def test_an_example_of_a_cue_never_looks_like_a_punch() -> None:
    for cue in CUES.values():
        shown = as_example(cue)
        assert not any(one.lights.green and not one.lights.amber for one in shown.steps)
        assert [one.ms for one in shown.steps] == [one.ms for one in cue.steps]
