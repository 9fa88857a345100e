"""Acknowledgements: an operator has looked into a problem that nothing can mend. Each has a name and a reason, is
kept, and can be undone.
"""

from dataclasses import dataclass

from edge.central.store.epochs import breaks_at
from edge.central.store.model import ChainRow, now
from edge.central.store.records import Store
from edge.domain.protocol.fields import WORD
from edge.domain.protocol.record import Origin
from edge.errors import LedgerRefused


@dataclass(frozen=True, slots=True)
class OperatorAcknowledgement:
    """An operator's statement that the beginning of an epoch was looked into, or (`edge.central.store.looked`) a
    revoked key or an instance of the ledger.

    Instants are by this machine's clock.
    """

    origin: Origin | None
    """None for an instance of the ledger."""
    epoch: str | None
    at: str
    by: str
    why: str
    undone: str | None
    undone_by: str | None
    undone_why: str | None
    keyid: str | None = None
    instance: str | None = None


def acknowledge(store: Store, origin: Origin, epoch: str, by: str, why: str) -> None:
    """Acknowledges how this epoch began: `gaps` no longer reports it. Raises LedgerError if there is nothing to
    report.
    """
    require_words(by, why)
    theirs, chain = _find(store, origin, epoch)
    seq = breaks_at(store, chain, theirs)
    if seq == 0:
        raise LedgerRefused(
            f"{epoch}: nothing is to be looked into at its beginning; `smartclocker central gaps` lists what is"
        )
    with store.batch():
        store.change(_ADD, [(chain.id, seq, now(), by, why)])


def undo(store: Store, origin: Origin, epoch: str, by: str, why: str) -> None:
    """Undoes an acknowledgement: `gaps` reports the epoch again, and the acknowledgement stays listed.

    Raises LedgerError if the epoch is not acknowledged.
    """
    require_words(by, why)
    _, chain = _find(store, origin, epoch)
    if chain.id not in standing(store):
        raise LedgerRefused(
            f"{epoch}: was not acknowledged; `smartclocker central gaps DIR --acknowledged` lists all"
        )
    with store.batch():
        store.change(_UNDO, [(now(), by, why, chain.id)])


def standing(store: Store) -> dict[int, int]:
    """For each acknowledged chain (by id), the record up to which it was looked into. Raises LedgerError."""
    return dict(store.select(_STANDING))


def listed(store: Store) -> list[OperatorAcknowledgement]:
    """All acknowledgements of epochs, including those that were undone. Raises LedgerError."""
    return [
        OperatorAcknowledgement(Origin(site, terminal), *rest) for site, terminal, *rest in store.select(_LISTED)
    ]


def is_here(store: Store, origin: Origin, epoch: str) -> bool:
    """Whether any record of this epoch is stored for this name. Raises LedgerError."""
    numbers = {one.id for one in store.terminals() if one.origin == origin}
    return any(chain.epoch == epoch for chain in store.chains() if chain.terminal in numbers)


def _find(store: Store, origin: Origin, epoch: str) -> tuple[list[ChainRow], ChainRow]:
    numbers = {one.id for one in store.terminals() if one.origin == origin}
    theirs = [chain for chain in store.chains() if chain.terminal in numbers]
    for chain in reversed(theirs):
        if chain.epoch == epoch:
            return theirs, chain
    raise LedgerRefused(
        f"{origin.site}/{origin.terminal}: no epoch {epoch} is here; `smartclocker central gaps` and `smartclocker "
        "central terminals` name them"
    )


def require_words(*words: str) -> None:
    """Refuses a name or a reason that is not one line of 1 to 200 characters. Raises LedgerRefused."""
    if not all(WORD.fullmatch(word) for word in words):
        raise LedgerRefused("the name and the reason are each one line of 1 to 200 characters; write them so")


_ADD = "INSERT INTO acknowledgements (chain, seq, at, by, why) VALUES (?, ?, ?, ?, ?)"
_UNDO = "UPDATE acknowledgements SET undone = ?, undone_by = ?, undone_why = ? WHERE chain = ? AND undone IS NULL"
_STANDING = "SELECT chain, max(seq) FROM acknowledgements WHERE undone IS NULL GROUP BY chain"
_LISTED = """
SELECT site, terminals.terminal, epoch, at, by, why, undone, undone_by, undone_why FROM acknowledgements
JOIN chains ON chains.id = acknowledgements.chain JOIN terminals ON terminals.id = chains.terminal
ORDER BY acknowledgements.id
"""
