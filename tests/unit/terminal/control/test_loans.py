"""The actions' use of lights, reader and camera, turn by turn."""

import numpy as np
import pytest

from edge.domain.attendance.cues import CUES, CueName
from edge.domain.exposure import Light
from edge.domain.face import Box, Frame, Probe, Sight
from edge.domain.people.credentials import Read, Token
from edge.domain.recognition.head_turn import Side
from edge.domain.vocabulary import Button, RefusalReason
from edge.terminal.control.loans import (
    ANSWER_MS,
    CAMERA_TEST_MS,
    NO_FRAME_MS,
    CameraLoan,
    CardLoan,
    CueLoan,
    EnrolLoan,
    shown_ms,
)
from edge.terminal.runtime.lending import Loan

PIXELS = np.zeros((480, 640, 3), np.uint8)


def said(loan: Loan) -> list[dict]:
    found = []
    while not loan.told.empty():
        found.append(loan.told.get())
    return found


def frame(at_ms: int) -> Frame:
    return Frame(PIXELS, at_ms * 1_000_000)


def test_cues_are_shown_one_after_another_each_for_its_length() -> None:
    loan = CueLoan([CueName.IN, CueName.LOOKING])
    begun: dict[CueName, int] = {}
    now_ms = 0
    while not loan.over.is_set():
        loan.turn(None, lambda one: Sight(0), now_ms)
        begun.setdefault(loan.cue, now_ms)
        now_ms += 10
    assert [one["cue"] for one in said(loan)] == ["in", "looking"]
    assert begun[CueName.LOOKING] - begun[CueName.IN] == pytest.approx(shown_ms(CueName.IN), abs=10)
    assert loan.why is None


def test_every_cue_together_ends_before_the_loan_does() -> None:
    loan = CueLoan(list(CUES))
    assert sum(map(shown_ms, CUES)) < loan.longest_ms < 120_000


def test_the_next_card_is_taken_and_a_typed_number_is_not() -> None:
    loan = CardLoan()
    assert not loan.reads(Read(Token.NUMBER, "17"))
    assert not loan.over.is_set()
    assert loan.reads(Read(Token.BADGE, "0004711993"))
    assert (loan.text, loan.over.is_set()) == ("0004711993", True)
    loan.forget()
    assert loan.text is None


def test_the_camera_test_says_what_is_seen_and_about_nobody() -> None:
    loan, box = CameraLoan(), Box(0, 0, 100, 100)
    probe = Probe(np.eye(1, 4, dtype=np.float32)[0], "m", 0.9, 0.9)
    sights = [
        Sight(0),
        Sight(0, box, RefusalReason.DARK, None, Light(30.04, 0.0)),
        Sight(0, box, None, probe, Light(90.04, 0.0), 1.0),
    ]
    for n in range(CAMERA_TEST_MS // 100 + 1):
        loan.turn(frame(n * 100), lambda one, n=n: sights[n % 3], n * 100)
    assert loan.over.is_set()
    found = loan.found()
    assert (found["frames"], found["size"], found["looked_at_a_second"]) == (41, [640, 480], 10.0)
    assert (found["with_face"], found["good_for_enrolment"]) == (27, 13)
    assert found["last_reason"] in {None, "dark"}
    assert found["luminance_of_face"] in {30.0, 90.0}


def test_a_camera_test_without_frames_ends_and_says_so() -> None:
    loan = CameraLoan()
    loan.turn(None, lambda one: Sight(0), 0)
    loan.turn(None, lambda one: Sight(0), CAMERA_TEST_MS)
    assert loan.over.is_set()
    assert loan.found()["frames"] == 0


def test_an_enrolment_without_frames_is_over() -> None:
    loan = EnrolLoan(Side.LEFT, strobe=False)
    for now_ms in range(0, NO_FRAME_MS + 1, 100):
        loan.turn(None, lambda one: Sight(0), now_ms)
    assert loan.why == "camera"


ASKED = (CueName.EMPLOYER_AGREES, CueName.CONSENT)


def asking(**given: object) -> EnrolLoan:
    return EnrolLoan(Side.LEFT, strobe=False, questions=ASKED, **given)


def test_no_frame_is_looked_at_before_every_question_was_answered_with_yes() -> None:
    looked: list[int] = []
    agreed: list[bool] = []
    loan = asking(agreed=lambda: agreed.append(True))

    def look(one: Frame) -> Sight:
        looked.append(one.captured_ns)
        return Sight(one.captured_ns)

    for n, cue in enumerate(ASKED):
        loan.turn(frame(n), look, n)
        assert (loan.cue, looked, agreed) == (cue, [], [])
        loan.pressed(Button.IN)
    assert agreed == [True]
    loan.turn(frame(10), look, 10)
    assert len(looked) == 1
    assert loan.cue is CueName.ENROLLING
    assert [one["cue"] for one in said(loan)] == [*ASKED, CueName.ENROLLING]
    assert not loan.over.is_set()


@pytest.mark.parametrize("button", [Button.OUT, Button.BREAK])
@pytest.mark.parametrize("answered", [0, 1, 2])
def test_out_and_break_say_no_and_cancel_later(button: Button, answered: int) -> None:
    loan = asking()
    for _ in range(answered):
        loan.pressed(Button.IN)
    loan.pressed(button)
    assert loan.why == ("cancelled" if answered == 2 else "not-confirmed")


def test_in_means_nothing_where_nothing_is_asked() -> None:
    loan = EnrolLoan(Side.LEFT, strobe=False)
    loan.pressed(Button.IN)
    assert not loan.over.is_set()


def test_no_answer_is_no_agreement_and_each_question_has_its_own_time() -> None:
    loan = asking()
    loan.turn(None, lambda one: Sight(0), 0)
    loan.turn(None, lambda one: Sight(0), ANSWER_MS - 1)
    assert not loan.over.is_set()
    loan.pressed(Button.IN)
    loan.turn(None, lambda one: Sight(0), ANSWER_MS)
    loan.turn(None, lambda one: Sight(0), 2 * ANSWER_MS - 1)
    assert not loan.over.is_set()
    loan.turn(None, lambda one: Sight(0), 2 * ANSWER_MS)
    assert loan.why == "not-confirmed"


def test_each_advice_is_told_once_and_shown_by_its_cue() -> None:
    loan = EnrolLoan(Side.LEFT, strobe=False)
    dark = Sight(0, Box(0, 0, 99, 99), RefusalReason.DARK)
    for at_ms in range(0, 6_000, 67):
        sight = Sight(at_ms * 1_000_000, dark.box, dark.reason)
        loan.turn(frame(at_ms), lambda one, sight=sight: sight, at_ms)
    told = said(loan)
    assert [one["cue"] for one in told] == [CueName.ENROLLING, CueName.LIGHT]
    assert told[0]["text"] == "look into the camera"
    assert (told[1]["taken"], told[1]["wanted"]) == (0, 5)
    assert loan.cue is CueName.LIGHT
