"""Requests of the command line to the running terminal: from a line to a value, and the forms of the answers."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import Meta

from edge.domain.attendance.cues import CueName
from edge.domain.people.consent import LANGUAGE
from edge.domain.people.operator_id import BY
from edge.domain.protocol.document import convert
from edge.domain.protocol.fields import Person, whole
from edge.domain.strict_json import dump, is_version, parse_object
from edge.errors import RecordError

MOST_REQUEST = 4_096
"""Bytes."""
_LINE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]{1,200}")
Line = Annotated[str, whole(_LINE)]
Operator = Annotated[str, whole(BY)]


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """Ask for the terminal's status."""


@dataclass(frozen=True, slots=True)
class CuesRequest:
    """Show cues, one after another, on the real lights."""

    cues: Annotated[list[CueName], Meta(min_length=1, max_length=len(CueName))]


@dataclass(frozen=True, slots=True)
class CameraTestRequest:
    """Look through the camera for some seconds."""


@dataclass(frozen=True, slots=True)
class CardRequest:
    """Read the next card at the reader; with `person` it becomes their badge."""

    by: Operator
    person: Person | None = None
    other_card: bool = False


@dataclass(frozen=True, slots=True)
class EnrolRequest:
    """Enrol the person who stands before the camera."""

    name: Line
    witness: Line
    language: Annotated[str, whole(LANGUAGE)]
    consent: Literal[True]
    age_attested: Literal[True]
    employer_agreed: Literal[True]
    by: Operator
    person: Person | None = None
    despite_lookalike: bool = False


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """End the action that goes on."""


ControlRequest = StatusRequest | CuesRequest | CameraTestRequest | CardRequest | EnrolRequest | CancelRequest
KINDS: dict[str, type[ControlRequest]] = {
    "status": StatusRequest,
    "cues": CuesRequest,
    "camera-test": CameraTestRequest,
    "card-next": CardRequest,
    "enrol": EnrolRequest,
    "cancel": CancelRequest,
}
"""The words of `do`; docs/control.md has a section on each."""


def parse(line: bytes) -> ControlRequest:
    """The request in a line. Raises RecordError, whose text quotes nothing of it: it may hold a name."""
    said = parse_object(line, MOST_REQUEST)
    if not is_version(said):
        raise RecordError("not version 1; give the command with the program of this version")
    kind = KINDS.get(said["do"]) if isinstance(said.get("do"), str) else None
    if kind is None:
        raise RecordError(f"`do` is none of {', '.join(KINDS)}")
    return convert(said, kind, "request")


def progress(word: str, **fields: object) -> bytes:
    """A line about the progress of an action."""
    return dump({"v": 1, "progress": word, **fields})


def done(**fields: object) -> bytes:
    """The last line of an answer: it was done."""
    return dump({"v": 1, "end": "done", **fields})


def refused(reason: str, text: str, **fields: Any) -> bytes:
    """The last line of an answer: it was not done. `text` says what to do."""
    return dump({"v": 1, "end": "refused", "reason": reason, "text": text, **fields})
