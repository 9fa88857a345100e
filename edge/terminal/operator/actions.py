"""What is done by hand at the terminal itself, where no centre is needed; each act on record, like an order.

`by` is who acts, and stands in the record (`edge.terminal.operator.audited_action`).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from nacl.signing import SigningKey, VerifyKey

from edge.crypto.dsse import key_id
from edge.domain.face import Probe
from edge.domain.people.consent import MINIMUM_AGE, Consent, Policy
from edge.domain.people.credentials import Token
from edge.domain.plural import counted
from edge.domain.protocol.order import Lifts, Word
from edge.domain.protocol.record import Origin
from edge.domain.protocol.record_draft import (
    RecordDraft,
    consent_given,
    consent_withdrawn,
    enrolled,
    erased,
    restricted,
)
from edge.domain.protocol.record_kinds import CommandOutcome, ErasureReason, Restriction
from edge.errors import PeopleError, TransferError
from edge.evidence_images.schema import NAME as IMAGES
from edge.evidence_images.store import remove_images
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.people.person import new_person_id, unknown_person
from edge.people.roster.export import export_enrolment
from edge.ports import Clock
from edge.storage.durable_file import NewFile
from edge.terminal.operator import enrolment
from edge.terminal.operator.audited_action import audited, audited_outside, result_record
from edge.terminal.orders import image_orders
from edge.terminal.orders.order_actions import lift
from edge.terminal.outbox.flush import says_erased
from edge.terminal.subject_access import report

PIN = "pin"
"""The word of a record about somebody's PIN; one about a badge or a staff number has the word of `Token`."""
ADD, LOOKED = "add", "looked"
"""The words of a record about somebody who was added, and of one that an alarm about them was looked into."""
TAKEN = "taken from"
"""How the detail of a record begins that tells of a badge, a staff number or a PIN that was taken."""


def withdraw(person: str, policy: Policy, *, people: People, journal: Journal, clock: Clock, by: str) -> None:
    """End a consent: matching stops and the templates' key is dropped first, then the record says so.

    Raises PeopleError for an unknown person, JournalError when the record cannot be stored: the withdrawal holds
    all the same, and the next start of the terminal records it.
    """

    def change() -> list[RecordDraft]:
        if not people.withdraw(person, clock.evidence().utc):
            return []
        return [consent_withdrawn(person, policy)]

    audited(change, people, journal, clock, by)


def erase(person: str, reason: ErasureReason, *, people: People, journal: Journal, clock: Clock, by: str) -> int:
    """Destroy a person's biometrics, on record; how many templates there were.

    Raises PeopleError for an unknown person, and while another process reads the file: then give it again.
    JournalError when the record cannot be stored: the biometrics are gone all the same, and the next start of the
    terminal records it.
    """
    count = 0

    def change() -> list[RecordDraft]:
        nonlocal count
        begun = people.outbox.erasure_of(person)
        if begun is not None:  # an earlier one that did not come to its end: this is its end
            count = begun["templates"]
            return []
        before = people.holds(person) and person not in people.remaining()
        count = people.erase(person, clock.evidence().utc, reason)
        if before and not count and says_erased(journal, person):
            return []  # it was given twice, and the record of the first says all
        return [erased(person, reason, count)]

    audited(change, people, journal, clock, by)
    return count


def restrict(
    person: str, restriction: Restriction, *, people: People, journal: Journal, clock: Clock, by: str
) -> bool:
    """Keep somebody without matching them; False when that was so already. Raises PeopleError, JournalError."""

    def change() -> list[RecordDraft]:
        if people.restriction(person) in {restriction, Restriction.OBJECTED}:
            return []
        people.restrict(person, restriction)
        return [restricted(person, restriction)]

    return audited(change, people, journal, clock, by)


def unrestrict(person: str, lifts: Lifts, *, people: People, journal: Journal, clock: Clock, by: str) -> bool:
    """Match somebody again; False when nothing kept them from it.

    Raises PeopleError where it is not this bar that there is, JournalError.
    """

    def change() -> list[RecordDraft]:
        lifted = lift(person, lifts, people)
        if lifted.outcome is CommandOutcome.REFUSED:
            cure = "give --by-person when they say so" if lifts is Lifts.RESTRICTION else "leave --by-person out"
            raise PeopleError(f"{lifted.detail}; {cure}")
        return list(lifted.did)

    return audited(change, people, journal, clock, by)


def agree(
    person: str, consent: Consent, policy: Policy, *, people: People, journal: Journal, clock: Clock, by: str
) -> None:
    """A new consent of somebody who is enrolled, to `policy`: matched again, by the templates that are here (I9).

    Raises PeopleError for who is not enrolled or a consent that does not hold, JournalError.
    """

    def change() -> list[RecordDraft]:
        member = people.member(person)
        if not member.templates:
            raise PeopleError(f"{person}: has no face here, and needs no consent; `smartclocker enrol` adds one")
        for model, matrix in member.templates.items():
            people.enrol(person, member.name, consent, policy, matrix, model)
        return [consent_given(person, consent)]

    audited(change, people, journal, clock, by)


def add_face(
    person: str, name: str, probes: Sequence[Probe], consent: Consent, policy: Policy,
    *, people: People, journal: Journal, clock: Clock, by: str,
) -> enrolment.Enrolled:  # fmt: skip
    """Somebody who is here by badge or PIN agrees to their face, or does so again: they keep their id (I9).

    Raises PeopleError for nobody of this id, for who was erased or has a face here, or when the consent does not
    hold; JournalError when the records cannot be stored, and the next start makes them.
    """

    enrolment.check(person, name, consent, policy, probes)

    def change() -> list[RecordDraft]:
        refuse_face(person, people)
        model_id = probes[0].model_id
        people.enrol(person, name, consent, policy, np.stack([one.embedding for one in probes]), model_id)
        return [consent_given(person, consent), enrolled(person, model_id, len(probes))]

    audited(change, people, journal, clock, by)
    return enrolment.Enrolled(person, len(probes))


def refuse_face(person: str, people: People) -> None:
    """Raises PeopleError for nobody of this id, for who was erased, and for who has a face here."""
    here = next((one for one in people.list() if one.id == person), None)
    if here is None or (here.name is None and not any(people.credentials.held(person).values())):
        raise unknown_person(person)
    if here.templates:
        raise PeopleError(f"{person}: has a face here; `people agree` is for a new consent to it")


def rectify(person: str, name: str, *, people: People, journal: Journal, clock: Clock, by: str) -> None:
    """Give somebody their right name. Raises PeopleError, JournalError."""

    def change() -> list[RecordDraft]:
        if not people.rectify(person, name):
            raise PeopleError(f"{person}: no name is held of this person any more; enrol again")
        return [result_record(Word.RECTIFY, "the name is rectified, by hand at the terminal", person)]

    audited(change, people, journal, clock, by)


def access(
    person: str, target: Path, origin: Origin, *, people: People, journal: Journal, clock: Clock, by: str
) -> list[Path]:
    """Write everything that is held about a person into a folder of their own; it is on record that it was.

    Raises PeopleError, JournalError, TransferError.
    """
    now, state = clock.evidence(), people.path.parent
    found = report.collect(person, now.utc, origin, people, journal, image_orders.listed(state, person, now))
    images = image_orders.packed(state, person, now)
    record = result_record(Word.ACCESS, f"handed out about {person}, by hand", person)

    def write() -> tuple[list[Path], RecordDraft]:
        return report.write_plain(found, target, images), record

    return audited_outside(record, write, people, journal, clock, by, all_or_nothing=True)


def export(
    person: str, path: Path, centre: VerifyKey, origin: Origin, identity: SigningKey,
    *, people: People, journal: Journal, clock: Clock, by: str,
) -> int:  # fmt: skip
    """Write somebody into a new file for the centre (`edge.people.roster.export`), on record; its size in bytes.

    Raises PeopleError, RecordError, JournalError, TransferError.
    """
    now = clock.evidence()
    wire = export_enrolment(person, centre, origin, identity, people, now.utc) + b"\n"

    record = result_record("export", f"sealed to the key {key_id(centre)}, by hand", person)

    def write() -> tuple[int, RecordDraft]:
        noting = people.exported.noting(person, now.utc if now.synchronised else None)
        with noting, NewFile(path, TransferError) as file:
            file.write(wire)
        return len(wire), record

    return audited_outside(record, write, people, journal, clock, by, all_or_nothing=True)


def add(name: str, *, age_attested: bool, people: People, journal: Journal, clock: Clock, by: str) -> str:
    """Somebody without a face; their new id. Raises PeopleError without an attested age, JournalError."""
    if not age_attested:
        raise PeopleError(
            f"nobody was added: this is not for anyone under {MINIMUM_AGE}, with or without a face; see that the "
            "person is older, then give --age-13-or-older"
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
    """Give somebody a badge or a staff number; False when they have it. Raises PeopleError, JournalError.

    `other_card`: it is known not to be somebody's badge in another notation.
    """

    def change() -> list[RecordDraft]:
        fresh = people.credentials.give(person, kind, text, other_card=other_card)
        return [result_record(kind, f"given to {person}", person)] if fresh else []

    return audited(change, people, journal, clock, by)


def take_tokens(person: str, kind: Token, *, people: People, journal: Journal, clock: Clock, by: str) -> int:
    """Take all of somebody's badges or staff numbers; how many. Raises PeopleError, JournalError."""
    count = 0

    def change() -> list[RecordDraft]:
        nonlocal count
        count = people.credentials.take(person, kind)
        return [result_record(kind, f"{TAKEN} {person}: {count}", person)] if count else []

    audited(change, people, journal, clock, by)
    people.purge()
    return count


def choose_pin(person: str, pin: str | None, *, people: People, journal: Journal, clock: Clock, by: str) -> None:
    """Choose somebody's PIN, or take it. Raises PeopleError, JournalError."""

    def change() -> list[RecordDraft]:
        people.credentials.set_pin(person, pin)
        return [result_record(PIN, f"{TAKEN if pin is None else 'chosen for'} {person}", person)]

    audited(change, people, journal, clock, by)


def looked(person: str, *, people: People, journal: Journal, clock: Clock, by: str) -> bool:
    """Say that what this file may lack of somebody was seen to; False when nothing was noted of them.

    Raises PeopleError, JournalError.
    """

    def change() -> list[RecordDraft]:
        lacks = people.lacking.all().get(person, ())
        if not people.lacking.looked(person):
            return []
        return [result_record(LOOKED, f"what lacked was looked into: {', '.join(lacks)}", person)]

    return audited(change, people, journal, clock, by)


def delete_images(person: str | None, *, people: People, journal: Journal, clock: Clock, by: str) -> int:
    """Delete one person's evidence images, or all; how many. Raises PeopleError, EvidenceError, JournalError."""
    text = "was begun by hand at the terminal and cut short: some images may be there; give it again"
    begun = result_record(Word.DELETE_EVIDENCE, text, person, CommandOutcome.PARTLY)

    def destroy() -> tuple[int, RecordDraft]:
        count = remove_images(people.path.with_name(IMAGES), person, clock.evidence())
        detail = f"{counted(count, 'image')} deleted, by hand at the terminal"
        return count, result_record(Word.DELETE_EVIDENCE, detail, person)

    return audited_outside(begun, destroy, people, journal, clock, by)
