"""The answer to a badge or to typed digits: a person, a question, or a refusal. One thread uses it."""

import logging
import queue
from collections.abc import Callable
from dataclasses import dataclass

from edge.domain.attendance.guessing import Failures
from edge.domain.attendance.states import DEADLINES_MS, State
from edge.domain.people.credentials import (
    FIRST_PAUSE_MS,
    FREE_FAILURES,
    FREE_UNKNOWN,
    HELD_MS,
    SLOW_MS,
    Read,
    Token,
    number,
    pause_ms,
)
from edge.domain.vocabulary import Method
from edge.errors import PeopleError
from edge.people.credentials import CredentialStore
from edge.terminal.operator.enrolment_desk import EnrolmentDesk, Step
from edge.terminal.runtime.alarms import Alarm, Alarms
from edge.terminal.runtime.lending import Lending

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CredentialMatched:
    """The credential alone is enough: it is this person."""

    person: str
    method: Method


@dataclass(frozen=True, slots=True)
class FaceRequired:
    """It is this person if their face is recognised as well."""

    person: str


class PinRequired:
    """A staff number was typed, and its PIN must follow. The same answer is given for a number that nobody has."""


class Rejected:
    """Nobody has this credential, or it is not proven. From outside, both look the same."""


class Repeated:
    """The badge is still held to the reader, and was answered before."""


Answer = CredentialMatched | FaceRequired | PinRequired | Rejected | Repeated


class CredentialCheck:
    """The check of badges, staff numbers and PINs."""

    def __init__(
        self, credentials: CredentialStore, needs_face: Callable[[str], bool], alarms: Alarms | None = None
    ) -> None:
        """`needs_face` says whether a person's badge alone is not enough; `alarms` takes the alarm words."""
        self._credentials, self._needs_face = credentials, needs_face
        self._asked: tuple[str, str | None, int] | None = None
        """The number whose PIN was asked for, the person who has it (None: nobody), and the end of the wait in
        ms.
        """
        self._not_before: dict[str, int] = {}
        self._wrong, self._keypad_from = Failures(FREE_FAILURES), 0
        self._unknown, self._badges_from = Failures(FREE_UNKNOWN, distinct=True), 0
        self._held: tuple[str, int] | None = None
        """The badge that was read last, and when."""
        self._alarms = alarms or Alarms()

    @property
    def alarms(self) -> tuple[str, ...]:
        """Alarm words for the status."""
        return tuple(sorted(self._alarms.words))

    def keep_up(self, now_ms: int) -> None:
        """End the alarms whose cause is over; called every second."""
        if not self._unknown.many(now_ms):
            self._alarms.end(Alarm.BADGES_UNKNOWN, "no unknown badges for a while")
        if not self._wrong.many(now_ms):
            self._alarms.end(Alarm.PINS_FAILING, "no wrong PINs for a while")

    def let_go(self) -> None:
        """Take the next reading of the same badge as a new showing: it is shown again for a press."""
        self._held = None

    def answer(self, read: Read, now_ms: int) -> Answer:
        """Answer a read at `now_ms`. Raises PeopleError when the people file cannot be used."""
        if read.source is Token.BADGE:
            held, self._held = self._held, None
            if held is not None and held[0] == read.text and now_ms - held[1] < HELD_MS:
                self._held = read.text, now_ms
                return Repeated()
            self._asked = None
            return self._badge(read.text, now_ms)
        asked, self._asked = self._asked, None
        if now_ms < self._keypad_from:
            return Rejected()
        if asked is not None and now_ms < asked[2]:
            return self._pin(asked[0], asked[1], read.text, now_ms)
        said = number(read.text) or ""
        self._asked = said, self._credentials.whose(Token.NUMBER, said), now_ms + DEADLINES_MS[State.ASKING]
        return PinRequired()

    def proves(self, person: str, pin: str, now_ms: int) -> bool:
        """Whether a PIN that was typed after a badge is the one of its person; wrong ones cost time, as those after
        a staff number do. Raises PeopleError.
        """
        self._asked = None
        if now_ms < self._keypad_from:
            return False
        return isinstance(self._pin(person, person, pin, now_ms), CredentialMatched)

    def _badge(self, text: str, now_ms: int) -> Answer:
        if self._unknown.many(now_ms):
            # Too many badges that nobody has: only one read in each interval is answered, even of a known badge.
            if now_ms < self._badges_from:
                return Rejected()
            self._badges_from = now_ms + SLOW_MS
        person = self._credentials.whose(Token.BADGE, text)
        self._held = text, now_ms  # it was looked up: more reads of it are the same showing
        if person is None:
            if self._unknown.add(number(text) or "", now_ms):
                words = "%s: %d different badges that are nobody's within ten minutes; one is answered each %d s"
                self._alarms.begin(
                    Alarm.BADGES_UNKNOWN,
                    logging.WARNING,
                    words,
                    Alarm.BADGES_UNKNOWN,
                    FREE_UNKNOWN,
                    SLOW_MS // 1000,
                )
            return Rejected()
        return FaceRequired(person) if self._needs_face(person) else CredentialMatched(person, Method.BADGE)

    def _pin(self, said: str, person: str | None, pin: str, now_ms: int) -> Answer:
        claimed = person
        if person is not None:
            # After a restart the time of the last failure is unknown: the pause begins again.
            waiting = self._not_before.setdefault(person, now_ms + pause_ms(self._credentials.failures(person)))
            if now_ms < waiting:
                claimed = None  # handled like a number that nobody has, and as slowly
        if self._credentials.proves(claimed, pin) and claimed is not None:
            self._wrong.forgive(said)
            return CredentialMatched(claimed, Method.PIN)
        if self._wrong.add(said, now_ms):
            self._keypad_from = now_ms + FIRST_PAUSE_MS
            words = "%s: %d wrong PINs within ten minutes; the keypad pauses for %d s after each, badges go on"
            self._alarms.begin(
                Alarm.PINS_FAILING,
                logging.WARNING,
                words,
                Alarm.PINS_FAILING,
                FREE_FAILURES,
                FIRST_PAUSE_MS // 1000,
            )
        if claimed is not None:
            self._not_before[claimed] = now_ms + pause_ms(self._credentials.failures(claimed))
        return Rejected()


class CredentialReads:
    """The reads of badges, staff numbers and PINs. Each belongs to a loan, to the opening of an enrolment, or to a
    punch, in this order.
    """

    def __init__(
        self,
        reads: "queue.SimpleQueue[Read]",
        lending: Lending,
        desk: EnrolmentDesk | None,
        check: CredentialCheck,
    ) -> None:
        """`desk` is None where no enrolment can be opened at the terminal."""
        self._reads, self._lending, self._desk, self._check = reads, lending, desk, check

    def answer(self, now_ms: int, *, deaf: bool, possible: bool) -> Answer | Step | None:
        """Answer the next read; None when there is none, or when nothing follows from it.

        `deaf`: nothing can be recorded, so that a read is dropped unless a loan takes it. `possible`: somebody
        could be enrolled now. Never raises PeopleError: while the file is locked or the disk full, nobody is let in
        unproven.
        """
        try:
            read = self._reads.get_nowait()
        except queue.Empty:
            return None
        if self._lending.reads(read) or deaf:
            return None
        step = self._step(read, now_ms, possible=possible)
        if step is not None:
            return step
        try:
            answer = self._check.answer(read, now_ms)
        except PeopleError as error:
            LOG.error("a badge or PIN could not be looked up: %s", error)  # noqa: TRY400 - it says it all
            return Rejected()
        return None if isinstance(answer, Repeated) else answer

    def _step(self, read: Read, now_ms: int, *, possible: bool) -> Step | None:
        """The step of the opening of an enrolment to which a read belongs; None for a read of a punch."""
        if self._desk is None:
            return None
        try:
            return self._desk.answer(read, now_ms, possible=possible)
        except PeopleError as error:
            LOG.error("an enrolment could not be opened: %s", error)  # noqa: TRY400 - it says it all
            return Step.WRONG
