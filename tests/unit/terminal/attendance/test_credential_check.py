"""What becomes of a badge, a staff number and a PIN; time is the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.domain.attendance.guessing import WINDOW_MS
from edge.domain.people.credentials import (
    FIRST_PAUSE_MS,
    FREE_FAILURES,
    FREE_UNKNOWN,
    HELD_MS,
    SLOW_MS,
    Read,
    Token,
)
from edge.domain.vocabulary import Method
from edge.people.credentials import CredentialStore
from edge.people.people_store import People
from edge.people.person import new_person_id
from edge.terminal.attendance.credential_check import (
    CredentialCheck,
    CredentialMatched,
    FaceRequired,
    PinRequired,
    Rejected,
    Repeated,
)
from edge.terminal.runtime.alarms import Alarm

PIN, WRONG = "271828", "314159"


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    with People(tmp_path / "people.db", bytes(32)) as opened:
        yield opened


@pytest.fixture
def ann(people: People) -> str:
    person = new_person_id()
    people.add(person, "Ann")
    people.credentials.give(person, Token.BADGE, "4711")
    people.credentials.give(person, Token.NUMBER, "77001")
    people.credentials.set_pin(person, PIN)
    return person


def badge(text: str) -> Read:
    return Read(Token.BADGE, text)


def keys(text: str) -> Read:
    return Read(Token.NUMBER, text)


def test_a_badge_is_somebody_and_another_is_nobody(people: People, ann: str) -> None:
    check = CredentialCheck(people.credentials, lambda person: False)
    assert check.answer(badge("4711"), 0) == CredentialMatched(ann, Method.BADGE)
    assert isinstance(check.answer(badge("4712"), 0), Rejected)
    assert isinstance(check.answer(badge("77001"), 0), Rejected), "a staff number on a card opens nothing"


def test_a_badge_that_wants_a_face_says_whose(people: People, ann: str) -> None:
    assert CredentialCheck(people.credentials, lambda person: person == ann).answer(
        badge("4711"), 0
    ) == FaceRequired(ann)


def test_a_staff_number_and_its_pin(people: People, ann: str) -> None:
    check = CredentialCheck(people.credentials, lambda person: False)
    assert isinstance(check.answer(keys("77001"), 0), PinRequired)
    assert check.answer(keys(PIN), 5_000) == CredentialMatched(ann, Method.PIN)
    assert isinstance(check.answer(keys(PIN), 6_000), PinRequired), "a PIN alone is taken for a number"


def test_a_number_that_is_nobodys_is_asked_for_a_pin_too(people: People, ann: str) -> None:
    check = CredentialCheck(people.credentials, lambda person: False)
    assert isinstance(check.answer(keys("99999"), 0), PinRequired)
    assert isinstance(check.answer(keys(PIN), 1), Rejected)


def test_a_pin_that_comes_too_late_is_a_number(people: People, ann: str) -> None:
    check = CredentialCheck(people.credentials, lambda person: False)
    check.answer(keys("77001"), 0)
    assert isinstance(check.answer(keys(PIN), 15_000), PinRequired)


def test_a_badge_in_between_ends_the_question(people: People, ann: str) -> None:
    check = CredentialCheck(people.credentials, lambda person: False)
    check.answer(keys("77001"), 0)
    assert isinstance(check.answer(badge("1"), 1), Rejected)
    assert isinstance(check.answer(keys(PIN), 2), PinRequired)


def guess(check: CredentialCheck, pin: str, now_ms: int) -> object:
    check.answer(keys("77001"), now_ms)
    return check.answer(keys(pin), now_ms)


def test_after_five_wrong_pins_even_the_right_one_waits(people: People, ann: str) -> None:
    check = CredentialCheck(people.credentials, lambda person: False)
    assert all(isinstance(guess(check, WRONG, 0), Rejected) for _ in range(FREE_FAILURES))
    assert isinstance(guess(check, PIN, 29_999), Rejected)
    assert guess(check, PIN, 30_000) == CredentialMatched(ann, Method.PIN)
    assert people.credentials.failures(ann) == 0


def test_a_restart_does_not_end_the_pause(people: People, ann: str) -> None:
    check = CredentialCheck(people.credentials, lambda person: False)
    for _ in range(FREE_FAILURES):
        guess(check, WRONG, 0)
    again = CredentialCheck(people.credentials, lambda person: False)
    assert isinstance(guess(again, PIN, 0), Rejected)
    assert guess(again, PIN, 30_000) == CredentialMatched(ann, Method.PIN)


def test_a_sixth_wrong_pin_waits_twice_as_long(people: People, ann: str) -> None:
    check = CredentialCheck(people.credentials, lambda person: False)
    for _ in range(FREE_FAILURES):
        guess(check, WRONG, 0)
    guess(check, WRONG, 30_000)
    assert isinstance(guess(check, PIN, 89_999), Rejected), "a try all the same: the keypad pauses for it"
    assert guess(check, PIN, 119_999) == CredentialMatched(ann, Method.PIN)


def colleagues(people: People, count: int) -> list[str]:
    numbers = []
    for number in range(count):
        person = new_person_id()
        people.add(person, f"Colleague {number}")
        people.credentials.give(person, Token.NUMBER, f"88{number:03d}")
        people.credentials.set_pin(person, "161803")
        numbers.append(f"88{number:03d}")
    return numbers


def test_ones_own_pin_does_not_wash_off_what_was_tried_at_others(people: People, ann: str) -> None:
    """Four tries at each colleague and one's own PIN in between paused nothing: 112 in ten minutes."""
    check, now, looked_at = CredentialCheck(people.credentials, lambda person: False), 0, 0
    for number in colleagues(people, 10):
        for _ in range(4):
            now += 4_000
            if isinstance(check.answer(keys(number), now), PinRequired):
                check.answer(keys(WRONG), now + 1_000)
                looked_at += 1
        now += 4_000
        guess(check, PIN, now)
    assert looked_at <= FREE_FAILURES + now // FIRST_PAUSE_MS
    assert check.alarms == (Alarm.PINS_FAILING,)


def test_who_mistypes_and_then_proves_it_leaves_nothing_behind(people: People, ann: str) -> None:
    check, now = CredentialCheck(people.credentials, lambda person: False), 0
    for _ in range(20):
        for pin in [WRONG] * 4 + [PIN]:
            now += 5_000
            answer = guess(check, pin, now)
        assert answer == CredentialMatched(ann, Method.PIN)


class Counting(CredentialStore):
    """Counts how often a PIN was worked on."""

    worked = 0

    def proves(self, person: str | None, pin: str) -> bool:
        self.worked += 1
        return super().proves(person, pin)


def test_a_paused_persons_number_is_worked_on_like_nobodys(people: People, ann: str) -> None:
    """Answered in no time, it told who is somebody."""
    people.credentials.__class__ = Counting
    assert isinstance(people.credentials, Counting)
    check = CredentialCheck(people.credentials, lambda person: False)
    for turn in range(FREE_FAILURES + 1):
        guess(check, WRONG, turn * FIRST_PAUSE_MS)
    before = people.credentials.worked
    assert isinstance(guess(check, PIN, (FREE_FAILURES + 1) * FIRST_PAUSE_MS), Rejected)
    assert people.credentials.worked == before + 1


def test_unknown_badges_one_after_another_are_answered_slowly_and_are_an_alarm(
    people: People, ann: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Of 500 consecutive numbers the right one was let in after 54 s, and no line said anything."""
    check, now = CredentialCheck(people.credentials, lambda person: False), 0
    known = Counted(people.credentials)
    check._credentials = known  # type: ignore[assignment]
    for text in range(5000, 5400):
        now += 100
        assert isinstance(check.answer(badge(str(text)), now), Rejected)
    assert known.asked <= FREE_UNKNOWN + now // SLOW_MS + 1
    assert check.alarms == (Alarm.BADGES_UNKNOWN,)
    assert caplog.text.count(Alarm.BADGES_UNKNOWN) == 1
    assert "5001" not in caplog.text
    assert check.answer(badge("4711"), now + SLOW_MS) == CredentialMatched(ann, Method.BADGE), (
        "who has a badge is let in"
    )
    check.keep_up(now + SLOW_MS + WINDOW_MS)
    assert check.alarms == ()
    assert check.answer(badge("4711"), now + 2 * WINDOW_MS) == CredentialMatched(ann, Method.BADGE)


class Counted:
    """Means whose look-ups are counted."""

    def __init__(self, means: CredentialStore) -> None:
        self._credentials, self.asked = means, 0

    def whose(self, kind: Token, text: str) -> str | None:
        self.asked += 1
        return self._credentials.whose(kind, text)


def test_the_same_unknown_card_again_and_again_is_one(people: People, ann: str) -> None:
    check = CredentialCheck(people.credentials, lambda person: False)
    for turn in range(50):
        assert isinstance(check.answer(badge("9999"), turn * 4_000), Rejected)
    assert check.alarms == ()


def test_a_badge_that_is_held_to_the_reader_is_read_once(people: People, ann: str) -> None:
    check = CredentialCheck(people.credentials, lambda person: False)
    assert check.answer(badge("4711"), 0) == CredentialMatched(ann, Method.BADGE)
    assert all(isinstance(check.answer(badge("4711"), now), Repeated) for now in range(100, 30_000, 2_900))
    assert isinstance(check.answer(badge("4712"), 30_000), Rejected)
    assert check.answer(badge("4711"), 30_100) == CredentialMatched(ann, Method.BADGE), (
        "another card came in between"
    )
    assert check.answer(badge("4711"), 30_100 + HELD_MS) == CredentialMatched(ann, Method.BADGE)


def test_numbers_that_are_nobodys_pause_the_keypad_and_not_the_badge(people: People, ann: str) -> None:
    check = CredentialCheck(people.credentials, lambda person: False)
    for _ in range(FREE_FAILURES):
        check.answer(keys("99999"), 0)
        check.answer(keys(WRONG), 0)
    assert isinstance(check.answer(keys("77001"), 29_999), Rejected)
    assert check.answer(badge("4711"), 29_999) == CredentialMatched(ann, Method.BADGE)
    assert isinstance(check.answer(keys("77001"), 30_000), PinRequired)
