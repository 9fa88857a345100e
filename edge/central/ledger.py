"""The intake: whether a message becomes part of the ledger, and the signed receipts that answer it.

What arrives is believed for its signature alone; the broker, its ACL and the topic only say which key to expect.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from nacl.signing import SigningKey

from edge.central.store import ChainRow, Entry, Store, Terminal
from edge.domain import receipts, topics
from edge.domain.receipts import Receipt
from edge.domain.records import GENESIS, PAYLOAD_TYPE, Origin, Record, decode, payload_hash
from edge.errors import RecordError
from edge.journal import envelope
from edge.journal.chain import person_of

COALESCE_NS = 50_000_000
COALESCE_RECORDS = 32
"""A chain is receipted at once when it was quiet, and under load once per 50 ms or 32 records: half of a terminal's
usual window, so that the other half is on its way meanwhile."""


class Outcome(Enum):
    """What became of a message."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    """It was here, byte for byte."""
    REJECTED = "rejected"
    """It changes nothing."""
    CONFLICT = "conflict"
    """Genuine, but its place is taken, or it does not follow the one before: kept as evidence of a fork."""


class Reason(Enum):
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
    OTHER_PAYLOAD = "another record has its place"
    LINK = "it does not follow the record before it"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome for one message; `reason` for what was rejected or is in conflict."""

    outcome: Outcome
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """That something of a chain arrived, so that its terminal is owed a receipt."""

    terminal: Terminal
    epoch: str


@dataclass(frozen=True, slots=True)
class Reply:
    """A signed receipt to publish."""

    topic: str
    wire: bytes
    arrival: Arrival
    """For `Ledger.owe`, when it could not be sent."""


class Ledger:
    """The rules of intake over one Store, on its thread."""

    def __init__(self, store: Store, key: SigningKey) -> None:
        """`key` signs the receipts; terminals pin its public half."""
        self.counts: Counter[Outcome | Reason] = Counter()
        self._store = store
        self._key = key
        self._due: Counter[Arrival] = Counter()
        self._receipted_ns: dict[Arrival, int] = {}

    def accept(self, topic: str, raw: bytes) -> Verdict:
        """Take one message; what it stored is durable on return. Raises LedgerError, and then it stored nothing."""
        return self.accept_batch([(topic, raw)])[0]

    def accept_batch(self, messages: Sequence[tuple[str, bytes]]) -> list[Verdict]:
        """Take several in one durable commit. Raises LedgerError, and then none of them is stored."""
        arrivals: list[Arrival] = []
        with self._store.batch():
            verdicts = [self._judge(topic, raw, arrivals) for topic, raw in messages]
        self._due.update(arrivals)  # only once it is durable may anyone be told
        for verdict in verdicts:
            self.counts[verdict.outcome] += 1
            if verdict.reason is not None:
                self.counts[verdict.reason] += 1
        return verdicts

    def receipts_due(self, now_ns: int) -> list[Reply]:
        """The receipts to send now, one a chain; a chain whose first record is not here yet has none."""
        replies = []
        for arrival, count in list(self._due.items()):
            last = self._receipted_ns.get(arrival)
            if last is not None and now_ns - last < COALESCE_NS and count < COALESCE_RECORDS:
                continue
            del self._due[arrival]
            chain = self._store.chain(arrival.terminal, arrival.epoch)
            if chain.upto > 0:
                self._receipted_ns[arrival] = now_ns
                replies.append(Reply(topics.receipt(arrival.terminal.origin), self._sign(arrival, chain), arrival))
        return replies

    def owe(self, reply: Reply) -> None:
        """This receipt could not be sent: it is due again."""
        self._due[reply.arrival] += COALESCE_RECORDS

    @property
    def waiting(self) -> bool:
        """Whether a receipt is held back."""
        return bool(self._due)

    def _judge(self, topic: str, raw: bytes, arrivals: list[Arrival]) -> Verdict:
        genuine = self._verify(topic, raw)
        if isinstance(genuine, Reason):
            return Verdict(Outcome.REJECTED, genuine)
        terminal, record, entry = genuine
        arrivals.append(Arrival(terminal, record.position.epoch))
        return self._place(self._store.chain(terminal, record.position.epoch), entry)

    def _verify(self, topic: str, raw: bytes) -> tuple[Terminal, Record, Entry] | Reason:
        origin, levels = topics.origin_of(topic), topic.split("/")
        if origin is None or len(levels) != 6 or levels[4] != "record":
            return Reason.TOPIC
        try:
            sealed = envelope.parse(raw)
        except RecordError:
            return Reason.MALFORMED
        terminal = self._identify(origin, sealed.keyid)
        return terminal if isinstance(terminal, Reason) else _read(sealed, terminal, levels[5])

    def _identify(self, origin: Origin, keyid: str) -> Terminal | Reason:
        terminal = self._store.terminal(keyid)
        if terminal is None:
            return Reason.UNKNOWN_KEY
        if terminal.origin != origin:
            return Reason.FOREIGN_KEY
        return terminal if terminal.revoked is None else Reason.REVOKED

    def _place(self, chain: ChainRow, entry: Entry) -> Verdict:
        here = self._store.links(chain, entry.seq)
        if here is not None:
            if here.hash == entry.hash:
                return Verdict(Outcome.DUPLICATE)
            self._store.keep_conflict(chain, entry, Reason.OTHER_PAYLOAD.value)
            return Verdict(Outcome.CONFLICT, Reason.OTHER_PAYLOAD)
        before = GENESIS if entry.seq == 1 else self._hash_at(chain, entry.seq - 1)
        if before is not None and before != entry.prev:
            self._store.keep_conflict(chain, entry, Reason.LINK.value)
            return Verdict(Outcome.CONFLICT, Reason.LINK)
        self._store.insert(chain, entry)
        if entry.seq == chain.upto + 1:
            self._advance(chain, entry)
        return Verdict(Outcome.STORED)

    def _advance(self, chain: ChainRow, entry: Entry) -> None:
        """From a record that follows the verified ones over those that came before their turn."""
        upto, head = entry.seq, entry.hash
        while (following := self._store.links(chain, upto + 1)) is not None:
            if following.prev != head:  # two histories of one journal: what came first keeps its place
                for stray in self._store.entries(chain, upto):
                    self._store.keep_conflict(chain, stray, Reason.LINK.value)
                    break
                break
            upto, head = upto + 1, following.hash
        self._store.advance(chain, upto, head)

    def _hash_at(self, chain: ChainRow, seq: int) -> str | None:
        here = self._store.links(chain, seq)
        return None if here is None else here.hash

    def _sign(self, arrival: Arrival, chain: ChainRow) -> bytes:
        issued = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        receipt = Receipt(arrival.terminal.origin, arrival.epoch, chain.upto, chain.head, issued)
        return envelope.to_wire(envelope.sign(receipts.PAYLOAD_TYPE, receipts.encode(receipt), self._key))


def _read(sealed: envelope.Envelope, terminal: Terminal, kind: str) -> tuple[Terminal, Record, Entry] | Reason:
    try:
        payload = envelope.verify(sealed, PAYLOAD_TYPE, {terminal.keyid: terminal.key})
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
    return terminal, record, _entry(record, payload, sealed.signature)


def _entry(record: Record, payload: bytes, signature: bytes) -> Entry:
    place = record.position
    return Entry(place.seq, record.kind, person_of(record), place.prev, payload_hash(payload), payload, signature)
