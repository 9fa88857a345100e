"""Enrolment by an operator: consent first, then templates, both on record."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edge.domain.face import Probe
from edge.domain.people.consent import Consent, Policy, consent_problems
from edge.domain.protocol.record_draft import RecordDraft, consent_given, enrolled
from edge.errors import EnrolmentRefused, PeopleError
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.people.person import malformed, new_person_id, unknown_person
from edge.ports import Clock
from edge.terminal.operator.audited_action import audited


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The result of an enrolment."""

    person: str
    """The opaque id by which records name the person."""
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
    within: Callable[[], None] = lambda: None,
) -> Enrolled:
    """Keep consent and templates, and put both on record; no template is kept without consent (I9).

    `by` is the operator (`operator_id`), None when nobody acts by hand. `person` is the id of somebody who is here
    without a face, by badge or PIN, and keeps this id; without it a new id is made. `within` is called in the same
    transaction, before anything is kept. Raises PeopleError, and nothing is kept or recorded, when the consent does
    not hold, the file cannot be written, `by` has another form, `within` raises it, or `refuse_face` refuses.
    Raises JournalError when the records cannot be stored: then the next start makes them.
    """
    whose = new_person_id() if person is None else person
    check(whose, name, consent, policy, probes)
    model_id = probes[0].model_id

    def change() -> list[RecordDraft]:
        within()
        if person is not None:
            refuse_face(person, people)
        people.enrol(whose, name, consent, policy, np.stack([probe.embedding for probe in probes]), model_id)
        return [consent_given(whose, consent), enrolled(whose, model_id, len(probes))]

    audited(change, people, journal, clock, by)
    return Enrolled(whose, len(probes))


def check(person: str, name: str, consent: Consent, policy: Policy, probes: Sequence[Probe] = ()) -> None:
    """Check everything that can be known before the first write. Raises PeopleError with all problems and cures."""
    wrong = consent_problems(consent, policy)
    embeddings = np.stack([probe.embedding for probe in probes]) if probes else None
    wrong += malformed(person, name, embeddings, probes[0].model_id if probes else None)
    if wrong:
        raise PeopleError("nobody was enrolled: " + "; ".join(wrong))


def refuse_face(person: str, people: People) -> None:
    """Raises PeopleError when nobody has this id, the person was erased, or they have a face here already."""
    here = next((one for one in people.list() if one.id == person), None)
    if here is None or (here.name is None and not any(people.credentials.held(person).values())):
        raise unknown_person(person)
    if here.templates:
        raise PeopleError(f"{person}: has a face here already; `people agree` takes a new consent to it")


def refuse_lookalike(other: str | None, person: str | None, *, despite: bool) -> None:
    """Raises EnrolmentRefused when somebody else enrolled, `other`, would be taken for the person, unless the
    operator enrols them in spite of it.
    """
    if other not in {None, person} and not despite:
        raise EnrolmentRefused(
            f"nobody was enrolled: {other} would be taken for this person. If they are the same person, "
            "withdraw that enrolment first (`people withdraw`); if they only look alike (twins), enrol them with "
            "--despite-lookalike, and give both a badge"
        )


def agree(
    person: str, consent: Consent, policy: Policy, *, people: People, journal: Journal, clock: Clock, by: str
) -> None:
    """Take a new consent to `policy` from an enrolled person: they are matched again by the templates here (I9).

    Raises PeopleError when the person is not enrolled or the consent does not hold, JournalError.
    """

    def change() -> list[RecordDraft]:
        member = people.member(person)
        if not member.templates:
            raise PeopleError(
                f"{person}: has no face here, so that no consent is needed; `smartclocker enrol` adds a face"
            )
        for model, matrix in member.templates.items():
            people.enrol(person, member.name, consent, policy, matrix, model)
        return [consent_given(person, consent)]

    audited(change, people, journal, clock, by)
