"""A message at a time into the ledger; the product takes them in batches."""

from edge.central.ledger.intake import Ledger
from edge.central.store.model import IntakeVerdict


def accept(ledger: Ledger, topic: str, raw: bytes) -> IntakeVerdict:
    """Take one message; what it stored is durable on return. Raises LedgerError, and then it stored nothing."""
    return ledger.accept_batch([(topic, raw)])[0]
