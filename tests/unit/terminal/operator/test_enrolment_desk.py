"""The opening of an enrolment at the reader: 0, a badge, a PIN, and for a supervisor another badge."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from edge.domain.people.credentials import HELD_MS, Read, Token
from edge.people.people_store import People
from edge.people.person import new_person_id
from edge.terminal.operator.enrolment_desk import BEGINS, PERSON_MS, STEP_MS, TAKEN_MS, EnrolmentDesk, Step
from edge.terminal.runtime.lending import Opening
from tests.support.people import CONSENT, POLICY

PIN = "271828"


class Ticketed:
    """Stands for the tickets: these people have one."""

    def __init__(self) -> None:
        self.people: set[str] = set()

    def of(self, person: str, people: People) -> object | None:
        return person if person in self.people else None

    def any(self, people: People) -> bool:
        return bool(self.people)


@dataclass
class Bench:
    people: People
    tickets: Ticketed = field(default_factory=Ticketed)
    opened: list[Opening] = field(default_factory=list)
    takes: bool = True
    possible: bool = True
    now_ms: int = 1_000

    def __post_init__(self) -> None:
        self.desk = EnrolmentDesk(self.people, self.tickets, self._proves, self._opens)
        self.boss, self.new, self.other = (self._add(badge) for badge in ("9001", "9002", "9003"))
        self.people.credentials.set_pin(self.boss, PIN)
        self.people.credentials.set_supervisor(self.boss, "4711")
        rows = np.eye(3, 8, dtype=np.float32)
        self.people.enrol(self.other, "Olga", CONSENT, POLICY, rows, "m")

    def _add(self, badge: str) -> str:
        person = new_person_id()
        self.people.add(person, "Somebody")
        self.people.credentials.give(person, Token.BADGE, badge)
        return person

    def _proves(self, person: str, pin: str, now_ms: int) -> bool:
        return self.people.credentials.proves(person, pin)

    def _opens(self, opening: Opening) -> bool:
        self.opened.append(opening)
        return self.takes

    def types(self, text: str) -> Step | None:
        return self.desk.answer(Read(Token.NUMBER, text), self.now_ms, possible=self.possible)

    def shows(self, badge: str) -> Step | None:
        return self.desk.answer(Read(Token.BADGE, badge), self.now_ms, possible=self.possible)

    def passes(self, ms: int) -> None:
        self.now_ms += ms


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with People(tmp_path / "people.db", bytes(32)) as people:
        yield Bench(people)


def test_a_supervisor_opens_an_enrolment_for_the_next_badge_without_a_face(bench: Bench) -> None:
    assert bench.types(BEGINS) is Step.BADGE
    assert bench.shows("9001") is Step.PIN
    assert not bench.desk.is_trusted(bench.now_ms)
    assert bench.types(PIN) is Step.PERSON
    assert bench.desk.is_trusted(bench.now_ms)
    bench.passes(100)
    assert bench.shows("9002") is Step.OPENED
    assert bench.opened == [Opening(bench.new, bench.boss, bench.now_ms)]
    bench.passes(TAKEN_MS)
    assert bench.desk.waits_for(bench.now_ms) is None


def test_without_the_zero_every_badge_is_a_punch(bench: Bench) -> None:
    assert (bench.shows("9001"), bench.types(PIN), bench.shows("9002")) == (None, None, None)


def test_who_clocks_in_meanwhile_does_and_the_opening_goes_on(bench: Bench) -> None:
    bench.types(BEGINS)
    assert bench.shows("9002") is None, "a person without a ticket, who is no supervisor"
    assert bench.shows("1234") is None, "nobody's"
    assert bench.shows("9001") is Step.PIN
    assert bench.shows("9003") is None, "while the PIN is waited for"
    assert bench.types(PIN) is Step.PERSON
    assert bench.shows("9003") is None, "somebody with a face"
    bench.passes(HELD_MS)
    assert bench.shows("9001") is None, "the supervisor's own badge is a punch again"
    assert bench.shows("9002") is Step.OPENED


def test_a_badge_that_is_held_to_the_reader_is_read_once(bench: Bench) -> None:
    bench.types(BEGINS)
    bench.shows("9001")
    for _ in range(4):
        bench.passes(HELD_MS - 1)
        assert bench.shows("9001") is Step.AGAIN


def test_a_wrong_pin_ends_it(bench: Bench) -> None:
    bench.types(BEGINS)
    bench.shows("9001")
    assert bench.types("000001") is Step.WRONG
    assert bench.shows("9002") is None
    assert bench.types(PIN) is None
    assert bench.people.credentials.failures(bench.boss) == 1


def test_a_typed_badge_opens_nothing(bench: Bench) -> None:
    bench.types(BEGINS)
    assert bench.types("9001") is None


@pytest.mark.parametrize(("reads", "ms"), [(0, STEP_MS), (1, STEP_MS), (2, PERSON_MS)])
def test_each_step_has_its_time(bench: Bench, reads: int, ms: int) -> None:
    bench.types(BEGINS)
    for act in [lambda: bench.shows("9001"), lambda: bench.types(PIN)][:reads]:
        act()
    bench.passes(ms)
    assert bench.desk.waits_for(bench.now_ms) is None
    assert not bench.desk.is_trusted(bench.now_ms)
    assert (bench.shows("9002"), bench.types(PIN)) == (None, None)


def test_somebody_with_a_ticket_opens_their_own_by_badge_and_pin(bench: Bench) -> None:
    bench.people.credentials.set_supervisor(bench.boss, None)
    assert bench.types(BEGINS) is None, "nobody here could open one"
    bench.people.credentials.set_pin(bench.new, PIN)
    bench.tickets.people.add(bench.new)
    assert bench.types(BEGINS) is Step.BADGE
    assert bench.shows("9002") is Step.PIN
    assert bench.types(PIN) is Step.OPENED
    assert bench.opened == [Opening(bench.new, None, bench.now_ms)]


def test_a_badge_without_a_pin_is_no_proof(bench: Bench) -> None:
    bench.tickets.people.add(bench.new)
    bench.types(BEGINS)
    assert bench.shows("9002") is Step.PIN
    assert bench.types(PIN) is Step.WRONG
    assert bench.opened == []


def test_what_cannot_be_taken_is_refused(bench: Bench) -> None:
    bench.takes = False
    bench.types(BEGINS)
    bench.shows("9001")
    bench.types(PIN)
    assert bench.shows("9002") is Step.WRONG
    assert not bench.desk.is_trusted(bench.now_ms)


@pytest.mark.parametrize("reads", range(4))
def test_while_nobody_can_be_enrolled_what_belongs_to_a_step_is_refused_and_the_opening_is_over(
    bench: Bench, reads: int
) -> None:
    acts = [
        lambda: bench.types(BEGINS),
        lambda: bench.shows("9001"),
        lambda: bench.types(PIN),
        lambda: bench.shows("9002"),
    ]
    for act in acts[:reads]:
        act()
    bench.possible = False
    assert acts[reads]() is Step.WRONG
    assert bench.desk.waits_for(bench.now_ms) is None
    assert bench.opened == []
    bench.passes(HELD_MS)
    assert (bench.shows("9001"), bench.types(PIN), bench.shows("9003")) == (None, None, None), "punches as always"
