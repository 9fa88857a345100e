"""The actions of the command line on the running terminal: each has a loan, and what is done when the loan is over.

Everything here runs on the control thread. What a loan learnt of a person is dropped when its action is over,
whether it was done or not.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from edge.domain.face import Probe
from edge.domain.people.consent import Consent, Policy
from edge.domain.people.credentials import Token, number
from edge.domain.recognition.head_turn import Side
from edge.errors import ControlRefused, PeopleError, ReaderError
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.people.person import new_person_id
from edge.ports import Clock
from edge.terminal.control.loans import CameraLoan, CardLoan, CueLoan, EnrolLoan
from edge.terminal.control.requests import (
    CameraTestRequest,
    CardRequest,
    ControlRequest,
    CuesRequest,
    EnrolRequest,
    done,
)
from edge.terminal.operator import actions, enrolment
from edge.terminal.orders.tickets import Tickets
from edge.terminal.runtime.lending import Loan

MOST_SHOWN = 100
"""Most characters that are shown of something that is no badge."""


@dataclass(frozen=True, slots=True)
class ControlParts:
    """The parts of the terminal that actions use, each opened on the control thread."""

    open_people: Callable[[], People]
    open_journal: Callable[[], Journal]
    policy: Callable[[], Policy]
    """The configured policy. Raises ConfigError."""
    lookalike: Callable[[Sequence[Probe], People], str | None]
    first_side: Callable[[], Side]
    """The side to turn to first, chosen by chance."""
    clock: Clock
    camera: bool
    """Whether frames are read, and the models can be used."""
    reader: bool
    strobe: bool
    language: str
    """The language of the policy's text, a BCP 47 tag."""
    tickets: Tickets


class Action(Protocol):
    """One action that takes longer than a moment. At most one goes on."""

    name: str
    """The word of its request."""

    @property
    def loan(self) -> Loan:
        """Its use of the attending loop."""

    def finish(self) -> bytes:
        """The last line of the answer, once the loan is over and did what it was for. Raises SmartClockerError."""


def action_of(request: ControlRequest, parts: ControlParts) -> Action:
    """The action of a request. Everything that can be known before is checked. Raises SmartClockerError."""
    if isinstance(request, CuesRequest):
        return CueAction(request)
    if isinstance(request, CardRequest):
        return CardAction(request, parts)
    if not parts.camera:
        raise ControlRefused(
            'there is no camera to use: recognition.mode is "badge", or the models cannot be used (alarm '
            "faces-failing); `smartclocker check` says more"
        )
    if isinstance(request, CameraTestRequest):
        return CameraAction()
    if isinstance(request, EnrolRequest):
        return EnrolAction(request, parts)
    raise ControlRefused("that is no action")


class CueAction:
    """Shows cues."""

    name = "cues"

    def __init__(self, request: CuesRequest) -> None:
        self.loan: Loan = CueLoan(request.cues)
        self._count = len(request.cues)

    def finish(self) -> bytes:
        """How many were shown."""
        return done(shown=self._count)


class CameraAction:
    """Looks through the camera."""

    name = "camera-test"

    def __init__(self) -> None:
        self.loan = CameraLoan()

    def finish(self) -> bytes:
        """What was seen, about nobody."""
        return done(**self.loan.found())


class CardAction:
    """Reads a card, and gives it to a person if the request names one."""

    name = "card-next"

    def __init__(self, request: CardRequest, parts: ControlParts) -> None:
        if not parts.reader:
            raise ReaderError('there is no reader: set reader.kind to "evdev" or "script", and name its device')
        self.loan = CardLoan()
        self._request, self._parts = request, parts

    def finish(self) -> bytes:
        """Whose the card is now."""
        text = self.loan.text or ""
        known, request, parts = number(text), self._request, self._parts
        if known is None and request.person is None:
            return done(number=None, text=text[:MOST_SHOWN])
        if known is None:
            raise PeopleError(
                "that is no badge: 3 to 40 letters and digits; set the reader to send the card's number alone"
            )
        with parts.open_people() as people:
            if request.person is None:
                owner = people.credentials.whose(Token.BADGE, known)
                return done(number=known, owner=owner, otherwise=people.credentials.noted_otherwise(known))
            with parts.open_journal() as journal:
                fresh = actions.give_token(
                    request.person, Token.BADGE, text,
                    people=people, journal=journal, clock=parts.clock, by=request.by, other_card=request.other_card,
                )  # fmt: skip
        return done(person=request.person, fresh=fresh)


class EnrolAction:
    """Enrols the person before the camera: consent first, then templates, both on record by the one way of every
    operator.
    """

    name = "enrol"

    def __init__(self, request: EnrolRequest, parts: ControlParts) -> None:
        """Raises PeopleError, ConfigError: nobody needs to stand before the camera for nothing."""
        self._request, self._parts = request, parts
        with parts.open_people() as people:
            self._policy = people.accepted(parts.policy())[0]
            if request.person is not None:
                enrolment.refuse_face(request.person, people)
        self._consent = Consent(
            policy_version=self._policy.version,
            policy_sha256=self._policy.sha256,
            language=request.language,
            given_at=parts.clock.evidence().utc,
            witness=request.witness,
            age_attested=request.age_attested,
            employer_agreed=request.employer_agreed,
        )
        enrolment.check(new_person_id(), request.name, self._consent, self._policy)
        self.loan = EnrolLoan(parts.first_side(), strobe=parts.strobe)

    def finish(self) -> bytes:
        """Keep consent and templates, unless somebody enrolled looks the same."""
        request, parts = self._request, self._parts
        found = self.loan.enrolment.templates()
        with parts.open_people() as people, parts.open_journal() as journal:
            other = parts.lookalike(found, people)
            enrolment.refuse_lookalike(other, request.person, despite=request.despite_lookalike)
            made = enrolment.enrol(
                request.name, found, self._consent, self._policy,
                people=people, journal=journal, clock=parts.clock, by=request.by, person=request.person,
            )  # fmt: skip
        return done(person=made.person, templates=made.templates, policy=self._policy.version, liveness_tested=True)
