"""The whole ledger verified again from its stored bytes, with public keys alone."""

from collections.abc import Iterator
from dataclasses import dataclass

from edge.central.store.records import ChainRow, Entry, Store, Terminal
from edge.domain.protocol.record import Origin
from edge.journal.chain import START, Chain, Head, Kept, Problem, verify_records


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What one epoch of one terminal's identity looks like."""

    origin: Origin
    keyid: str
    epoch: str
    records: int
    """How many verified, from the first."""
    head: Head
    """The last that verified."""
    stored: int
    """How many are stored, those after a gap too."""
    conflicts: int
    problem: Problem | None

    @property
    def ok(self) -> bool:
        """Every stored record verifies and follows the one before, and nothing contradicts them."""
        return self.problem is None and self.conflicts == 0


def verify_all(store: Store) -> list[ChainReport]:
    """Check signatures, forms, links, and that the ledger's own marks say the same. Raises LedgerError."""
    terminals = {terminal.id: terminal for terminal in store.terminals()}
    return [_verify_chain(store, chain, terminals[chain.terminal]) for chain in store.chains()]


def _verify_chain(store: Store, chain: ChainRow, terminal: Terminal) -> ChainReport:
    walk = verify_records(
        _kept(store.entries(chain)), Chain(terminal.origin, chain.epoch, terminal.key), after=START
    )
    problem = walk.problem
    if problem is None and walk.head != Head(chain.upto, chain.head):
        problem = Problem(
            walk.head.seq, f"the ledger receipts up to {chain.upto}, its records verify up to {walk.head.seq}"
        )
    return ChainReport(
        origin=terminal.origin,
        keyid=terminal.keyid,
        epoch=chain.epoch,
        records=walk.records,
        head=walk.head,
        stored=store.count_of(chain),
        conflicts=len(store.conflicts(chain)),
        problem=problem,
    )


def _kept(entries: Iterator[Entry]) -> Iterator[Kept]:
    for entry in entries:
        yield Kept(entry.seq, entry.kind, entry.person, entry.payload, entry.signature)
