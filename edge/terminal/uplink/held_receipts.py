"""The ledger's receipts at the terminal: each is verified at once, and one write serves many.

Under load, a receipt comes every few milliseconds and covers those before it, while a write waits for the card.
Therefore a receipt that covers more than the last is trusted as soon as its signature and its head match, and
written to the journal a little later; until then no record is released. Any other receipt goes to the journal at
once.
"""

from edge.journal.journal import Journal, ReceiptEffect
from edge.terminal.uplink.verified_messages import GenuineReceipt


class HeldReceipts:
    """The receipts of one connection to the journal; used on the publisher's thread."""

    def __init__(self) -> None:
        self.covered = 0
        """The highest record that was ever receipted, as far as this process knows."""
        self._held: GenuineReceipt | None = None

    def take(self, genuine: GenuineReceipt, journal: Journal) -> ReceiptEffect:
        """Take a genuine receipt; returns its effect. Raises JournalError."""
        receipt = genuine.receipt
        newer = receipt.epoch == journal.epoch and receipt.upto > self.covered
        if newer and journal.hash_at(receipt.upto) == receipt.head:
            self._held, self.covered = genuine, receipt.upto
            return ReceiptEffect.ADVANCED
        meant = journal.acknowledge(receipt, genuine.raw)
        self.covered = max(self.covered, journal.watermark())
        return meant

    @property
    def held(self) -> bool:
        """Whether a receipt waits to be written to the journal."""
        return self._held is not None

    def keep(self, journal: Journal) -> None:
        """Write the waiting receipt to the journal. If that raises JournalError, the receipt still waits."""
        if self._held is not None:
            journal.acknowledge(self._held.receipt, self._held.raw)
            self._held = None
