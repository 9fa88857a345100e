"""What a terminal hands to the centre of one enrolled person: one line of JSON, LF, and a sealed box.

The box opens with the centre's roster key alone, and holds what the roster says of a person. The terminal's
identity signs all of it, so that the centre takes people from its own terminals only.
"""

from dataclasses import dataclass

from edge.domain.protocol.record import NAME, Origin
from edge.domain.protocol.record_kinds import PERSON, is_instant
from edge.domain.roster.messages import KEY_ID, MAX_LINE, MAX_PAYLOAD
from edge.domain.strict_json import dump, is_version, parse_object
from edge.errors import RecordError

ENROLMENT_TYPE = "application/vnd.smartclocker.enrolment"
"""The DSSE payload type."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One person, on the way to the centre."""

    origin: Origin
    """The terminal that enrolled them."""
    person: str
    to: str
    """The id of the centre's roster key."""
    sealed: bytes
    at: str | None = None
    """When it was exported, by the terminal's clock (RFC 3339 UTC); terminals of before say nothing of it."""


def encode(enrolment: Enrolment) -> bytes:
    """The payload to sign. Raises RecordError."""
    origin = enrolment.origin
    document = {
        "v": 1,
        "site": origin.site,
        "terminal": origin.terminal,
        "person": enrolment.person,
        "to": enrolment.to,
    }
    said = {} if enrolment.at is None else {"at": enrolment.at}
    payload = dump({**document, **said}) + b"\n" + enrolment.sealed
    decode(payload)
    return payload


def decode(payload: bytes) -> Enrolment:
    """Raises RecordError for anything malformed or of another version."""
    line, newline, sealed = payload.partition(b"\n")
    if not newline or not sealed or len(payload) > MAX_PAYLOAD:
        raise RecordError("enrolment: cut off, or longer than it can be")
    document = parse_object(line, MAX_LINE)
    if not is_version(document):
        raise RecordError("enrolment: not version 1")
    for name, pattern in (("site", NAME), ("terminal", NAME), ("person", PERSON), ("to", KEY_ID)):
        value = document.get(name)
        if not isinstance(value, str) or pattern.fullmatch(value) is None:
            raise RecordError(f"enrolment: {name} is missing or malformed")
    at = document.get("at")
    if "at" in document and not is_instant(at):
        raise RecordError("enrolment: at is malformed")
    origin = Origin(document["site"], document["terminal"])
    return Enrolment(origin, document["person"], document["to"], sealed, at)
