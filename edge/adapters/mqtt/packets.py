"""The packets of MQTT v5 that carry the load, as bytes: PUBLISH and PUBACK, each way (OASIS MQTT 5.0 §3.3, §3.4).

paho reads and writes everything else. It spends a tenth of a millisecond of Python on each of these, most of it on
state that the journal keeps better; on a terminal with a long backlog, and at the ledger, that is the whole budget.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from edge.errors import BrokerError

PUBLISH, PUBACK = 0x30, 0x40
MAX_PACKET = 1 << 20
"""Bytes; the broker's own limit is 65,536. More is not ours to hold in memory."""
_MESSAGE_EXPIRY = 0x02


class PacketError(BrokerError):
    """What the broker sent is not MQTT, or more than we hold; the connection ends, and a new one is made."""


@dataclass(frozen=True, slots=True)
class PublishPacket:
    """A PUBLISH that was received."""

    topic: str
    """Empty for what is not UTF-8: no topic of ours."""
    payload: bytes
    mid: int
    """Its packet identifier; 0 at QoS 0, which wants no answer."""


class Frames:
    """Cuts a stream of bytes into packets."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._need = 0
        """How many bytes its first packet has, as far as that is known: nothing is looked at before they came."""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes, int]]:
        """Each whole packet: its first byte, all of its bytes, and where in them its body begins.

        Raises PacketError for a length that is malformed or beyond MAX_PACKET.
        """
        if self._rest:
            self._rest += data
            if len(self._rest) < self._need:
                return
            data = bytes(self._rest)
        buffer, at = data, 0
        while True:
            found = _length(buffer, at + 1)
            if found is None or found[1] + found[0] > len(buffer):
                break
            size, body = found
            yield buffer[at], buffer[at : body + size], body - at
            at = body + size
        self._rest = bytearray(buffer[at:])
        self._need = 0 if found is None else found[1] + found[0] - at


def publish(topic: str, payload: bytes, mid: int, *, retain: bool, expiry_s: int | None = None) -> bytes:
    """A PUBLISH at QoS 1 with the packet identifier `mid`."""
    name = topic.encode()
    properties = b"\0" if expiry_s is None else b"\x05%c%s" % (_MESSAGE_EXPIRY, expiry_s.to_bytes(4, "big"))
    size = 2 + len(name) + 2 + len(properties) + len(payload)
    head = bytes((PUBLISH | 0x02 | retain,)) + _variable(size)
    return b"".join((head, len(name).to_bytes(2, "big"), name, mid.to_bytes(2, "big"), properties, payload))


def puback(mid: int) -> bytes:
    """A PUBACK that says success."""
    return b"\x40\x02" + mid.to_bytes(2, "big")


def read_publish(first: int, packet: bytes, body: int) -> PublishPacket:
    """A received PUBLISH. Raises PacketError for a malformed one, and for QoS 2, which nobody asked for."""
    qos = first >> 1 & 3
    at = body + 2 + int.from_bytes(packet[body : body + 2], "big")
    mid = int.from_bytes(packet[at : at + 2], "big") if qos else 0
    properties = _length(packet, at + 2 * bool(qos))
    if qos > 1 or (qos and not mid) or properties is None or sum(properties) > len(packet):
        raise PacketError("the broker sent a malformed PUBLISH; check that it is an MQTT v5 broker")
    try:
        topic = packet[body + 2 : at].decode()
    except UnicodeDecodeError:
        topic = ""
    return PublishPacket(topic, packet[sum(properties) :], mid)


def read_puback(packet: bytes, body: int) -> tuple[int, int]:
    """Packet identifier and reason code of a received PUBACK. Raises PacketError for a malformed one."""
    if len(packet) < body + 2:
        raise PacketError("the broker sent a malformed PUBACK; check that it is an MQTT v5 broker")
    return int.from_bytes(packet[body : body + 2], "big"), packet[body + 2] if len(packet) > body + 2 else 0


def _length(buffer: bytes, at: int) -> tuple[int, int] | None:
    """A variable byte integer (§1.5.5) and where it ends; None while it is not all here. Raises PacketError."""
    size = shift = 0
    for end in range(at, min(at + 4, len(buffer))):
        size |= (buffer[end] & 127) << shift
        if buffer[end] < 128:
            if size > MAX_PACKET:
                raise PacketError(f"the broker sent a packet of {size} bytes; lower its max_packet_size")
            return size, end + 1
        shift += 7
    if len(buffer) >= at + 4:
        raise PacketError("the broker sent a malformed length; check that it is an MQTT v5 broker")
    return None


def _variable(size: int) -> bytes:
    if size < 128:
        return bytes((size,))
    if size < 16_384:
        return bytes((size & 127 | 128, size >> 7))
    if size < 2_097_152:
        return bytes((size & 127 | 128, size >> 7 & 127 | 128, size >> 14))
    raise PacketError(f"a message of {size} bytes; a record is 32 KiB at most")
