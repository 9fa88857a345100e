"""The intake: whether a message becomes part of the ledger, and the signed receipts that answer it.

What arrives is believed for its signature alone; the broker, its ACL and the topic only say which key to expect.
"""

from collections import Counter
from collections.abc import Sequence

from nacl.signing import SigningKey

from edge.central.ledger.genuine import VerifiedMessage, read
from edge.central.ledger.placing import ChainAppender
from edge.central.ledger.quota import Quota
from edge.central.ledger.receipts import COALESCE_NS, COALESCE_RECORDS, Arrival, ReceiptQueue, Reply
from edge.central.store.records import Store
from edge.central.store.rows import RegisteredTerminal
from edge.central.store.verdicts import IntakeVerdict, Outcome, RejectReason
from edge.domain.protocol.record import Origin

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


class Ledger:
    """The rules of intake over one Store, on its thread."""

    def __init__(self, store: Store, key: SigningKey, daily: int | None = None) -> None:
        """`key` signs the receipts; terminals pin its public half. `daily`: bytes of one terminal in a day."""
        self._daily = daily
        self.counts: Counter[Outcome | RejectReason] = Counter()
        self._store = store
        self._answers = ReceiptQueue(store, key)
        self._known: dict[str, RegisteredTerminal] = {}

    def accept_batch(self, messages: Sequence[tuple[str, bytes]]) -> list[IntakeVerdict]:
        """Take several in one durable commit. Raises LedgerError, and then none of them is stored.

        Signatures are checked before the transaction begins: another instance may write meanwhile.
        """
        read_ones = [read(topic, raw, self._whose) for topic, raw in messages]
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
        self._answers.arrived(arrivals)  # only once it is durable may anyone be told
        for verdict in judged:
            self.counts[verdict.outcome] += 1
            if verdict.reason is not None:
                self.counts[verdict.reason] += 1
        return judged

    def sighted(self, origin: Origin, epoch: str) -> None:
        """A terminal says that it is online with this epoch; unsigned. A receipt of what is held of it is due."""
        self._answers.sighted(origin, epoch)

    def receipts_due(self, now_ns: int) -> list[Reply]:
        """The receipts to send now. Raises LedgerError, and then all of them stay due."""
        return self._answers.due(now_ns)

    def owe(self, reply: Reply) -> None:
        """This receipt could not be sent: it is due again."""
        self._answers.owe(reply)

    @property
    def waiting(self) -> bool:
        """Whether a receipt is held back."""
        return self._answers.waiting

    def _whose(self, keyid: str) -> RegisteredTerminal | None:
        """What a registration says does not change, but for its end, which `_place` looks up in the transaction."""
        known = self._known.get(keyid)
        if known is None:
            known = self._store.terminal(keyid)
            if known is not None:
                self._known[keyid] = known
        return known

    def _place(self, genuine: Sequence[VerifiedMessage]) -> list[IntakeVerdict]:
        with self._store.batch():
            # since they were looked up: nothing of a revoked key is stored after the revocation
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


def _placed(one: VerifiedMessage, place: ChainAppender, quota: Quota | None) -> IntakeVerdict:
    """What is here takes no room, and is answered whatever the quota says; what contradicts it takes some."""
    if quota is None or place.holds(one.entry):
        return place.place(one.entry)
    if not quota.admits(one.terminal.id):
        return IntakeVerdict(Outcome.REJECTED, RejectReason.PUT_OFF)
    verdict = place.place(one.entry)
    quota.take(one.terminal.id, one.entry)  # a conflict is kept, too
    return verdict
