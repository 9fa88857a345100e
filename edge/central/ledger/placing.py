"""Where the genuine records of one batch belong: stored once, waiting in their place, or evidence of a fork.

One object for one chain and one transaction. What the batch adds is kept here and written by `flush`, so that a
chain costs the database a handful of statements, however many of its records came.
"""

from edge.central.store.records import Store
from edge.central.store.rows import ChainRow, Links, StoredRecord
from edge.central.store.verdicts import DUPLICATE, STORED, IntakeVerdict, Outcome, RejectReason
from edge.domain.protocol.record import GENESIS


class ChainAppender:
    """A chain as it stands in the open transaction, with what was added to it."""

    def __init__(self, store: Store, chain: ChainRow) -> None:
        self._store = store
        self._chain = chain
        self._upto, self._head = chain.upto, chain.head
        self._top = store.top(chain)
        self._added: dict[int, StoredRecord] = {}

    def place(self, entry: StoredRecord) -> IntakeVerdict:
        """Give one record its place. Raises LedgerError."""
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
        """Whether this very record is here already. Raises LedgerError."""
        here = self._links(entry.seq)
        return here is not None and here.hash == entry.hash

    def flush(self) -> None:
        """Write what was added, and how far the chain is verified now. Raises LedgerError."""
        if self._added:
            self._store.insert(self._chain, list(self._added.values()))
        if self._upto != self._chain.upto:
            self._store.advance(self._chain, self._upto, self._head)

    def _advance(self, entry: StoredRecord) -> None:
        """From a record that follows the verified ones over those that came before their turn."""
        upto, head = entry.seq, entry.hash
        while (following := self._links(upto + 1)) is not None:
            if following.prev != head:  # two histories of one journal: what came first keeps its place
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
