"""What is known against the identity that signed a stored record: whether it was revoked, and since when."""

from edge.central.store.model import RegisteredTerminal
from edge.central.store.records import Store
from edge.domain.attendance.doubts import Doubt


class Signers:
    """Whose chains they are, as they stood when this was made."""

    def __init__(self, store: Store) -> None:
        """Raises LedgerError."""
        terminals = {terminal.id: terminal for terminal in store.terminals()}
        self._of = {chain.id: terminals[chain.terminal] for chain in store.chains()}

    def of(self, chain: int) -> RegisteredTerminal | None:
        """Whose a chain is; None for one that was begun since."""
        return self._of.get(chain)

    def doubt(self, chain: int, received: str) -> Doubt | None:
        """REVOKED or UNPROVEN for a record of this chain that came at `received` (RFC 3339 UTC); else None."""
        signer = self.of(chain)
        if signer is None or signer.revoked is None:
            return None
        if signer.doubted_since is None:
            return Doubt.REVOKED
        return Doubt.UNPROVEN if received >= signer.doubted_since else None
