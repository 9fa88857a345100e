"""The record of an act on a person, before it has a time and a place in the chain."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from edge.domain.people.consent import Consent, Policy
from edge.domain.protocol.record_kinds import Bar, CommandOutcome, Kind, Restriction
from edge.domain.vocabulary import ErasureReason


class RecordDraft(NamedTuple):
    """A record that is to be written: its kind, and that kind's own fields."""

    kind: str
    data: Mapping[str, Any]


def consent_given(person: str, consent: Consent) -> RecordDraft:
    """The draft for a consent. The record never tells who witnessed it."""
    data = {
        "person": person,
        "state": "given",
        "policy_version": consent.policy_version,
        "policy_sha256": consent.policy_sha256,
        "language": consent.language,
        "witnessed": True,
        "age_attested": consent.age_attested,
        "employer_agreed": consent.employer_agreed,
    }
    return RecordDraft(Kind.CONSENT, data)


def consent_withdrawn(person: str, policy: Policy) -> RecordDraft:
    """The draft for the end of somebody's consent to `policy`."""
    data = {"state": "withdrawn", "policy_version": policy.version, "policy_sha256": policy.sha256}
    return RecordDraft(Kind.CONSENT, {"person": person, **data})


def enrolled(person: str, model_id: str, templates: int) -> RecordDraft:
    """The draft for an enrolment: templates of a person, made by one model."""
    return RecordDraft(Kind.ENROLLED, {"person": person, "models": [model_id], "templates": templates})


def erased(person: str, reason: ErasureReason, templates: int) -> RecordDraft:
    """The draft for an erasure of biometrics; `templates` is how many there were."""
    return RecordDraft(Kind.ERASED, {"person": person, "reason": str(reason), "templates": templates})


def restricted(person: str, state: Restriction | Bar) -> RecordDraft:
    """The draft for a restriction: the person's data are kept and not matched from now on, or are matched again."""
    return RecordDraft(Kind.RESTRICTED, {"person": person, "state": str(state)})


def command_result(
    command_id: str, command: str, outcome: CommandOutcome, detail: str, person: str | None = None
) -> RecordDraft:
    """The draft for the outcome of an order, or of an act by hand; `person`, if given, is named in the record."""
    data = {"command_id": command_id, "command": str(command), "outcome": str(outcome), "detail": detail}
    return RecordDraft(Kind.COMMAND_RESULT, {**data, **({} if person is None else {"person": person})})
