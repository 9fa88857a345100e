"""The ledger's receipts at the terminal: verified at once, written down once for many.

Under load a receipt comes every few milliseconds and covers those before it, while a write waits for the card.
So one that covers more than the last is believed as soon as it verifies and its head is ours, and kept in the
journal a little later; until then nothing is released. What else it may mean is for the journal to say, at once.
"""

from edge.journal.journal import Journal, ReceiptEffect
from edge.terminal.uplink.verified_messages import GenuineReceipt


class HeldReceipts:
    """On the publisher's thread."""

    def __init__(self) -> None:
        self.covered = 0
        """The furthest that was ever receipted, as far as this process knows."""
        self._held: GenuineReceipt | None = None

    def take(self, genuine: GenuineReceipt, journal: Journal) -> ReceiptEffect:
        """What a genuine receipt means to the journal. Raises JournalError."""
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
        """Whether a receipt is not in the journal yet."""
        return self._held is not None

    def keep(self, journal: Journal) -> None:
        """Write down the one that is held. Raises JournalError, and then it is still held."""
        if self._held is not None:
            journal.acknowledge(self._held.receipt, self._held.raw)
            self._held = None
