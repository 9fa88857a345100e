"""Verifies the whole ledger again from its stored bytes; only public keys are needed."""

from collections.abc import Iterator
from dataclasses import dataclass

from edge.central.store.records import ChainRow, RegisteredTerminal, Store, StoredRecord
from edge.domain.protocol.record import Origin
from edge.journal.chain import START, Chain, ChainFault, Head, StoredEnvelope, verify_records


@dataclass(frozen=True, slots=True)
class EpochReport:
    """The result for one epoch of one identity."""

    origin: Origin
    keyid: str
    epoch: str
    records: int
    """Number of records that verified, counted from the first."""
    head: Head
    """The last record that verified."""
    stored: int
    """Number of stored records, including those after a gap."""
    conflicts: int
    problem: ChainFault | None

    @property
    def ok(self) -> bool:
        """Whether every stored record verifies and follows the one before, and no record contradicts another."""
        return self.problem is None and self.conflicts == 0


def verify_all(store: Store) -> list[EpochReport]:
    """Checks signatures, forms and links of all records, and that the receipted heads match them. Raises
    LedgerError.
    """
    terminals = {terminal.id: terminal for terminal in store.terminals()}
    return [_verify_chain(store, chain, terminals[chain.terminal]) for chain in store.chains()]


def _verify_chain(store: Store, chain: ChainRow, terminal: RegisteredTerminal) -> EpochReport:
    walk = verify_records(
        _kept(store.entries(chain)), Chain(terminal.origin, chain.epoch, terminal.key), after=START
    )
    problem = walk.problem
    if problem is None and walk.head != Head(chain.upto, chain.head):
        problem = ChainFault(
            walk.head.seq, f"the ledger receipts up to {chain.upto}, its records verify up to {walk.head.seq}"
        )
    return EpochReport(
        origin=terminal.origin,
        keyid=terminal.keyid,
        epoch=chain.epoch,
        records=walk.records,
        head=walk.head,
        stored=store.count_of(chain),
        conflicts=len(store.conflicts(chain)),
        problem=problem,
    )


def _kept(entries: Iterator[StoredRecord]) -> Iterator[StoredEnvelope]:
    for entry in entries:
        yield StoredEnvelope(entry.seq, entry.kind, entry.person, entry.payload, entry.signature)
