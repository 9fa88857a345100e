"""An enrolment that was opened at the terminal itself, by a supervisor's badge and PIN or by a ticket.

Consent and the employer's agreement are asked at the buttons before a frame is looked at. A ticket of the centre
says already that the employer agrees; it is used up by the enrolment, by a no, and by somebody enrolled who looks
the same.
"""

from dataclasses import replace

from edge.domain.attendance.cues import CueName
from edge.domain.people.consent import Consent
from edge.domain.protocol.order import Order
from edge.domain.protocol.order_outcome import OrderOutcome, refused
from edge.domain.protocol.order_outcome import done as carried_out
from edge.errors import ControlRefused, EnrolmentRefused, PeopleError
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.terminal.control.actions import ControlParts
from edge.terminal.control.loans import EnrolLoan
from edge.terminal.control.requests import done
from edge.terminal.operator import enrolment
from edge.terminal.orders.tickets import is_spent, policy_of
from edge.terminal.outbox.flush import flush
from edge.terminal.runtime.lending import Opening


class WallEnrolment:
    """Enrols somebody who is here by badge, under the id that they have."""

    name = "enrol"

    def __init__(self, opening: Opening, parts: ControlParts) -> None:
        """Everything that can be known before is checked: nobody stands before the camera for nothing. Raises
        PeopleError, ConfigError, JournalError, and ControlRefused without usable models.
        """
        if not parts.camera:
            raise ControlRefused("the models cannot be used (alarm faces-failing); `smartclocker check` says more")
        self._parts, self._person = parts, opening.person
        with parts.open_people() as people, parts.open_journal() as journal:
            self._policy = people.accepted(parts.policy())[0]
            self._name = _waiting(opening.person, people)
            self._ticket = None if opening.supervisor else self._checked(people, journal)
            self._by = self._ticket.fields["witness"] if self._ticket else _number(opening.supervisor, people)
        self._consent = Consent(
            policy_version=self._policy.version,
            policy_sha256=self._policy.sha256,
            language=parts.language,
            given_at=parts.clock.evidence().utc,
            witness=self._by,
            age_attested=True,  # nobody is added without it
            employer_agreed=True,  # the first question, or the ticket
        )
        enrolment.check(self._person, self._name, self._consent, self._policy)
        asked = (CueName.CONSENT,) if self._ticket else (CueName.EMPLOYER_AGREES, CueName.CONSENT)
        self.loan = EnrolLoan(parts.first_side(), strobe=parts.strobe, questions=asked, agreed=self._agreed)

    def finish(self) -> bytes:
        """Keep consent and templates, unless somebody enrolled looks the same. Raises SmartClockerError."""
        parts, found = self._parts, self.loan.enrolment.templates()
        with parts.open_people() as people, parts.open_journal() as journal:
            try:
                enrolment.refuse_lookalike(parts.lookalike(found, people), self._person, despite=False)
            except EnrolmentRefused:
                self._use_up(people, journal, "somebody enrolled here would be taken for this person")
                raise
            made = enrolment.enrol(
                self._name, found, self._consent, self._policy,
                people=people, journal=journal, clock=parts.clock, by=self._by, person=self._person,
                within=lambda: self._used(people, carried_out("used: the person was enrolled")),
            )  # fmt: skip
        return done(person=made.person, templates=made.templates, policy=self._policy.version, liveness_tested=True)

    def ended(self, why: str) -> None:
        """The loan ended before the templates were complete; a ticket is used up by a no. Raises PeopleError,
        JournalError.
        """
        if why == "not-confirmed" and self._ticket is not None:
            with self._parts.open_people() as people, self._parts.open_journal() as journal:
                self._use_up(people, journal, "the person did not agree")

    def _agreed(self) -> None:
        self._consent = replace(self._consent, given_at=self._parts.clock.evidence().utc)

    def _checked(self, people: People, journal: Journal) -> Order:
        ticket = self._parts.tickets.of(self._person, people)
        if ticket is None or is_spent(ticket, journal):
            raise PeopleError(f"{self._person}: has no ticket that counts now; the centre gives another one")
        if policy_of(ticket) != self._policy:
            raise PeopleError(
                f"{self._person}: their ticket is for policy {policy_of(ticket).version}, and "
                f"{self._policy.version} is in force; the centre gives another one"
            )
        return ticket

    def _used(self, people: People, outcome: OrderOutcome) -> None:
        """Note that the ticket is used up, inside a transaction. Raises PeopleError when it is already."""
        if self._ticket is None:
            return
        if people.orders.carried_out_yet(self._ticket.id):
            raise PeopleError(
                f"{self._person}: their ticket was used, replaced or expired meanwhile; ask for another"
            )
        people.orders.carried_out(self._ticket.id, outcome.records(self._ticket))

    def _use_up(self, people: People, journal: Journal, why: str) -> None:
        if self._ticket is None:
            return
        with people.together():
            self._used(people, refused(why))
        flush(people, journal, self._parts.clock)


def _waiting(person: str, people: People) -> str:
    """The name of somebody who is here without a face. Raises PeopleError."""
    enrolment.refuse_face(person, people)
    here = next(one for one in people.list() if one.id == person)
    if here.name is None or here.damaged or here.restriction is not None:
        raise PeopleError(f"{person}: is restricted here, or their entry was altered; `people list` says which")
    return here.name


def _number(supervisor: str | None, people: People) -> str:
    """The staff number of a supervisor. Raises PeopleError when they are none any more."""
    number = None if supervisor is None else people.credentials.supervisor(supervisor)
    if number is None:
        raise PeopleError(f"{supervisor}: is no supervisor here any more")
    return number
