"""The document with which a terminal hands one enrolled person to the centre: one line of JSON, LF, and a sealed
box.

Only the centre's roster key opens the box, which holds the person's roster entry. The terminal's identity signs the
whole document, so that the centre accepts people from its own terminals only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from edge.domain.protocol.fields import Instant, KeyId, Person
from edge.domain.protocol.record import Origin
from edge.domain.roster import messages
from edge.domain.roster.messages import SealedDocument
from edge.domain.strict_json import dump
from edge.errors import RecordError


@dataclass(frozen=True, slots=True)
class Enrolment(SealedDocument):
    """One person on the way to the centre."""

    NOUN = "enrolment"
    PAYLOAD_TYPE = "application/vnd.smartclocker.enrolment"
    MAX_PAYLOAD = messages.MAX_PAYLOAD
    FAULTS: ClassVar[Mapping[str, str]] = {"at": "enrolment: at is malformed"}

    origin: Origin
    """The terminal that enrolled the person."""
    person: Person
    to: KeyId
    """The id of the centre's roster key."""
    sealed: bytes
    at: Instant | None = None
    """Instant of the export, by the terminal's clock (RFC 3339 UTC); earlier versions of a terminal do not give
    it.
    """

    def encode(self) -> bytes:
        """The payload to sign. Raises RecordError for a value that no reader would accept."""
        words = self._words()
        del words["sealed"]
        if self.at is None:
            del words["at"]
        payload = dump({"v": 1, **words}) + b"\n" + self.sealed
        self.decode(payload)
        return payload

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Read a payload. Raises RecordError for anything malformed or of another version."""
        _, _, sealed = payload.partition(b"\n")
        if not sealed or len(payload) > cls.MAX_PAYLOAD:
            raise RecordError("enrolment: cut off, or too long")
        return super(Enrolment, cls).decode(payload)

    @classmethod
    def _prepared(cls, said: Mapping[str, Any]) -> Mapping[str, Any]:
        if said.get("at", "") is None:
            raise RecordError(cls.FAULTS["at"])
        return said
