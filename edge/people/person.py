"""Somebody who is enrolled: what is known of them, and what makes an enrolment well-formed."""

import base64
import secrets
from dataclasses import dataclass

from edge.domain.face import Floats
from edge.domain.people.consent import Consent
from edge.domain.people.person_name import MAX_NAME, is_name, problem, tidy
from edge.domain.protocol.fields import PERSON
from edge.domain.protocol.order import NOBODY_HERE
from edge.domain.protocol.record_kinds import Restriction
from edge.domain.recognition.gallery import are_unit
from edge.errors import PeopleError

MAX_TEMPLATES = 32
"""A person's templates by one model: more photographs than anyone takes, few enough to match 1,000 people fast."""
__all__ = ["MAX_NAME", "is_name"]


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who is, or was, enrolled."""

    id: str
    name: str | None
    """None once consent was withdrawn: the key that sealed it is gone."""
    templates: int
    models: tuple[str, ...]
    """Which models made them."""
    consent: Consent | None
    """The latest; None for who never gave one. `consent.is_active` says whether it permits matching."""
    restriction: Restriction | None
    """Why they are not matched although they are kept."""
    erased: bool = False
    """Gone for good; a consent that ended alone leaves it false."""
    damaged: bool = False
    """Something of theirs was altered and cannot be opened; it concerns nobody else."""


def new_person_id() -> str:
    """128 random bits in base32: says nothing, collides never."""
    return base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()


def malformed(person: str, name: str, embeddings: Floats | None, model_id: str | None) -> list[str]:
    """Everything that is wrong with an enrolment, each with its cure; None for what is not there yet."""
    found = []
    if PERSON.fullmatch(person) is None:
        found.append("the id is not one that new_person_id makes; use such a one")
    wrong = problem(tidy(name))
    if wrong is not None:
        found.append(wrong)
    if model_id is not None and (not model_id or "\n" in model_id):
        found.append("the model has no id; take it from the manifest")
    if embeddings is None:
        return found
    if embeddings.ndim != 2 or not 1 <= len(embeddings) <= MAX_TEMPLATES or not are_unit(embeddings):
        found.append(f"templates are not 1 to {MAX_TEMPLATES} finite unit vectors; take the photographs again")
    return found


def unknown_person(person: str) -> PeopleError:
    """The error for an id that nobody here has; it says where the ids stand."""
    return PeopleError(f"{person}: {NOBODY_HERE}; `smartclocker people list` shows who is")
