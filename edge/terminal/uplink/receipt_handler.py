"""The ledger's receipts at the terminal: verified at once, written down once for many.

Under load a receipt comes every few milliseconds and covers those before it, while a write waits for the card.
So one that covers more than the last is believed as soon as it verifies and its head is ours, and kept in the
journal a little later; until then nothing is released. What else it may mean is for the journal to say, at once.
"""

from collections.abc import Mapping

from nacl.signing import VerifyKey

from edge.crypto import dsse
from edge.domain.protocol.fields import KEY_ID
from edge.domain.protocol.receipt import Receipt
from edge.domain.protocol.record import Origin
from edge.errors import RecordError
from edge.journal.journal import Journal, ReceiptEffect


class Receipts:
    """On the publisher's thread."""

    def __init__(self, origin: Origin, keys: Mapping[str, VerifyKey]) -> None:
        """`keys` are the ledger's pinned ones, by key id."""
        self.why_rejected = ""
        """Why the last message was no receipt for us, in words with the cure where one is known."""
        self.covered = 0
        """The furthest that was ever receipted, as far as this process knows."""
        self._origin, self._keys = origin, keys
        self._held: tuple[Receipt, bytes] | None = None

    def read(self, raw: bytes) -> Receipt | None:
        """A genuine receipt for this terminal; None for anything else."""
        try:
            sealed = dsse.parse(raw)
            receipt = Receipt.decode(dsse.verify(sealed, Receipt.PAYLOAD_TYPE, self._keys))
        except RecordError as error:
            self.why_rejected = self._another_key(raw) or str(error)
            return None
        if receipt.origin != self._origin:
            self.why_rejected = f"they are for {receipt.origin.site}/{receipt.origin.terminal}"
            return None
        return receipt

    def _another_key(self, raw: bytes) -> str | None:
        """That a message is signed by a key that is not pinned; None when that is not it, or it names none."""
        try:
            keyid = dsse.parse(raw).keyid
        except RecordError:
            return None
        if keyid in self._keys or KEY_ID.fullmatch(keyid) is None:
            return None
        pinned = ", ".join(sorted(self._keys)) or "no key"
        return f"signed by the key {keyid}, and keys.ledger pins {pinned}; copy the centre's ledger.pem there"

    def take(self, receipt: Receipt, raw: bytes, journal: Journal) -> ReceiptEffect:
        """What a genuine receipt means to the journal. Raises JournalError."""
        newer = receipt.epoch == journal.epoch and receipt.upto > self.covered
        if newer and journal.hash_at(receipt.upto) == receipt.head:
            self._held, self.covered = (receipt, raw), receipt.upto
            return ReceiptEffect.ADVANCED
        meant = journal.acknowledge(receipt, raw)
        self.covered = max(self.covered, journal.watermark())
        return meant

    @property
    def held(self) -> bool:
        """Whether a receipt is not in the journal yet."""
        return self._held is not None

    def keep(self, journal: Journal) -> None:
        """Write down the one that is held. Raises JournalError, and then it is still held."""
        if self._held is not None:
            journal.acknowledge(*self._held)
            self._held = None
