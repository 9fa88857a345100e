"""Verification of records with public keys alone: signature, form, place in the chain.

The terminal checks the end of its own journal with these rules at every start, the ledger checks each record that
arrives, and `edge.journal.verify` checks a whole journal.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from edge.crypto.dsse import pae
from edge.domain.protocol.record import GENESIS, PAYLOAD_TYPE, Origin, Record, decode, payload_hash
from edge.errors import RecordError


@dataclass(frozen=True, slots=True)
class StoredEnvelope:
    """A record as it is stored: the signed bytes, and the columns that repeat some of their fields."""

    seq: int
    kind: str
    person: str | None
    payload: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The last record of a chain. An empty chain has `Head(0, GENESIS)`."""

    seq: int
    hash: str
    """sha256 of the record's payload, hex. A receipt's head must equal it."""


START = Head(0, GENESIS)


@dataclass(frozen=True, slots=True)
class ChainFault:
    """The first fault that was found in a chain."""

    seq: int
    """The record that is wrong; where records are missing, the first number that is missing."""
    what: str


@dataclass(frozen=True, slots=True)
class Chain:
    """The chain that records must belong to, and the key that must have signed them."""

    origin: Origin
    epoch: str
    key: VerifyKey


@dataclass(frozen=True, slots=True)
class Walk:
    """The result of `verify_records`."""

    records: int
    """Number of records that verified."""
    first_seq: int
    """Number of the first record; 0 when there were no records."""
    head: Head
    """The last record that verified."""
    problem: ChainFault | None


def person_of(record: Record) -> str | None:
    """The value for the `person` column: the person's opaque id; None for kinds of record that name no person."""
    person = record.data.get("person")
    return person if isinstance(person, str) else None


def check(kept: StoredEnvelope, chain: Chain, previous: Head | None) -> str | None:
    """The fault of one record, or None. `previous` is None when the record before it was evicted."""
    if not isinstance(kept.payload, bytes) or not isinstance(kept.signature, bytes) or len(kept.signature) != 64:
        return "its payload or signature is missing"
    try:
        chain.key.verify(pae(PAYLOAD_TYPE, kept.payload), kept.signature)
        record = decode(kept.payload)
    except BadSignatureError:
        return "its signature does not verify"
    except RecordError as error:
        return f"signed, but malformed: {error}"
    return _misplaced(record, kept, chain, START if kept.seq == 1 else previous)


def _misplaced(record: Record, kept: StoredEnvelope, chain: Chain, previous: Head | None) -> str | None:
    place = record.position
    if record.origin != chain.origin or place.epoch != chain.epoch:
        return "it belongs to another terminal or epoch"
    if place.seq != kept.seq:
        return f"it is stored as {kept.seq}, and its signed number is {place.seq}"
    if (record.kind, person_of(record)) != (kept.kind, kept.person):
        return "its kind or person column differs from what was signed"
    if previous is not None and (previous.seq + 1, previous.hash) != (place.seq, place.prev):
        return f"it does not follow record {place.seq - 1} of this journal"
    return None


def verify_records(records: Iterable[StoredEnvelope], chain: Chain, *, after: Head | None = None) -> Walk:
    """Verify records in their order, up to the first that is wrong.

    The first record must follow the head `after`. With None it may have any place, because older records may have
    been evicted.
    """
    count, first, previous = 0, 0, after
    for kept in records:
        if previous is not None and kept.seq != previous.seq + 1:
            return Walk(
                count, first, previous, ChainFault(previous.seq + 1, f"missing: record {kept.seq} comes next")
            )
        wrong = check(kept, chain, previous)
        if wrong is not None:
            return Walk(count, first, previous or START, ChainFault(kept.seq, wrong))
        previous = Head(kept.seq, payload_hash(kept.payload))
        count, first = count + 1, first or kept.seq
    return Walk(count, first, previous or START, None)
