"""Whether a message is a record of the terminal that its topic names, by its signature alone. Writes nothing."""

from collections.abc import Callable
from dataclasses import dataclass

from edge.central.store.rows import RegisteredTerminal, StoredRecord
from edge.central.store.verdicts import RejectReason
from edge.crypto import dsse
from edge.domain.protocol import topics
from edge.domain.protocol.record import PAYLOAD_TYPE, Origin, decode, payload_hash
from edge.errors import RecordError
from edge.journal.chain import person_of

Registry = Callable[[str], RegisteredTerminal | None]
"""Whose a key id is."""


@dataclass(frozen=True, slots=True)
class VerifiedMessage:
    """A record that a registered terminal signed, and the place in its chains that it names."""

    terminal: RegisteredTerminal
    epoch: str
    entry: StoredRecord


def read(topic: str, raw: bytes, registry: Registry) -> VerifiedMessage | RejectReason:
    """Judge one message; nothing about it is trusted before. Raises what `registry` raises."""
    origin, levels = topics.origin_of(topic), topic.split("/")
    if origin is None or len(levels) != 6 or levels[4] != "record":
        return RejectReason.TOPIC
    try:
        sealed = dsse.parse(raw)
    except RecordError:
        return RejectReason.MALFORMED
    terminal = _identify(origin, registry(sealed.keyid))
    return terminal if isinstance(terminal, RejectReason) else _open(sealed, terminal, levels[5])


def _identify(origin: Origin, terminal: RegisteredTerminal | None) -> RegisteredTerminal | RejectReason:
    if terminal is None:
        return RejectReason.UNKNOWN_KEY
    if terminal.origin != origin:
        return RejectReason.FOREIGN_KEY
    return terminal if terminal.revoked is None else RejectReason.REVOKED


def _open(sealed: dsse.Envelope, terminal: RegisteredTerminal, kind: str) -> VerifiedMessage | RejectReason:
    try:
        payload = dsse.verify(sealed, PAYLOAD_TYPE, {terminal.keyid: terminal.key})
    except RecordError:
        return RejectReason.SIGNATURE
    try:
        record = decode(payload)
    except RecordError:
        return RejectReason.PAYLOAD
    if record.origin != terminal.origin:
        return RejectReason.ORIGIN
    if record.kind != kind:
        return RejectReason.KIND
    place = record.position
    entry = StoredRecord(
        place.seq, record.kind, person_of(record), place.prev, payload_hash(payload), payload, sealed.signature
    )
    return VerifiedMessage(terminal, place.epoch, entry)
