"""The opening of an enrolment at the terminal: what is typed and shown at its reader, step by step.

    0 and Enter ──► a supervisor's badge ──► their PIN ──► the badge of whoever is to be enrolled ──► opened
                └─► the badge of somebody with a ticket ──► their PIN ──► opened

A badge that does not belong to such a step is a punch as always: whoever clocks in meanwhile does not wait. While
nobody can be enrolled, because faces are not seen or the terminal is lent, what belongs to a step is refused. One
thread uses it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from edge.domain.people.credentials import HELD_MS, Read, Token
from edge.people.people_store import People
from edge.terminal.orders.tickets import Tickets
from edge.terminal.runtime.lending import Opening

BEGINS = "0"
"""What is typed to begin: it is too short for a staff number, so that nobody types it to clock in."""
STEP_MS, PERSON_MS = 15_000, 30_000
"""How long a badge or PIN is waited for, and the badge of whoever is to be enrolled."""
TAKEN_MS = 3_000
"""After the last badge, faces do not count for so long, until the camera is lent."""


class Step(Enum):
    """What is waited for, or came of a read."""

    BADGE = auto()
    """A badge, of a supervisor or of somebody with a ticket."""
    PIN = auto()
    PERSON = auto()
    """The badge of whoever is to be enrolled."""
    OPENED = auto()
    WRONG = auto()
    """The PIN was wrong, or the enrolment could not be opened."""
    AGAIN = auto()
    """The badge is still held to the reader."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    step: Step
    until_ms: int
    person: str = ""
    """Whose PIN is waited for, or whose PIN was right."""
    leads: bool = False
    """Whether that person is a supervisor; without it they have a ticket."""


class EnrolmentDesk:
    """The steps of one terminal."""

    def __init__(
        self,
        people: People,
        tickets: Tickets | None,
        proves: Callable[[str, str, int], bool],
        opens: Callable[[Opening], bool],
    ) -> None:
        """`proves(person, pin, now_ms)` judges a PIN, with the pauses of the keypad. `opens` hands the opening
        over; False when it cannot be taken.
        """
        self._people, self._tickets, self._proves, self._opens = people, tickets, proves, opens
        self._waiting: _Waiting | None = None
        self._held: tuple[str, int] | None = None
        """The badge that was taken last, and when."""

    def waits_for(self, now_ms: int) -> Step | None:
        """The step that is waited for now."""
        if self._waiting is not None and now_ms >= self._waiting.until_ms:
            self._waiting = None
        return None if self._waiting is None else self._waiting.step

    def is_trusted(self, now_ms: int) -> bool:
        """Whether a PIN was right, so that no face counts: whoever stands there did not come to clock in."""
        return self.waits_for(now_ms) in {Step.PERSON, Step.OPENED}

    def answer(self, read: Read, now_ms: int, *, possible: bool = True) -> Step | None:
        """What follows from a read; None when it is a punch like any other. Raises PeopleError.

        `possible`: somebody could be enrolled now.
        """
        step = self._answer(read, now_ms, possible=possible)
        if not possible and step in {Step.BADGE, Step.PIN, Step.PERSON}:
            self._waiting = None
            return Step.WRONG
        return step

    def _answer(self, read: Read, now_ms: int, *, possible: bool) -> Step | None:
        waits_for = self.waits_for(now_ms)
        if read.source is Token.BADGE:
            return self._badge(read.text, waits_for, now_ms, possible=possible)
        if self._waiting is not None and waits_for is Step.PIN:
            return self._pin(self._waiting, read.text, now_ms, possible=possible)
        if read.text.strip() != BEGINS or not self._is_of_use():
            return None
        return self._wait(Step.BADGE, now_ms)

    def _badge(self, text: str, waits_for: Step | None, now_ms: int, *, possible: bool) -> Step | None:
        if self._held is not None and self._held[0] == text and now_ms - self._held[1] < HELD_MS:
            self._held = text, now_ms
            return Step.AGAIN
        if waits_for not in {Step.BADGE, Step.PERSON} or self._waiting is None:
            return None
        person = self._people.credentials.whose(Token.BADGE, text)
        step = None
        if person is not None and waits_for is Step.BADGE:
            step = self._opener(person, now_ms)
        elif person not in {None, self._waiting.person} and not self._people.has_face(person or ""):
            step = self._open(Opening(person or "", self._waiting.person, now_ms), now_ms, possible=possible)
        if step is not None:
            self._held = text, now_ms
        return step

    def _opener(self, person: str, now_ms: int) -> Step | None:
        """Ask for the PIN of somebody who may open an enrolment; None for everybody else."""
        leads = self._people.credentials.supervisor(person) is not None
        if not leads and (self._tickets is None or self._tickets.of(person, self._people) is None):
            return None
        return self._wait(Step.PIN, now_ms, person, leads=leads)

    def _pin(self, waiting: _Waiting, pin: str, now_ms: int, *, possible: bool) -> Step:
        self._waiting = None
        if not self._proves(waiting.person, pin, now_ms):
            return Step.WRONG
        if waiting.leads:
            return self._wait(Step.PERSON, now_ms, waiting.person, leads=True)
        return self._open(Opening(waiting.person, None, now_ms), now_ms, possible=possible)

    def _open(self, opening: Opening, now_ms: int, *, possible: bool) -> Step:
        self._waiting = None
        if not possible or not self._opens(opening):
            return Step.WRONG
        self._waiting = _Waiting(Step.OPENED, now_ms + TAKEN_MS)
        return Step.OPENED

    def _wait(self, step: Step, now_ms: int, person: str = "", *, leads: bool = False) -> Step:
        longest = PERSON_MS if step is Step.PERSON else STEP_MS
        self._waiting = _Waiting(step, now_ms + longest, person, leads)
        return step

    def _is_of_use(self) -> bool:
        """Whether there is anybody who could open an enrolment."""
        tickets = self._tickets is not None and self._tickets.any(self._people)
        return tickets or bool(self._people.credentials.supervisors())
