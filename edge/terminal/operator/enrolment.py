"""The way of an enrolment: consent first, then templates, both on record."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.domain.face import Probe
from edge.domain.people.consent import Consent, Policy, consent_problems
from edge.domain.protocol.record_draft import RecordDraft, consent_given, enrolled
from edge.errors import PeopleError
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.people.person import malformed, new_person_id, unknown_person
from edge.ports import Clock
from edge.terminal.operator.audited_action import audited


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What an enrolment made."""

    person: str
    """The opaque id; it is what records name."""
    templates: int


def enrol(
    name: str,
    probes: Sequence[Probe],
    consent: Consent,
    policy: Policy,
    *,
    people: People,
    journal: Journal,
    clock: Clock,
    by: str | None = None,
    person: str | None = None,
) -> Enrolled:
    """Keep consent and templates, and put both on record; no template without consent (I9).

    `by` is the operator (`operator_id`), None where nobody acts by hand. `person` is somebody who is here without a
    face, by badge or PIN, and keeps their id; without it a new one is made. Raises PeopleError, and nothing is kept
    or recorded, when the consent does not hold, the file takes nothing, `by` is of another form, or `refuse_face`
    raises it; JournalError when the records cannot be stored: then the next start makes them.
    """
    whose = new_person_id() if person is None else person
    check(whose, name, consent, policy, probes)
    model_id = probes[0].model_id

    def change() -> list[RecordDraft]:
        if person is not None:
            refuse_face(person, people)
        people.enrol(whose, name, consent, policy, np.stack([probe.embedding for probe in probes]), model_id)
        return [consent_given(whose, consent), enrolled(whose, model_id, len(probes))]

    audited(change, people, journal, clock, by)
    return Enrolled(whose, len(probes))


def check(person: str, name: str, consent: Consent, policy: Policy, probes: Sequence[Probe] = ()) -> None:
    """All that can be known before anything is written. Raises PeopleError, with every problem and its cure."""
    wrong = consent_problems(consent, policy)
    embeddings = np.stack([probe.embedding for probe in probes]) if probes else None
    wrong += malformed(person, name, embeddings, probes[0].model_id if probes else None)
    if wrong:
        raise PeopleError("nobody was enrolled: " + "; ".join(wrong))


def refuse_face(person: str, people: People) -> None:
    """Raises PeopleError for nobody of this id, for who was erased, and for who has a face here."""
    here = next((one for one in people.list() if one.id == person), None)
    if here is None or (here.name is None and not any(people.credentials.held(person).values())):
        raise unknown_person(person)
    if here.templates:
        raise PeopleError(f"{person}: has a face here; `people agree` is for a new consent to it")


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
