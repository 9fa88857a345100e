"""The messages of the centre on this terminal's topics: each is opened once, and handed on as a value.

A receipt and a resend command are verified here, with the ledger's pinned keys. An order stays in its envelope,
because the people file is needed to tell which keys of the authority count.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from nacl.signing import VerifyKey

from edge.crypto import dsse
from edge.domain.protocol import topics
from edge.domain.protocol.order import Order
from edge.domain.protocol.receipt import Receipt
from edge.domain.protocol.record import Origin
from edge.domain.protocol.resend_command import Resend
from edge.errors import RecordError


@dataclass(frozen=True, slots=True)
class GenuineReceipt:
    """A receipt for this terminal that the ledger signed."""

    receipt: Receipt
    raw: bytes
    """The message as it came, which the journal keeps."""


@dataclass(frozen=True, slots=True)
class RejectedReceipt:
    """A message on the receipt topic that does not count."""

    why: str
    """The reason in words, with the cure if one is known."""


@dataclass(frozen=True, slots=True)
class SealedOrder:
    """A message that claims to be an order. Nothing in it is trusted yet."""

    envelope: dsse.Envelope


@dataclass(frozen=True, slots=True)
class RejectedCommand:
    """A message on the command topic that is unsigned, malformed, or for another terminal."""


CentreMessage = GenuineReceipt | RejectedReceipt | Resend | SealedOrder | RejectedCommand


class CentreMessages:
    """Opens the messages for one terminal."""

    def __init__(self, origin: Origin, keys: Mapping[str, VerifyKey], *, orders: bool) -> None:
        """`keys` are the ledger's pinned keys, by key id. If `orders` is False, an order is a rejected command."""
        self._origin, self._keys, self._orders = origin, keys, orders
        self._receipt, self._command = topics.receipt(origin), topics.command(origin)

    def open(self, topic: str, raw: bytes) -> CentreMessage | None:
        """The message as a value; None for a topic that is not handled here."""
        if topic == self._receipt:
            return self._open_receipt(raw)
        return self._open_command(raw) if topic == self._command else None

    def _open_receipt(self, raw: bytes) -> GenuineReceipt | RejectedReceipt:
        envelope = None
        try:
            envelope = dsse.parse(raw)
            receipt = dsse.open(envelope, Receipt, self._keys)
        except RecordError as error:
            return RejectedReceipt(self._another_key(envelope) or str(error))
        if receipt.origin != self._origin:
            return RejectedReceipt(f"they are for {receipt.origin.site}/{receipt.origin.terminal}")
        return GenuineReceipt(receipt, raw)

    def _another_key(self, envelope: dsse.Envelope | None) -> str | None:
        """The reason that another key signed; None when a pinned key is named, or the envelope is malformed."""
        if envelope is None or envelope.keyid in self._keys:
            return None
        pinned = ", ".join(sorted(self._keys)) or "no key"
        return (
            f"signed by the key {envelope.keyid}, and keys.ledger pins {pinned}; copy the centre's ledger.pem there"
        )

    def _open_command(self, raw: bytes) -> Resend | SealedOrder | RejectedCommand:
        try:
            envelope = dsse.parse(raw)
            if self._orders and envelope.payload_type == Order.PAYLOAD_TYPE:
                return SealedOrder(envelope)
            command = dsse.open(envelope, Resend, self._keys)
        except RecordError:
            return RejectedCommand()
        return command if command.origin == self._origin else RejectedCommand()
