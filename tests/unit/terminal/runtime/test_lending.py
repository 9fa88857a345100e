"""The loan of camera, reader and lights to one action of the command line."""

import threading

import numpy as np
import pytest

from edge.domain.attendance.cues import CueName
from edge.domain.attendance.states import Event, Situation, State, step
from edge.domain.face import Box, Frame, Sight
from edge.domain.people.credentials import Read, Token
from edge.domain.vocabulary import Button
from edge.terminal.runtime.lending import AGAIN_MS, AWAY_MS, LINGER_MS, Lending, Loan, Opening

IDLE = Situation(State.IDLE, None)
FRAME = Frame(np.zeros((4, 4, 3), np.uint8), 0)
CARD = Read(Token.BADGE, "0004711993")


class Filming(Loan):
    films, lingers = True, True

    def __init__(self, longest_ms: int = 10_000) -> None:
        super().__init__(longest_ms)
        self.turns = 0

    def turn(self, frame, look, now_ms: int) -> None:
        self.turns += 1

    def reads(self, read: Read) -> bool:
        return True


class Broken(Loan):
    def turn(self, frame, look, now_ms: int) -> None:
        raise ValueError("broken")

    def reads(self, read: Read) -> bool:
        raise ValueError("broken")


def nobody(frame: Frame) -> Sight:
    return Sight(0)


def somebody(frame: Frame) -> Sight:
    return Sight(0, Box(0, 0, 1, 1))


def lend(loan: Loan, now_ms: int = 0) -> Lending:
    lending = Lending()
    offering = threading.Thread(target=lambda: lending.offer(loan, 60))
    offering.start()
    while not loan.taken.is_set():
        lending.turn(None, nobody, IDLE, now_ms)
    offering.join()
    return lending


def test_without_a_loan_nothing_happens() -> None:
    lending = Lending()
    assert lending.turn(FRAME, nobody, IDLE, 0) is None
    assert not lending.filming
    assert not lending.reads(CARD)


def test_a_loan_has_the_frames_and_the_cards_until_it_ends() -> None:
    loan = Filming()
    lending = lend(loan)
    assert lending.filming
    assert lending.reads(CARD)
    loan.end("cancelled")
    happening = lending.turn(FRAME, somebody, IDLE, 50)
    assert happening is not None
    assert happening.event is Event.RETURNED
    assert not lending.reads(CARD)
    assert loan.why == "cancelled"


def test_the_first_reason_counts() -> None:
    loan = Loan(10)
    loan.end("gone")
    loan.end("time")
    assert loan.why == "gone"


def test_a_loan_that_nobody_takes_is_over() -> None:
    lending, loan = Lending(), Loan(10)
    assert not lending.offer(loan, 0.01)
    lending.turn(FRAME, nobody, IDLE, 0)
    assert (loan.taken.is_set(), loan.why) == (False, "not-taken")


def test_only_one_loan_waits() -> None:
    lending = Lending()
    assert not lending.offer(Loan(10), 0.01)
    assert lending.lent
    assert not lending.offer(Loan(10), 0.01)


def test_a_loan_ends_by_its_time_although_nobody_ends_it() -> None:
    loan = Filming(1_000)
    lending = lend(loan)
    lending.turn(FRAME, somebody, IDLE, 999)
    assert not loan.over.is_set()
    lending.turn(FRAME, somebody, IDLE, 1_000)
    assert loan.why == "time"


def test_a_terminal_out_of_service_takes_everything_back() -> None:
    loan = Filming()
    lending = lend(loan)
    lending.turn(FRAME, somebody, Situation(State.OUT_OF_SERVICE, None), 10)
    assert loan.why == "out-of-service"


@pytest.mark.parametrize("act", ["turn", "reads"])
def test_an_error_in_an_action_ends_the_action_alone(act: str) -> None:
    loan = Broken(10_000)
    lending = Lending()
    lending._offered.put(loan)
    if act == "reads":
        lending._loan = loan
        assert not lending.reads(CARD)
    else:
        lending.turn(FRAME, nobody, IDLE, 0)
    assert loan.why == "failed"


def test_a_cue_is_asked_for_when_it_changes_and_again_before_the_state_ends() -> None:
    loan = Filming(60_000)
    lending = lend(loan)
    situation, asked = IDLE, []

    def turn(now_ms: int) -> None:
        nonlocal situation
        happening = lending.turn(FRAME, somebody, situation, now_ms)
        asked.append(happening and happening.shown)
        situation = situation if happening is None else step(situation, happening, now_ms)

    loan.cue = CueName.ENROLLING
    for now_ms in (10, 20, 30):
        turn(now_ms)
    loan.cue = CueName.TURN_LEFT
    for now_ms in (40, 50, 40 + AGAIN_MS):
        turn(now_ms)
    expected = [CueName.ENROLLING, None, None, CueName.TURN_LEFT, None, CueName.TURN_LEFT]
    assert asked == expected


def test_a_cue_that_had_to_wait_for_somebodys_answer_is_asked_for_until_it_is_shown() -> None:
    loan = Filming(60_000)
    lending = lend(loan)
    loan.cue = CueName.ENROLLING
    refused = Situation(State.REFUSED, 2_000)
    for now_ms in (10, 20, 30):
        happening = lending.turn(FRAME, somebody, refused, now_ms)
        assert happening is not None
        assert step(refused, happening, now_ms) is refused
    happening = lending.turn(FRAME, somebody, IDLE, 40)
    assert happening is not None
    assert happening.shown is CueName.ENROLLING


def test_whoever_was_enrolled_is_not_clocked_in_before_they_left() -> None:
    loan = Filming()
    lending = lend(loan)
    loan.end()
    lending.turn(FRAME, somebody, IDLE, 100)
    lending.turn(FRAME, somebody, IDLE, 5_000)
    assert lending.filming
    lending.turn(FRAME, nobody, IDLE, 5_000 + AWAY_MS - 1)
    assert lending.filming
    lending.turn(FRAME, nobody, IDLE, 5_000 + AWAY_MS)
    assert not lending.filming


def test_who_stays_is_clocked_in_after_a_while() -> None:
    loan = Filming()
    lending = lend(loan)
    loan.end()
    for now_ms in range(100, 100 + LINGER_MS, 500):
        lending.turn(FRAME, somebody, IDLE, now_ms)
        assert lending.filming
    lending.turn(FRAME, somebody, IDLE, 100 + LINGER_MS)
    assert not lending.filming


def test_messages_that_nobody_takes_are_bounded() -> None:
    loan = Loan(10)
    for number in range(1_000):
        loan.tell(number=number)
    assert loan.told.qsize() < 100


def test_a_cue_that_is_shown_while_the_enrolled_person_still_stands_there_lets_no_face_count() -> None:
    loan = Filming()
    lending = lend(loan)
    loan.end()
    lending.turn(FRAME, somebody, IDLE, 0)
    cue = Loan(1_000)
    lending._offered.put(cue)
    lending.turn(FRAME, somebody, IDLE, 100)
    assert (cue.taken.is_set(), lending.filming) == (True, True)
    cue.end()
    lending.turn(FRAME, somebody, IDLE, 200)
    assert lending.filming, "they have not left"
    lending.turn(FRAME, nobody, IDLE, 200 + AWAY_MS)
    assert not lending.filming


def test_one_opening_waits_at_a_time() -> None:
    lending, first, second = Lending(), Opening("a" * 26, None, 0), Opening("b" * 26, None, 0)
    assert lending.open(first)
    assert not lending.open(second)
    assert lending.opening() == first
    assert lending.opening() is None


def test_a_press_goes_to_the_loan_and_its_error_ends_the_loan_alone() -> None:
    pressed: list[Button] = []

    class Listening(Filming):
        def pressed(self, button: Button) -> None:
            pressed.append(button)
            if button is Button.BREAK:
                raise ValueError("broken")

    loan = Listening()
    lending = lend(loan)
    lending.pressed(Button.IN)
    lending.pressed(Button.BREAK)
    lending.pressed(Button.OUT)
    assert pressed == [Button.IN, Button.BREAK]
    assert loan.why == "failed"
    Lending().pressed(Button.IN)
