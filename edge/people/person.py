"""An enrolled person, and the rules of a well-formed enrolment."""

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
"""Templates of one person by one model: more photographs than anybody takes, and few enough to match 1,000 people
fast.
"""
__all__ = ["MAX_NAME", "is_name"]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is, or was, enrolled."""

    id: str
    name: str | None
    """None after the consent was withdrawn, because the key that encrypted the name is gone."""
    templates: int
    models: tuple[str, ...]
    """Ids of the models that made the templates."""
    consent: Consent | None
    """The latest consent; None for a person who never gave one. `consent.is_active` tells whether it permits
    matching.
    """
    restriction: Restriction | None
    """Why the person is not matched although the data are kept."""
    erased: bool = False
    """Whether the person was erased. It stays False when only a consent ended."""
    damaged: bool = False
    """Whether some of the person's data were altered and cannot be opened. No other person is affected."""


def new_person_id() -> str:
    """A new id: 128 random bits in base32, which reveals nothing and never occurs twice."""
    return base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()


def malformed(person: str, name: str, embeddings: Floats | None, model_id: str | None) -> list[str]:
    """Every fault of an enrolment, each with its cure. Embeddings or a model id that are not there yet are None."""
    found = []
    if PERSON.fullmatch(person) is None:
        found.append("the id is malformed; use one that new_person_id makes")
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
    """The error for an id that nobody has here, with the command that lists the ids."""
    return PeopleError(f"{person}: {NOBODY_HERE}; `smartclocker people list` shows who is")
