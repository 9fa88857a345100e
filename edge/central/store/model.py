"""The rows of the ledger, and what can become of a message that arrives."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum

from nacl.signing import VerifyKey

from edge.domain.protocol.record import Origin
from edge.domain.time.instant import utc_text


@dataclass(frozen=True, slots=True)
class RegisteredTerminal:
    """A registered identity: a name and a key. A terminal whose SD card was replaced has one identity for each
    key.
    """

    id: int
    origin: Origin = field(hash=False)  # the hash uses the id alone, because it is computed for every record
    keyid: str = field(hash=False)
    key: VerifyKey = field(hash=False)
    registered: str = field(hash=False)
    """RFC 3339 UTC."""
    revoked: str | None = field(hash=False)
    doubted_since: str | None = field(hash=False, default=None)
    """For a revoked identity: records received at this instant or later are unproven; None if no instant was
    given.
    """


@dataclass(frozen=True, slots=True)
class ChainRow:
    """One epoch of one identity."""

    id: int
    terminal: int
    epoch: str
    upto: int
    """Every record up to this one is stored and linked."""
    head: str
    """sha256 (hex) of the payload of record `upto`; GENESIS at 0."""


@dataclass(frozen=True, slots=True)
class Links:
    """sha256 (hex) of the payload of the record before, and of the record itself."""

    prev: str
    hash: str


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record to store."""

    seq: int
    kind: str
    person: str | None
    prev: str
    hash: str
    payload: bytes
    signature: bytes


def now() -> str:
    """The time of this machine's clock as the ledger writes it: RFC 3339 UTC with milliseconds and Z."""
    return utc_text(datetime.now(UTC))


class Outcome(Enum):
    """What became of a message."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    """The same record was here already, byte for byte."""
    REJECTED = "rejected"
    """The message changed nothing."""
    CONFLICT = "conflict"
    """The record is genuine, but another record has its place, or it does not follow the record before it. It is
    kept as evidence of a fork.
    """


class RejectReason(Enum):
    """Why a message was rejected or is in conflict."""

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
    """The outcome for one message; `reason` if it was rejected or is in conflict."""

    outcome: Outcome
    reason: RejectReason | None = None


STORED, DUPLICATE = IntakeVerdict(Outcome.STORED), IntakeVerdict(Outcome.DUPLICATE)
