"""Consent: what must have been agreed to and attested before a face may become a template (I9).

The policy is the text that staff read, known by its version and sha256. Consent to one version is no consent to the
next: a changed policy stops matching until the person agrees again.
"""

import re
from dataclasses import dataclass, replace

from edge.domain.time.instant import is_later, is_rfc3339

MINIMUM_AGE = 13
"""Years; a younger person is not enrolled, whoever agrees."""
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,7}")
"""A language tag, close to BCP 47, and bounded."""
NEVER_AGAIN = "9999-12-31T23:59:59Z"
"""Stands for an instant of withdrawal that was damaged: no consent is later than it."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WORDS = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


@dataclass(frozen=True, slots=True)
class Policy:
    """The privacy policy in force."""

    version: str
    sha256: str
    """sha256 of the text's bytes, hex: the version names the policy, this proves its text."""


@dataclass(frozen=True, slots=True)
class Consent:
    """The consent of one person, and the evidence for it."""

    policy_version: str
    policy_sha256: str
    language: str
    """BCP 47 tag of the text that was read."""
    given_at: str
    """RFC 3339 with an offset."""
    witness: str
    """The witness: a name or staff number."""
    age_attested: bool
    """The person is at least MINIMUM_AGE years old, attested by the witness."""
    employer_agreed: bool
    """The employer has agreed to the use, as the policy requires beside the person's consent."""
    withdrawn_at: str | None = None
    """RFC 3339; set once, never cleared: agreeing again is a new consent."""


def consent_problems(consent: Consent, policy: Policy) -> list[str]:
    """Everything that keeps this consent from being valid under `policy`, each with its cure; empty when valid."""
    found = []
    if consent.policy_version != policy.version or consent.policy_sha256 != policy.sha256:
        found.append(f"consent is to another policy than {policy.version}; show the current one and ask again")
    if _SHA256.fullmatch(consent.policy_sha256) is None:
        found.append("policy_sha256 is not 64 hex digits; take it from the policy's file")
    if LANGUAGE.fullmatch(consent.language) is None:
        found.append("language is not a BCP 47 tag; write one such as 'en' or 'pt-BR'")
    if not is_rfc3339(consent.given_at):
        found.append("given_at is not an RFC 3339 time with an offset; write one such as 2026-01-31T09:30:00Z")
    if _WORDS.fullmatch(consent.witness.strip()) is None:
        found.append("witness is empty or not one line; name who saw the consent given")
    if not consent.age_attested:
        found.append(f"nobody attested an age of {MINIMUM_AGE} or more; enrol only who is, and attest it")
    if not consent.employer_agreed:
        found.append("the employer's agreement is missing; obtain it before enrolment")
    if consent.withdrawn_at is not None:
        found.append("consent was withdrawn; ask again, as a new consent")
    return found


def is_active(consent: Consent | None, policy: Policy) -> bool:
    """Whether matching is permitted now: there is a valid consent to this very policy, and it was not withdrawn."""
    return consent is not None and not consent_problems(consent, policy)


def ended_consent(given: Consent, when: str) -> Consent:
    """The consent withdrawn at `when`. A clock that was behind, now or when it was given, puts no withdrawal before
    the consent.
    """
    return replace(given, withdrawn_at=given.given_at if is_later(given.given_at, when) else when)


def last_word(here: Consent | None, said: Consent | None) -> Consent | None:
    """The effective consent, given the local one (`here`) and the roster's (`said`).

    A withdrawal ends only a consent that was given before it; only a consent that was given after it ends the
    withdrawal. Of two consents the later one counts, and of two withdrawals of one consent the later.
    """
    if here is None or said is None:
        return said or here
    if here.withdrawn_at is None:
        return here if is_later(here.given_at, said.withdrawn_at or said.given_at) else said
    if said.withdrawn_at is None:
        return said if is_later(said.given_at, here.withdrawn_at) else here
    again = said.given_at == here.given_at and not is_later(said.withdrawn_at, here.withdrawn_at)
    return here if again else said
