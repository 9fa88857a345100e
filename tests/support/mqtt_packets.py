"""MQTT v5 packets as bytes, for tests that speak to a broker or a client without paho (OASIS MQTT 5.0 §3)."""


def variable(size: int) -> bytes:
    """A variable byte integer (§1.5.5)."""
    found = bytearray()
    while size > 127:
        found.append(size & 127 | 128)
        size >>= 7
    return bytes((*found, size))


def publish(
    topic: str, payload: bytes, mid: int = 0, *, qos: int = 1, retain: bool = False, properties: bytes = b""
) -> bytes:
    """A PUBLISH with the packet identifier `mid`, which QoS 0 lacks."""
    name = topic.encode()
    identifier = mid.to_bytes(2, "big") if qos else b""
    body = len(name).to_bytes(2, "big") + name + identifier + variable(len(properties)) + properties + payload
    return bytes((0x30 | qos << 1 | retain,)) + variable(len(body)) + body


def puback(mid: int, code: int = 0) -> bytes:
    """A PUBACK with a reason code."""
    return b"\x40\x03" + mid.to_bytes(2, "big") + bytes((code,))
