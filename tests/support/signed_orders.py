"""Keys, times and signatures of orders that a terminal takes."""

from nacl.signing import SigningKey

from edge.crypto import dsse
from edge.domain.protocol.order import Order
from edge.domain.protocol.record import Origin

GATE = Origin("hq", "gate-1")
IDENTITY, AUTHORITY, NEXT = (SigningKey(bytes([n]) * 32) for n in (1, 2, 3))
STORAGE = bytes(range(32))
MODEL = "m"
ISSUED, EXPIRES = "2026-03-02T07:00:00.000Z", "2026-04-02T07:00:00.000Z"


def sign(order: Order, key: SigningKey = AUTHORITY) -> bytes:
    return dsse.to_wire(dsse.sign(Order.PAYLOAD_TYPE, order.encode(), key))


END = "2026-03-10T23:00:00.000Z"
