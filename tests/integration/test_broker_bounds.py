"""What a neighbour with a certificate can make the broker keep, in memory and on its disk."""

import ssl
from pathlib import Path

import pytest

from edge.crypto.dsse import MAX_ENVELOPE
from edge.domain.protocol import topics
from edge.domain.protocol.record import Origin
from edge.domain.protocol.record_kinds import Kind
from tests.support.ledger_flood import connect, without_an_answer
from tests.support.mqtt_packets import publish

EVIL = Origin("main", "evil")
MEBIBYTE = 1 << 20
LARGE = 36_700
"""Bytes: about the largest message that the broker takes."""
BEYOND = 37_000
READER = b"\x82\x22\x00\x01\x00\x00\x1c" + topics.ALL_RECORDS.encode() + b"\x00"
"""SUBSCRIBE to every record."""


def resident(installation) -> int:
    """Bytes of memory that the broker has."""
    status = Path(f"/proc/{installation.broker._process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def test_only_the_kinds_of_record_can_be_retained_and_each_once(installation):
    """mosquitto cannot forbid some to retain, but a name has few topics to do it under."""
    evil = installation.neighbour("evil")
    before = resident(installation)
    for number in range(200):
        refused = evil.publish(f"smartclocker/v1/main/evil/record/k{number}", b"x" * LARGE, retain=True).refused
        assert refused is not None
    for _ in range(30):
        for kind in Kind:
            assert evil.publish(topics.record(EVIL, kind), b"x" * LARGE, retain=True).refused is None
        assert evil.publish(topics.status(EVIL), b"x" * LARGE, retain=True).refused is None
    assert resident(installation) - before < 16 * MEBIBYTE
    reader = installation.neighbour("ledger", "smartclocker/v1/+/evil/#")
    assert evil.publish(topics.status(EVIL), b"the last").refused is None
    reader.hears(topics.status(EVIL), b"the last")  # in their order: all that is retained was said before it
    assert len({topic for topic, _ in reader.heard}) == len(Kind) + 1


def test_what_is_queued_for_a_ledger_that_is_away_is_bounded(installation):
    """Records of its own name, as large as they may be: what comes beyond the bound is dropped, and sent again."""
    installation.ledger()
    installation.service.stop()
    evil = installation.neighbour("evil")
    before = resident(installation)
    for _ in range(4_000):  # 144 MB
        assert evil.publish(topics.record(EVIL, "punch"), b"x" * LARGE).refused is None
    assert resident(installation) - before < 100 * MEBIBYTE
    terminal = installation.terminal()
    terminal.append(5)
    terminal.run(resend_s=1.0)
    installation.service = None
    installation.start_ledger()
    terminal.receipted(5)


def told_without_an_answer(stream: ssl.SSLSocket, size: int, count: int) -> None:
    """The broker has dealt with so many messages at QoS 0 when it answers the last, which asks for that."""
    flood = without_an_answer(topics.record(EVIL, "punch"), b"x" * size)
    for _ in range(count):
        stream.sendall(flood)
    stream.sendall(publish(topics.record(EVIL, "punch"), b"the last", 7, retain=False))
    assert stream.recv(1)[0] == 0x40


def test_what_waits_for_a_reader_that_takes_nothing_is_bounded(installation):
    """mosquitto counts messages without an answer, not their bytes: the size of one is what bounds them."""
    before = resident(installation)
    with connect(installation, "ledger") as reader, connect(installation, "evil") as evil:
        reader.sendall(READER)
        assert reader.recv(1)[0] == 0x90
        told_without_an_answer(evil, LARGE, 6_000)
        assert resident(installation) - before < 190 * MEBIBYTE
        with pytest.raises(OSError):
            told_without_an_answer(evil, BEYOND, 2_000)
        assert resident(installation) - before < 190 * MEBIBYTE


def test_the_largest_envelope_of_the_longest_name_still_passes(installation):
    name = "n" * 32
    longest = Origin("main", name)
    terminal = installation.neighbour(name)
    reader = installation.neighbour("ledger", topics.ALL_RECORDS)
    topic = topics.record(longest, max(Kind, key=len))
    assert terminal.publish(topic, b"x" * MAX_ENVELOPE).refused is None
    reader.hears(topic, b"x" * MAX_ENVELOPE)
