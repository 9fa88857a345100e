"""What becomes of a badge, a staff number and a PIN; time is the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.domain.badge import FREE_FAILURES, Read, Token
from edge.domain.types import Method
from edge.roster.people import People
from edge.roster.person import new_person_id
from edge.terminal.desk import Desk, Known, Unknown, WantsFace, WantsPin

PIN, WRONG = "271828", "314159"


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    with People(tmp_path / "people.db", bytes(32)) as opened:
        yield opened


@pytest.fixture
def ann(people: People) -> str:
    person = new_person_id()
    people.add(person, "Ann")
    people.means.give(person, Token.BADGE, "4711")
    people.means.give(person, Token.NUMBER, "77001")
    people.means.set_pin(person, PIN)
    return person


def badge(text: str) -> Read:
    return Read(Token.BADGE, text)


def keys(text: str) -> Read:
    return Read(Token.NUMBER, text)


def test_a_badge_is_somebody_and_another_is_nobody(people: People, ann: str) -> None:
    desk = Desk(people.means, lambda person: False)
    assert desk.answer(badge("4711"), 0) == Known(ann, Method.BADGE)
    assert isinstance(desk.answer(badge("4712"), 0), Unknown)
    assert isinstance(desk.answer(badge("77001"), 0), Unknown), "a staff number on a card opens nothing"


def test_a_badge_that_wants_a_face_says_whose(people: People, ann: str) -> None:
    assert Desk(people.means, lambda person: person == ann).answer(badge("4711"), 0) == WantsFace(ann)


def test_a_staff_number_and_its_pin(people: People, ann: str) -> None:
    desk = Desk(people.means, lambda person: False)
    assert isinstance(desk.answer(keys("77001"), 0), WantsPin)
    assert desk.answer(keys(PIN), 5_000) == Known(ann, Method.PIN)
    assert isinstance(desk.answer(keys(PIN), 6_000), WantsPin), "a PIN alone is taken for a number"


def test_a_number_that_is_nobodys_is_asked_for_a_pin_too(people: People, ann: str) -> None:
    desk = Desk(people.means, lambda person: False)
    assert isinstance(desk.answer(keys("99999"), 0), WantsPin)
    assert isinstance(desk.answer(keys(PIN), 1), Unknown)


def test_a_pin_that_comes_too_late_is_a_number(people: People, ann: str) -> None:
    desk = Desk(people.means, lambda person: False)
    desk.answer(keys("77001"), 0)
    assert isinstance(desk.answer(keys(PIN), 15_000), WantsPin)


def test_a_badge_in_between_ends_the_question(people: People, ann: str) -> None:
    desk = Desk(people.means, lambda person: False)
    desk.answer(keys("77001"), 0)
    assert isinstance(desk.answer(badge("1"), 1), Unknown)
    assert isinstance(desk.answer(keys(PIN), 2), WantsPin)


def guess(desk: Desk, pin: str, now_ms: int) -> object:
    desk.answer(keys("77001"), now_ms)
    return desk.answer(keys(pin), now_ms)


def test_after_five_wrong_pins_even_the_right_one_waits(people: People, ann: str) -> None:
    desk = Desk(people.means, lambda person: False)
    assert all(isinstance(guess(desk, WRONG, 0), Unknown) for _ in range(FREE_FAILURES))
    assert isinstance(guess(desk, PIN, 29_999), Unknown)
    assert guess(desk, PIN, 30_000) == Known(ann, Method.PIN)
    assert people.means.failures(ann) == 0


def test_a_restart_does_not_end_the_pause(people: People, ann: str) -> None:
    desk = Desk(people.means, lambda person: False)
    for _ in range(FREE_FAILURES):
        guess(desk, WRONG, 0)
    again = Desk(people.means, lambda person: False)
    assert isinstance(guess(again, PIN, 0), Unknown)
    assert guess(again, PIN, 30_000) == Known(ann, Method.PIN)


def test_a_sixth_wrong_pin_waits_twice_as_long(people: People, ann: str) -> None:
    desk = Desk(people.means, lambda person: False)
    for _ in range(FREE_FAILURES):
        guess(desk, WRONG, 0)
    guess(desk, WRONG, 30_000)
    assert isinstance(guess(desk, PIN, 89_999), Unknown)
    assert guess(desk, PIN, 90_000) == Known(ann, Method.PIN)


def test_numbers_that_are_nobodys_pause_the_keypad_and_not_the_badge(people: People, ann: str) -> None:
    desk = Desk(people.means, lambda person: False)
    for _ in range(FREE_FAILURES):
        desk.answer(keys("99999"), 0)
        desk.answer(keys(WRONG), 0)
    assert isinstance(desk.answer(keys("77001"), 29_999), Unknown)
    assert desk.answer(badge("4711"), 29_999) == Known(ann, Method.BADGE)
    assert isinstance(desk.answer(keys("77001"), 30_000), WantsPin)
