"""The intake: decides whether a message becomes part of the ledger, and queues the signed receipts for it.

A message is accepted only by its signature. The topic says only which terminal's key to expect; the broker and its
ACL are not trusted.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nacl.signing import SigningKey

from edge.central.ledger.quota import Quota
from edge.central.ledger.receipts import COALESCE_NS, COALESCE_RECORDS, Arrival, ReceiptQueue, Reply
from edge.central.store.model import (
    DUPLICATE,
    STORED,
    ChainRow,
    IntakeVerdict,
    Links,
    Outcome,
    RegisteredTerminal,
    RejectReason,
    StoredRecord,
)
from edge.central.store.records import Store
from edge.crypto import dsse
from edge.domain.protocol import topics
from edge.domain.protocol.record import GENESIS, PAYLOAD_TYPE, Origin, decode, payload_hash
from edge.errors import RecordError
from edge.journal.chain import person_of

__all__ = [
    "COALESCE_NS",
    "COALESCE_RECORDS",
    "Arrival",
    "IntakeVerdict",
    "Ledger",
    "Outcome",
    "RejectReason",
    "Reply",
]

Registry = Callable[[str], RegisteredTerminal | None]
"""Finds the registered identity of a key id."""


@dataclass(frozen=True, slots=True)
class VerifiedMessage:
    """A record with a verified signature of a registered terminal, and the epoch that it names."""

    terminal: RegisteredTerminal
    epoch: str
    entry: StoredRecord


class Ledger:
    """The rules of intake over one Store. It is used on the thread of that Store."""

    def __init__(self, store: Store, key: SigningKey, daily: int | None = None) -> None:
        """`key` signs the receipts; terminals pin its public half. `daily` is the number of bytes that one terminal
        may have stored in a day; None for no limit.
        """
        self._daily = daily
        self.counts: Counter[Outcome | RejectReason] = Counter()
        self._store = store
        self._answers = ReceiptQueue(store, key)
        self._known: dict[str, RegisteredTerminal] = {}

    def accept_batch(self, messages: Sequence[tuple[str, bytes]]) -> list[IntakeVerdict]:
        """Stores a batch of (topic, message) in one durable commit.

        Signatures are checked before the transaction begins, because another instance of the ledger may write
        meanwhile. Raises LedgerError; then nothing of the batch is stored.
        """
        read_ones = [verify_message(topic, raw, self._whose) for topic, raw in messages]
        genuine = [one for one in read_ones if isinstance(one, VerifiedMessage)]
        verdicts = iter(self._place(genuine) if genuine else [])
        judged = [
            next(verdicts) if isinstance(one, VerifiedMessage) else IntakeVerdict(Outcome.REJECTED, one)
            for one in read_ones
        ]
        arrivals = [
            Arrival(one.terminal, one.epoch)
            for one, verdict in zip(read_ones, judged, strict=True)
            if isinstance(one, VerifiedMessage) and verdict.outcome is not Outcome.REJECTED
        ]
        self._answers.arrived(arrivals)  # queued only after the commit is durable
        for verdict in judged:
            self.counts[verdict.outcome] += 1
            if verdict.reason is not None:
                self.counts[verdict.reason] += 1
        return judged

    def sighted(self, origin: Origin, epoch: str) -> None:
        """Queues a receipt for a terminal whose status says that it is online with this epoch. The status is
        unsigned.
        """
        self._answers.sighted(origin, epoch)

    def receipts_due(self, now_ns: int) -> list[Reply]:
        """The receipts to send now. Raises LedgerError; then all of them stay queued."""
        return self._answers.due(now_ns)

    def owe(self, reply: Reply) -> None:
        """Queues this receipt again, because it could not be sent."""
        self._answers.owe(reply)

    @property
    def waiting(self) -> bool:
        """Whether a receipt is queued."""
        return self._answers.waiting

    def _whose(self, keyid: str) -> RegisteredTerminal | None:
        """The registered identity of a key id, cached.

        The cache may miss a revocation. `_place` therefore looks up revocations again in the transaction.
        """
        known = self._known.get(keyid)
        if known is None:
            known = self._store.terminal(keyid)
            if known is not None:
                self._known[keyid] = known
        return known

    def _place(self, genuine: Sequence[VerifiedMessage]) -> list[IntakeVerdict]:
        with self._store.batch():
            # A key may have been revoked since it was looked up; nothing of it is stored after the revocation.
            revoked = self._store.revoked({one.terminal.keyid for one in genuine})
            for keyid in revoked:
                self._known.pop(keyid, None)
            quota = None if self._daily is None else Quota(self._store, self._daily)
            places: dict[tuple[int, str], ChainAppender] = {}
            verdicts = []
            for one in genuine:
                if one.terminal.keyid in revoked:
                    verdicts.append(IntakeVerdict(Outcome.REJECTED, RejectReason.REVOKED))
                    continue
                where = one.terminal.id, one.epoch
                if where not in places:
                    places[where] = ChainAppender(self._store, self._store.chain(one.terminal, one.epoch))
                verdicts.append(_placed(one, places[where], quota))
            for place in places.values():
                place.flush()
            if quota is not None:
                quota.flush()
        return verdicts


def verify_message(topic: str, raw: bytes, registry: Registry) -> VerifiedMessage | RejectReason:
    """Verifies that a message is a record of the terminal that its topic names. Returns the reason if it is not.

    Nothing in the message is trusted before its signature is verified. Writes nothing. Raises what `registry`
    raises.
    """
    origin, levels = topics.origin_of(topic), topic.split("/")
    if origin is None or len(levels) != 6 or levels[4] != "record":
        return RejectReason.TOPIC
    try:
        sealed = dsse.parse(raw)
    except RecordError:
        return RejectReason.MALFORMED
    terminal = _identify(origin, registry(sealed.keyid))
    return terminal if isinstance(terminal, RejectReason) else _opened(sealed, terminal, levels[5])


def _identify(origin: Origin, terminal: RegisteredTerminal | None) -> RegisteredTerminal | RejectReason:
    if terminal is None:
        return RejectReason.UNKNOWN_KEY
    if terminal.origin != origin:
        return RejectReason.FOREIGN_KEY
    return terminal if terminal.revoked is None else RejectReason.REVOKED


def _opened(sealed: dsse.Envelope, terminal: RegisteredTerminal, kind: str) -> VerifiedMessage | RejectReason:
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


class ChainAppender:
    """Places the records of one chain: each is stored, is here already, or is kept as evidence of a fork.

    One object serves one chain in one transaction. It collects the records of the batch, and `flush` writes them,
    so that a chain needs only a few statements however many of its records came.
    """

    def __init__(self, store: Store, chain: ChainRow) -> None:
        self._store = store
        self._chain = chain
        self._upto, self._head = chain.upto, chain.head
        self._top = store.top(chain)
        self._added: dict[int, StoredRecord] = {}

    def place(self, entry: StoredRecord) -> IntakeVerdict:
        """Places one record. Raises LedgerError."""
        here = self._links(entry.seq)
        if here is not None:
            if here.hash == entry.hash:
                return DUPLICATE
            self._store.keep_conflict(self._chain, entry, RejectReason.OTHER_PAYLOAD.value)
            return IntakeVerdict(Outcome.CONFLICT, RejectReason.OTHER_PAYLOAD)
        before = self._hash_before(entry.seq)
        if before is not None and before != entry.prev:
            self._store.keep_conflict(self._chain, entry, RejectReason.LINK.value)
            return IntakeVerdict(Outcome.CONFLICT, RejectReason.LINK)
        self._added[entry.seq] = entry
        if entry.seq == self._upto + 1:
            self._advance(entry)
        return STORED

    def holds(self, entry: StoredRecord) -> bool:
        """Whether exactly this record is here already. Raises LedgerError."""
        here = self._links(entry.seq)
        return here is not None and here.hash == entry.hash

    def flush(self) -> None:
        """Writes the added records and how far the chain is verified now. Raises LedgerError."""
        if self._added:
            self._store.insert(self._chain, list(self._added.values()))
        if self._upto != self._chain.upto:
            self._store.advance(self._chain, self._upto, self._head)

    def _advance(self, entry: StoredRecord) -> None:
        """Moves the end of the verified part to this record, and on over the records after it that arrived
        earlier.
        """
        upto, head = entry.seq, entry.hash
        while (following := self._links(upto + 1)) is not None:
            if following.prev != head:  # a fork: the record that came first keeps its place
                stray = self._added.get(upto + 1) or self._store.entry(self._chain, upto + 1)
                if stray is not None:
                    self._store.keep_conflict(self._chain, stray, RejectReason.LINK.value)
                break
            upto, head = upto + 1, following.hash
        self._upto, self._head = upto, head

    def _hash_before(self, seq: int) -> str | None:
        if seq == 1:
            return GENESIS
        if seq == self._upto + 1:
            return self._head
        before = self._links(seq - 1)
        return None if before is None else before.hash

    def _links(self, seq: int) -> Links | None:
        added = self._added.get(seq)
        if added is not None:
            return Links(added.prev, added.hash)
        return self._store.links(self._chain, seq) if seq <= self._top else None


def _placed(one: VerifiedMessage, place: ChainAppender, quota: Quota | None) -> IntakeVerdict:
    """Places one record within the terminal's daily quota.

    A record that is here already takes no room, so it is answered even if the quota is used up. A conflict takes
    room.
    """
    if quota is None or place.holds(one.entry):
        return place.place(one.entry)
    if not quota.admits(one.terminal.id):
        return IntakeVerdict(Outcome.REJECTED, RejectReason.PUT_OFF)
    verdict = place.place(one.entry)
    quota.take(one.terminal.id, one.entry)  # a conflict is stored, too
    return verdict
