"""Connections that send a ledger more than it wants."""

import socket
import ssl

from edge.central.broker import certificates


def without_an_answer(topic: str, payload: bytes) -> bytes:
    """A PUBLISH at QoS 0."""
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name + b"\0" + payload
    size = len(body)
    return b"\x30" + bytes((size & 127 | 128, size >> 7 & 127 | 128, size >> 14)) + body


def connect(site, name: str) -> ssl.SSLSocket:
    """A client that is fast and writes what it likes."""
    files = certificates.issue_client(site.broker.pki, name)
    context = ssl.create_default_context(cafile=files.ca)
    context.load_cert_chain(files.certificate, files.key)
    stream = context.wrap_socket(
        socket.create_connection((site.broker.host, site.broker.port)), server_hostname=site.broker.host
    )
    stream.sendall(b"\x10\x11\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x04evil")
    assert stream.recv(100)[0] == 0x20
    return stream
