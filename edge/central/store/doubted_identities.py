"""Doubts about the identity that signed a stored record: whether it was revoked, and from when on its records are
unproven.
"""

from edge.central.store.model import RegisteredTerminal
from edge.central.store.records import Store
from edge.domain.attendance.doubts import Doubt


class Signers:
    """The identity of each chain, as registered when this object was made."""

    def __init__(self, store: Store) -> None:
        """Raises LedgerError."""
        terminals = {terminal.id: terminal for terminal in store.terminals()}
        self._of = {chain.id: terminals[chain.terminal] for chain in store.chains()}

    def of(self, chain: int) -> RegisteredTerminal | None:
        """The identity that signs this chain; None for a chain that is newer than this object."""
        return self._of.get(chain)

    def doubt(self, chain: int, received: str) -> Doubt | None:
        """REVOKED or UNPROVEN for a record of this chain that was received at `received` (RFC 3339 UTC); None if
        there is no doubt.
        """
        signer = self.of(chain)
        if signer is None or signer.revoked is None:
            return None
        if signer.doubted_since is None:
            return Doubt.REVOKED
        return Doubt.UNPROVEN if received >= signer.doubted_since else None
