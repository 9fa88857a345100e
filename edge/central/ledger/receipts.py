"""The queue of signed receipts: for records that arrived, and for terminals whose status says that they are
online.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from nacl.signing import SigningKey

from edge.central.store.model import ChainRow, RegisteredTerminal, now
from edge.central.store.records import Store
from edge.crypto import dsse
from edge.domain.protocol import topics
from edge.domain.protocol.receipt import Receipt
from edge.domain.protocol.record import GENESIS, Origin

COALESCE_NS = 50_000_000
COALESCE_RECORDS = 32
"""A quiet chain gets its receipt at once. Under load a chain gets one receipt per 50 ms or 32 records; that is a
quarter of a terminal's usual window, so that the terminal can go on sending meanwhile.
"""
SIGHT_NS = 5_000_000_000
"""Shortest time between two answers to the status of one terminal. A status is unsigned, so anybody at the broker
can publish one.
"""
_REMEMBERED = 1_000
"""Number of chains with a remembered last receipt above which quiet chains are forgotten."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Says that a record of this chain arrived, so that its terminal needs a receipt."""

    terminal: RegisteredTerminal
    epoch: str


@dataclass(frozen=True, slots=True)
class Reply:
    """A signed receipt to publish."""

    topic: str
    wire: bytes
    arrival: Arrival
    """Pass it to `ReceiptQueue.owe` if the receipt could not be sent."""


class ReceiptQueue:
    """Queues the chains that need a receipt, and signs the receipts from what the store holds at that moment."""

    def __init__(self, store: Store, key: SigningKey) -> None:
        """`key` signs the receipts; terminals pin its public half."""
        self._store = store
        self._key = key
        self._due: Counter[Arrival] = Counter()
        self._receipted_ns: dict[Arrival, int] = {}
        self._seen: dict[Origin, str] = {}
        self._sighted_ns: dict[Origin, int] = {}

    def arrived(self, arrivals: Iterable[Arrival]) -> None:
        """Queues receipts for these chains. Their records are durable."""
        self._due.update(arrivals)

    def sighted(self, origin: Origin, epoch: str) -> None:
        """Queues an answer to a terminal whose status says that it is online with this epoch: the head that the
        ledger holds.

        The status is unsigned and is only a hint.
        """
        self._seen[origin] = epoch  # the latest status counts

    def owe(self, reply: Reply) -> None:
        """Queues this receipt again, because it could not be sent."""
        self._due[reply.arrival] += COALESCE_RECORDS

    @property
    def waiting(self) -> bool:
        """Whether a receipt for records is queued."""
        return bool(self._due)

    def due(self, now_ns: int) -> list[Reply]:
        """The receipts to send now. Raises LedgerError; then all of them stay queued."""
        due = [arrival for arrival, count in self._due.items() if self._ripe(arrival, count, now_ns)]
        replies = [reply for arrival in due if (reply := self._answer(arrival)) is not None]
        seen = {origin: epoch for origin, epoch in self._seen.items() if self._may_see(origin, now_ns)}
        sights = [reply for origin, epoch in seen.items() for reply in self._answer_sight(origin, epoch)]
        if replies or sights:
            self._store.require_in_place()
        for arrival in due:
            del self._due[arrival]
        for origin in seen:
            del self._seen[origin]
            self._sighted_ns[origin] = now_ns
        answered = {reply.arrival for reply in replies}
        self._receipted_ns.update(dict.fromkeys(answered, now_ns))
        self._forget_quiet_chains(now_ns)
        return replies + [reply for reply in sights if reply.arrival not in answered]

    def _forget_quiet_chains(self, now_ns: int) -> None:
        """Forgets receipts that are older than COALESCE_NS, because they no longer delay the next one.

        This bounds the memory, even if a terminal begins epoch after epoch.
        """
        if len(self._receipted_ns) > _REMEMBERED:
            young = {one: at for one, at in self._receipted_ns.items() if now_ns - at < COALESCE_NS}
            self._receipted_ns = young

    def _ripe(self, arrival: Arrival, count: int, now_ns: int) -> bool:
        last = self._receipted_ns.get(arrival)
        return last is None or now_ns - last >= COALESCE_NS or count >= COALESCE_RECORDS

    def _may_see(self, origin: Origin, now_ns: int) -> bool:
        last = self._sighted_ns.get(origin)
        return last is None or now_ns - last >= SIGHT_NS

    def _answer(self, arrival: Arrival) -> Reply | None:
        """A signed receipt; None while record 1 of the chain is missing, because the terminal needs no receipt for
        that.
        """
        chain = self._store.find_chain(arrival.terminal, arrival.epoch)
        return None if chain is None or chain.upto == 0 else self._sign(arrival, chain)

    def _answer_sight(self, origin: Origin, epoch: str) -> list[Reply]:
        """One receipt for each identity of this name that has the epoch.

        If none has it, the newest identity gets a receipt for zero records.
        """
        active = [one for one in self._store.terminals() if one.origin == origin and one.revoked is None]
        found = [(Arrival(one, epoch), self._store.find_chain(one, epoch)) for one in active]
        owned = [self._sign(arrival, chain) for arrival, chain in found if chain is not None]
        return owned or [self._sign(arrival, None) for arrival, _ in found[-1:]]

    def _sign(self, arrival: Arrival, chain: ChainRow | None) -> Reply:
        upto, head = (0, GENESIS) if chain is None else (chain.upto, chain.head)
        receipt = Receipt(arrival.terminal.origin, arrival.epoch, upto, head, now())
        wire = dsse.seal(receipt, self._key)
        return Reply(topics.receipt(arrival.terminal.origin), wire, arrival)
