"""Removing a terminal by its name: its open tokens, its identities and its certificates, all at once."""

from dataclasses import dataclass
from pathlib import Path

from edge.central.authority import identities
from edge.central.authority.acting import Book
from edge.central.broker import revocation_list
from edge.central.claims.token_store import TokenStore
from edge.central.setup import allow_terminals
from edge.central.store.records import Store
from edge.domain.protocol.audit_entry import Act
from edge.domain.protocol.record import Origin
from edge.errors import LedgerRefused


@dataclass(frozen=True, slots=True)
class RemovedTerminal:
    """The result of removing a terminal."""

    keyids: list[str]
    """The identities that were revoked."""
    certificates: int
    """The certificates that were revoked."""
    tokens: int
    """The claim tokens that count no more."""
    listed_in: Path | None
    """The revocation list; None where no certificate was left to revoke."""


def remove(base: Path, store: Store, book: Book, origin: Origin, since: str | None) -> RemovedTerminal:
    """Revokes everything of a terminal. A claim of the same terminal comes before it or after it, never in between.

    With `since` (RFC 3339 UTC) the hours mark what came from then on. Raises LedgerRefused if there is no such
    terminal; LedgerError, KeyFileError.
    """
    identities.require_past(since)
    pki = base / "pki"
    with TokenStore(base) as tokens, tokens.alone():
        mine = [one for one in store.terminals() if one.origin == origin]
        active = [one.keyid for one in mine if one.revoked is None]
        elsewhere = any(one.origin.terminal == origin.terminal for one in store.terminals()) and not mine
        certificates = [] if elsewhere else revocation_list.valid(pki, origin.terminal)
        gone = tokens.withdraw(origin.terminal, origin.site)
        if not (active or certificates or gone):
            raise LedgerRefused(
                f"{origin.site}/{origin.terminal}: no terminal with this name has an identity, a certificate or a "
                "token; `smartclocker central terminals DIR` lists them"
            )
        for keyid in active:
            identities.revoke(store, book, keyid, since)
        if left := revocation_list.valid(pki, origin.terminal) if certificates else []:
            data = {"name": origin.terminal, **identities.serials(left)}
            with book.act(Act.CERTIFICATES_REVOKED, data):
                revocation_list.revoke(pki, left)
    allow_terminals(base)
    listed = pki / revocation_list.NAME if certificates else None
    return RemovedTerminal(active, len(certificates), gone, listed)
