"""Whether a message is a record of the terminal that its topic names, by its signature alone. Writes nothing."""

from collections.abc import Callable
from dataclasses import dataclass

from edge.central.store.rows import Entry, Terminal
from edge.central.store.verdicts import Reason
from edge.crypto import dsse
from edge.domain.protocol import topics
from edge.domain.protocol.record import PAYLOAD_TYPE, Origin, decode, payload_hash
from edge.errors import RecordError
from edge.journal.chain import person_of

Registry = Callable[[str], Terminal | None]
"""Whose a key id is."""


@dataclass(frozen=True, slots=True)
class Genuine:
    """A record that a registered terminal signed, and the place in its chains that it names."""

    terminal: Terminal
    epoch: str
    entry: Entry


def read(topic: str, raw: bytes, registry: Registry) -> Genuine | Reason:
    """Judge one message; nothing about it is trusted before. Raises what `registry` raises."""
    origin, levels = topics.origin_of(topic), topic.split("/")
    if origin is None or len(levels) != 6 or levels[4] != "record":
        return Reason.TOPIC
    try:
        sealed = dsse.parse(raw)
    except RecordError:
        return Reason.MALFORMED
    terminal = _identify(origin, registry(sealed.keyid))
    return terminal if isinstance(terminal, Reason) else _open(sealed, terminal, levels[5])


def _identify(origin: Origin, terminal: Terminal | None) -> Terminal | Reason:
    if terminal is None:
        return Reason.UNKNOWN_KEY
    if terminal.origin != origin:
        return Reason.FOREIGN_KEY
    return terminal if terminal.revoked is None else Reason.REVOKED


def _open(sealed: dsse.Envelope, terminal: Terminal, kind: str) -> Genuine | Reason:
    try:
        payload = dsse.verify(sealed, PAYLOAD_TYPE, {terminal.keyid: terminal.key})
    except RecordError:
        return Reason.SIGNATURE
    try:
        record = decode(payload)
    except RecordError:
        return Reason.PAYLOAD
    if record.origin != terminal.origin:
        return Reason.ORIGIN
    if record.kind != kind:
        return Reason.KIND
    place = record.position
    entry = Entry(
        place.seq, record.kind, person_of(record), place.prev, payload_hash(payload), payload, sealed.signature
    )
    return Genuine(terminal, place.epoch, entry)
