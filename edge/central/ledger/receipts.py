"""The signed receipts that are due, and when: for records that arrived, and for terminals that came into sight."""

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
"""A chain is receipted at once when it was quiet, and under load once per 50 ms or 32 records: a quarter of a
terminal's usual window, so that the rest is on its way meanwhile."""
SIGHT_NS = 5_000_000_000
"""A terminal is answered at most this often for being in sight: a status is unsigned, and anybody's."""
_REMEMBERED = 1_000
"""Chains whose last receipt is remembered before those that have been quiet are looked for."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """That something of a chain arrived, so that its terminal is owed a receipt."""

    terminal: RegisteredTerminal
    epoch: str


@dataclass(frozen=True, slots=True)
class Reply:
    """A signed receipt to publish."""

    topic: str
    wire: bytes
    arrival: Arrival
    """For `ReceiptQueue.owe`, when it could not be sent."""


class ReceiptQueue:
    """Owes, and signs what it owes from what the store holds at that moment."""

    def __init__(self, store: Store, key: SigningKey) -> None:
        """`key` signs the receipts; terminals pin its public half."""
        self._store = store
        self._key = key
        self._due: Counter[Arrival] = Counter()
        self._receipted_ns: dict[Arrival, int] = {}
        self._seen: dict[Origin, str] = {}
        self._sighted_ns: dict[Origin, int] = {}

    def arrived(self, arrivals: Iterable[Arrival]) -> None:
        """Something of these chains is durable, or was before."""
        self._due.update(arrivals)

    def sighted(self, origin: Origin, epoch: str) -> None:
        """A terminal says that it is online with this epoch: a hint, which earns it the head that we hold."""
        self._seen[origin] = epoch  # the last word counts

    def owe(self, reply: Reply) -> None:
        """This receipt could not be sent: it is due again."""
        self._due[reply.arrival] += COALESCE_RECORDS

    @property
    def waiting(self) -> bool:
        """Whether a receipt is held back."""
        return bool(self._due)

    def due(self, now_ns: int) -> list[Reply]:
        """The receipts to send now. Raises LedgerError, and then all of them stay due."""
        due = [arrival for arrival, count in self._due.items() if self._ripe(arrival, count, now_ns)]
        replies = [reply for arrival in due if (reply := self._answer(arrival)) is not None]
        seen = {origin: epoch for origin, epoch in self._seen.items() if self._may_see(origin, now_ns)}
        sights = [reply for origin, epoch in seen.items() for reply in self._answer_sight(origin, epoch)]
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
        """What is older than a pause decides nothing: a terminal that begins epoch after epoch costs no memory."""
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
        """None for a chain whose first record is not here yet: its terminal knows that without a word."""
        chain = self._store.find_chain(arrival.terminal, arrival.epoch)
        return None if chain is None or chain.upto == 0 else self._sign(arrival, chain)

    def _answer_sight(self, origin: Origin, epoch: str) -> list[Reply]:
        """One for each identity of this name that owns the epoch; else the newest hears that nothing is held."""
        active = [one for one in self._store.terminals() if one.origin == origin and one.revoked is None]
        found = [(Arrival(one, epoch), self._store.find_chain(one, epoch)) for one in active]
        owned = [self._sign(arrival, chain) for arrival, chain in found if chain is not None]
        return owned or [self._sign(arrival, None) for arrival, _ in found[-1:]]

    def _sign(self, arrival: Arrival, chain: ChainRow | None) -> Reply:
        upto, head = (0, GENESIS) if chain is None else (chain.upto, chain.head)
        receipt = Receipt(arrival.terminal.origin, arrival.epoch, upto, head, now())
        wire = dsse.seal(receipt, self._key)
        return Reply(topics.receipt(arrival.terminal.origin), wire, arrival)
