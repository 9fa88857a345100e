"""A neighbour floods a ledger that cannot store: what is held in memory is bounded, and what counts is not lost."""

import socket
import sqlite3
import ssl

from edge.adapters.mqtt.packets import publish
from edge.central.broker import certificates

MESSAGES, SIZE = 2_000, 30_000


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


def test_a_stalled_ledger_keeps_nothing_that_wants_no_answer(site):
    terminal = site.terminal()
    service = site.ledger()
    lock = sqlite3.connect(site.ledger_path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    terminal.append(3)
    terminal.run(resend_s=0.5)
    site.eventually(lambda: service._stalled, "the ledger finds that it cannot store")
    with connect(site, "evil") as stream:
        flood = without_an_answer("smartclocker/v1/main/evil/record/punch", b"x" * SIZE)
        for _ in range(MESSAGES):
            stream.sendall(flood)
        last = publish("smartclocker/v1/main/evil/record/punch", b"the last", 7, retain=False)
        stream.sendall(last)
        # the broker hands on in order: once this one is held, all before it came by
        site.eventually(
            lambda: any(one.message.payload == b"the last" for one in service._held), "the end of it", 60
        )
    held = sum(len(one.message.payload) for one in service._held)
    assert held < MESSAGES * SIZE / 20
    lock.execute("ROLLBACK")
    lock.close()
    terminal.receipted(3)
