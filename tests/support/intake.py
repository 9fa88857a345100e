"""A message at a time into the ledger; the product takes them in batches."""

from nacl.signing import SigningKey

from edge.central.ledger.intake import Ledger
from edge.central.store.model import IntakeVerdict
from edge.domain.protocol.record import Origin

GATE = Origin("main", "gate-1")
TERMINAL, LEDGER = SigningKey(bytes([1]) * 32), SigningKey(bytes([2]) * 32)
"""The keys of the terminal at GATE and of the ledger."""


def accept(ledger: Ledger, topic: str, raw: bytes) -> IntakeVerdict:
    """Take one message; what it stored is durable on return. Raises LedgerError, and then it stored nothing."""
    return ledger.accept_batch([(topic, raw)])[0]
