"""What the ledger holds, row by row, and what can become of a message that comes to it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum

from nacl.signing import VerifyKey

from edge.domain.protocol.record import Origin
from edge.domain.time.instant import utc_text


@dataclass(frozen=True, slots=True)
class RegisteredTerminal:
    """A registered identity: a name and a key. A terminal whose card was replaced has one for each key."""

    id: int
    origin: Origin = field(hash=False)  # the id says it all, and is hashed for every record
    keyid: str = field(hash=False)
    key: VerifyKey = field(hash=False)
    registered: str = field(hash=False)
    """RFC 3339 UTC."""
    revoked: str | None = field(hash=False)
    doubted_since: str | None = field(hash=False, default=None)
    """Of a revoked one: what the ledger received at this instant or later is unproven; None: nobody said when."""


@dataclass(frozen=True, slots=True)
class ChainRow:
    """One epoch of one identity."""

    id: int
    terminal: int
    epoch: str
    upto: int
    """Every record up to here is stored and linked."""
    head: str
    """sha256 (hex) of the payload of record `upto`; GENESIS at 0."""


@dataclass(frozen=True, slots=True)
class Links:
    """sha256 (hex) of the payload before a record, and of its own."""

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
    """This machine's clock as the ledger writes it: RFC 3339 UTC with milliseconds and Z."""
    return utc_text(datetime.now(UTC))


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
