"""Connections that send a ledger more than it wants."""

import socket
import ssl

from edge.central.broker import certificates
from tests.support.mqtt_packets import publish


def without_an_answer(topic: str, payload: bytes) -> bytes:
    """A PUBLISH at QoS 0."""
    return publish(topic, payload, qos=0)


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
