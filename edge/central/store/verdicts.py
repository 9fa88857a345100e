"""What can become of a message, in words."""

from dataclasses import dataclass
from enum import Enum


class Outcome(Enum):
    """What became of a message."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    """It was here, byte for byte."""
    REJECTED = "rejected"
    """It changes nothing."""
    CONFLICT = "conflict"
    """Genuine, but its place is taken, or it does not follow the one before: kept as evidence of a fork."""


class RejectReason(Enum):
    """Why a message was rejected, or is in conflict."""

    TOPIC = "not a record topic"
    MALFORMED = "not an envelope"
    UNKNOWN_KEY = "signed by a key that is not registered"
    REVOKED = "signed by a key that was revoked"
    FOREIGN_KEY = "signed by the key of another terminal"
    SIGNATURE = "the signature does not verify"
    PAYLOAD = "signed, but not a record"
    ORIGIN = "the record names another terminal than its topic"
    KIND = "the record is of another kind than its topic"
    PUT_OFF = "more than one terminal may store in a day; put off"
    OTHER_PAYLOAD = "another record has its place"
    LINK = "it does not follow the record before it"


@dataclass(frozen=True, slots=True)
class IntakeVerdict:
    """The outcome for one message; `reason` for what was rejected or is in conflict."""

    outcome: Outcome
    reason: RejectReason | None = None


STORED, DUPLICATE = IntakeVerdict(Outcome.STORED), IntakeVerdict(Outcome.DUPLICATE)
