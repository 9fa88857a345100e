"""An operator's actions on people at the terminal itself, without the centre; each is put on record, like an order.

`by` is the operator, whom the record names (`edge.terminal.operator.audited_action`).
"""

from edge.domain.people.consent import MINIMUM_AGE, Policy
from edge.domain.people.credentials import Token
from edge.domain.people.operator_id import is_staff_number
from edge.domain.plural import counted
from edge.domain.protocol.order import Lifts, Word
from edge.domain.protocol.record_draft import (
    RecordDraft,
    consent_withdrawn,
    erased,
    restricted,
)
from edge.domain.protocol.record_kinds import CommandOutcome, Restriction
from edge.domain.vocabulary import ErasureReason
from edge.errors import PeopleError
from edge.evidence_images.schema import NAME as IMAGES
from edge.evidence_images.store import remove_images
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.people.person import new_person_id
from edge.ports import Clock
from edge.terminal.operator.audited_action import audited, audited_outside, result_record
from edge.terminal.orders.order_executor import lift
from edge.terminal.outbox.flush import says_erased

PIN = "pin"
"""The word of a record about somebody's PIN. A record about a badge or a staff number has the word of `Token`."""
SUPERVISOR = "supervisor"
"""The word of a record about who may open an enrolment at the terminal."""
ADD, LOOKED = "add", "looked"
"""The words of two records: a person was added, and an operator looked into an alarm about a person."""
TAKEN = "taken from"
"""The beginning of a record's detail when a badge, a staff number or a PIN was taken from somebody."""


def withdraw(person: str, policy: Policy, *, people: People, journal: Journal, clock: Clock, by: str) -> None:
    """End a consent: first matching stops and the templates' key is dropped, then the record says so.

    Raises PeopleError for an unknown person. Raises JournalError when the record cannot be stored: the withdrawal
    holds all the same, and the next start of the terminal records it.
    """

    def change() -> list[RecordDraft]:
        if not people.withdraw(person, clock.evidence().utc):
            return []
        return [consent_withdrawn(person, policy)]

    audited(change, people, journal, clock, by)


def erase(person: str, reason: ErasureReason, *, people: People, journal: Journal, clock: Clock, by: str) -> int:
    """Destroy a person's biometrics, on record; returns how many templates there were.

    Raises PeopleError for an unknown person, and while another process reads the file: then give the command again.
    Raises JournalError when the record cannot be stored: the biometrics are gone all the same, and the next start
    of the terminal records it.
    """
    count = 0

    def change() -> list[RecordDraft]:
        nonlocal count
        begun = people.outbox.erasure_of(person)
        if begun is not None:  # an earlier erasure was interrupted: `flush` ends it
            count = begun["templates"]
            return []
        before = people.holds(person) and person not in people.remaining()
        count = people.erase(person, clock.evidence().utc, reason)
        if before and not count and says_erased(journal, person):
            return []  # the erasure was given twice: the record of the first says everything
        return [erased(person, reason, count)]

    audited(change, people, journal, clock, by)
    return count


def restrict(
    person: str, restriction: Restriction, *, people: People, journal: Journal, clock: Clock, by: str
) -> bool:
    """Keep a person's data without matching them; False when it was so. Raises PeopleError, JournalError."""

    def change() -> list[RecordDraft]:
        if people.restriction(person) in {restriction, Restriction.OBJECTED}:
            return []
        people.restrict(person, restriction)
        return [restricted(person, restriction)]

    return audited(change, people, journal, clock, by)


def unrestrict(person: str, lifts: Lifts, *, people: People, journal: Journal, clock: Clock, by: str) -> bool:
    """Match a person again; False when nothing kept them from it.

    Raises PeopleError when they are barred, but not in the way that `lifts` names; JournalError.
    """

    def change() -> list[RecordDraft]:
        lifted = lift(person, lifts, people)
        if lifted.outcome is CommandOutcome.REFUSED:
            cure = "give --by-person when they say so" if lifts is Lifts.RESTRICTION else "leave --by-person out"
            raise PeopleError(f"{lifted.detail}; {cure}")
        return list(lifted.did)

    return audited(change, people, journal, clock, by)


def rectify(person: str, name: str, *, people: People, journal: Journal, clock: Clock, by: str) -> None:
    """Correct a person's name. Raises PeopleError, JournalError."""

    def change() -> list[RecordDraft]:
        if not people.rectify(person, name):
            raise PeopleError(f"{person}: no name is held of this person any more; enrol again")
        return [result_record(Word.RECTIFY, "the name is rectified, by hand at the terminal", person)]

    audited(change, people, journal, clock, by)


def add(name: str, *, age_attested: bool, people: People, journal: Journal, clock: Clock, by: str) -> str:
    """Add a person without a face; returns their id. Raises PeopleError without an attested age, JournalError."""
    if not age_attested:
        raise PeopleError(
            f"nobody was added: nobody under {MINIMUM_AGE} may be added, with or without a face; make sure that "
            "the person is older, then give --age-13-or-older"
        )
    person = new_person_id()

    def change() -> list[RecordDraft]:
        people.add(person, name)
        return [result_record(ADD, f"added {person} without a face; at least {MINIMUM_AGE}, as attested", person)]

    audited(change, people, journal, clock, by)
    return person


def give_token(
    person: str,
    kind: Token,
    text: str,
    *,
    people: People,
    journal: Journal,
    clock: Clock,
    by: str,
    other_card: bool = False,
) -> bool:
    """Give a person a badge or a staff number; False when they have it already. Raises PeopleError, JournalError.

    `other_card`: the operator knows that this number is not somebody's badge in another notation.
    """

    def change() -> list[RecordDraft]:
        fresh = people.credentials.give(person, kind, text, other_card=other_card)
        return [result_record(kind, f"given to {person}", person)] if fresh else []

    return audited(change, people, journal, clock, by)


def take_tokens(person: str, kind: Token, *, people: People, journal: Journal, clock: Clock, by: str) -> int:
    """Take all of a person's badges or staff numbers; returns how many. Raises PeopleError, JournalError."""
    count = 0

    def change() -> list[RecordDraft]:
        nonlocal count
        count = people.credentials.take(person, kind)
        return [result_record(kind, f"{TAKEN} {person}: {count}", person)] if count else []

    audited(change, people, journal, clock, by)
    people.purge()
    return count


def choose_pin(person: str, pin: str | None, *, people: People, journal: Journal, clock: Clock, by: str) -> None:
    """Set a person's PIN; None takes it away. Raises PeopleError, JournalError."""

    def change() -> list[RecordDraft]:
        people.credentials.set_pin(person, pin)
        return [result_record(PIN, f"{TAKEN if pin is None else 'chosen for'} {person}", person)]

    audited(change, people, journal, clock, by)


def appoint(person: str, number: str | None, *, people: People, journal: Journal, clock: Clock, by: str) -> bool:
    """Let a person open enrolments at the terminal, under a staff number of theirs, or (None) end that; False when
    it was so. Raises PeopleError, JournalError.
    """
    if number is not None and not is_staff_number(number):
        raise PeopleError(
            f"{person}: records name a supervisor by a staff number: 1 to 32 of a-z 0-9 -, a digit among them; "
            "give it by --staff-number"
        )

    def change() -> list[RecordDraft]:
        if not people.credentials.set_supervisor(person, number):
            return []
        told = f"{TAKEN} {person}" if number is None else f"{person} may open enrolments at the terminal"
        return [result_record(SUPERVISOR, told, person)]

    return audited(change, people, journal, clock, by)


def looked(person: str, *, people: People, journal: Journal, clock: Clock, by: str) -> bool:
    """Record that an operator looked into what this people file may lack of a person; False when nothing was noted.

    Raises PeopleError, JournalError.
    """

    def change() -> list[RecordDraft]:
        lacks = people.lacking.all().get(person, ())
        if not people.lacking.looked(person):
            return []
        return [result_record(LOOKED, f"what lacked was looked into: {', '.join(lacks)}", person)]

    return audited(change, people, journal, clock, by)


def delete_images(person: str | None, *, people: People, journal: Journal, clock: Clock, by: str) -> int:
    """Delete one person's evidence images, or (None) everybody's; returns how many. Raises PeopleError,
    EvidenceError, JournalError.
    """
    text = "was begun by hand at the terminal and cut short: some images may be there; give it again"
    begun = result_record(Word.DELETE_EVIDENCE, text, person, CommandOutcome.PARTLY)

    def destroy() -> tuple[int, RecordDraft]:
        count = remove_images(people.path.with_name(IMAGES), person, clock.evidence())
        detail = f"{counted(count, 'image')} deleted, by hand at the terminal"
        return count, result_record(Word.DELETE_EVIDENCE, detail, person)

    return audited_outside(begun, destroy, people, journal, clock, by)
