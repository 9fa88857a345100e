"""PUBLISH and PUBACK as bytes, held to paho's reading and to hostile ones; the socket that carries them."""

import contextlib
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt import _packet
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.adapters.mqtt.disconnect_reasons import puback_refusal
from edge.adapters.mqtt.packets import (
    MAX_PACKET,
    Frames,
    PacketError,
    PublishPacket,
    _variable,
    puback,
    publish,
    read_puback,
    read_publish,
)
from edge.adapters.mqtt.tls import UplinkSettings, client_context
from edge.adapters.mqtt.tls_socket import MqttSocket
from edge.central.broker import certificates

TOPIC = "smartclocker/v1/main/gate-1/record/punch"


def cut(*pieces: bytes) -> list[bytes]:
    frames = Frames()
    return [packet for piece in pieces for _, packet, _ in frames.feed(piece)]


def body_of(packet: bytes) -> int:
    ((_, whole, body),) = Frames().feed(packet)
    assert whole == packet
    return body


@given(st.binary(max_size=40_000), st.integers(1, 65_535), st.booleans(), st.none() | st.integers(0, 2**32 - 1))
def test_paho_reads_what_we_write(payload: bytes, mid: int, retain: bool, expiry_s: int | None) -> None:
    packet = publish(TOPIC, payload, mid, retain=retain, expiry_s=expiry_s)
    read = _packet.decode_publish(packet[0], packet[body_of(packet) :], MQTTProtocolVersion.MQTTv5)
    assert (read.topic, bytes(read.payload), read.mid, read.qos, bool(read.retain)) == (
        TOPIC.encode(), payload, mid, 1, retain,
    )  # fmt: skip
    assert getattr(read.properties, "MessageExpiryInterval", None) == expiry_s


@given(st.binary(max_size=2_000), st.integers(1, 65_535), st.booleans())
def test_we_read_what_brokers_write(payload: bytes, mid: int, rich: bool) -> None:
    properties = Properties(PacketTypes.PUBLISH)
    if rich:
        properties.MessageExpiryInterval, properties.UserProperty = 60, ("a" * 200, "b")
    name = TOPIC.encode()
    rest = len(name).to_bytes(2, "big") + name + mid.to_bytes(2, "big") + properties.pack() + payload
    packet = b"\x3a" + _variable(len(rest)) + rest
    assert read_publish(0x3A, packet, body_of(packet)) == PublishPacket(TOPIC, payload, mid)


def test_a_message_at_qos_0_has_no_identifier() -> None:
    packet = b"\x30\x06\x00\x01a\x00xy"
    assert read_publish(0x30, packet, 2) == PublishPacket("a", b"xy", 0)


def test_a_topic_that_is_no_text_is_nobody_s() -> None:
    packet = b"\x32\x08\x00\x02\xff\xfe\x00\x07\x00x"
    assert read_publish(0x32, packet, 2) == PublishPacket("", b"x", 7)


@pytest.mark.parametrize(
    ("packet", "answer"),
    [
        (b"\x40\x02\x01\x02", (258, 0)),
        (b"\x40\x03\x00\x05\x10", (5, 0x10)),
        (b"\x40\x04\x00\x05\x87\x00", (5, 0x87)),
        (b"\x40\x0a\x00\x05\x97\x06\x1f\x00\x03why", (5, 0x97)),
    ],
)
def test_acknowledgements(packet: bytes, answer: tuple[int, int]) -> None:
    assert read_puback(packet, body_of(packet)) == answer


def test_our_acknowledgement_is_the_short_one() -> None:
    assert puback(258) == b"\x40\x02\x01\x02"


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, None), (0x10, None), (0x80, "Unspecified error"), (0x87, "Not authorized"), (0x97, "Quota exceeded"),
     (0xFE, "reason code 0xfe")],
)  # fmt: skip
def test_the_reason_of_a_refusal_has_its_name(code: int, words: str | None) -> None:
    assert puback_refusal(code) == words


@given(st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=6), st.data())
def test_however_the_stream_is_cut_the_packets_are_the_same(payloads: list[bytes], data: st.DataObject) -> None:
    packets = [publish(TOPIC, p, n + 1, retain=False) for n, p in enumerate(payloads)]
    stream, pieces = b"".join(packets), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        pieces.append(stream[:size])
        stream = stream[size:]
    assert cut(*pieces) == packets


@pytest.mark.parametrize("stream", [b"\x32\xff\xff\xff\xff\x01", b"\x32\x80\x80\x80\x80", b"\x32\x81\x80\x40"])
def test_a_length_that_is_malformed_or_too_large_ends_it(stream: bytes) -> None:
    with pytest.raises(PacketError, match=r"check that it is an MQTT v5 broker|lower its max_packet_size"):
        cut(stream)
    assert MAX_PACKET == 0x40 << 14


@pytest.mark.parametrize(
    "packet",
    [
        b"\x32\x00", b"\x32\x01\x00", b"\x32\x02\x00\x09", b"\x32\x05\x00\x01a\x00\x00",
        b"\x32\x06\x00\x01a\x00\x00\x00",
        b"\x32\x06\x00\x01a\x00\x01\x09", b"\x34\x07\x00\x01a\x00\x01\x00x", b"\x36\x07\x00\x01a\x00\x01\x00x",
    ],
)  # fmt: skip
def test_a_malformed_publish_is_told(packet: bytes) -> None:
    with pytest.raises(PacketError, match="malformed PUBLISH"):
        read_publish(packet[0], packet, body_of(packet))


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(stream: bytes) -> None:
    frames = Frames()
    with contextlib.suppress(PacketError):
        for first, packet, body in frames.feed(stream):
            with contextlib.suppress(PacketError):
                read_publish(first, packet, body)
            with contextlib.suppress(PacketError):
                read_puback(packet, body)


@pytest.mark.parametrize("size", [0, 127, 128, 16_383, 16_384, 2_097_151])
def test_lengths_are_read_as_they_are_written(size: int) -> None:
    written = _variable(size)
    value = sum((byte & 127) << 7 * place for place, byte in enumerate(written))  # §1.5.5
    assert value == size
    assert [byte > 127 for byte in written] == [True] * (len(written) - 1) + [False]


def test_a_length_beyond_reason_is_refused() -> None:
    with pytest.raises(PacketError, match="32 KiB at most"):
        _variable(2_097_152)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[MqttSocket, ssl.SSLSocket]]:
    """Our end and the broker's, after their handshake."""
    certificates.create_authority(tmp_path)
    server, client = (
        certificates.issue_server(tmp_path, ["127.0.0.1"]),
        certificates.issue_client(tmp_path, "gate-1"),
    )
    theirs_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=server.ca)
    theirs_context.load_cert_chain(server.certificate, server.key)
    ours_context = client_context(UplinkSettings("127.0.0.1", 0, client.ca, client.certificate, client.key))
    near, far = socket.socketpair()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(theirs_context.wrap_socket, far, server_side=True)
        ours = ours_context.wrap_socket(near, server_hostname="127.0.0.1")
        theirs = waiting.result(10)
    assert isinstance(ours, MqttSocket)
    ours.setblocking(False)
    theirs.settimeout(60)
    with ours, theirs:
        yield ours, theirs


def test_what_the_other_side_does_not_read_waits_whole_and_in_order(pair: tuple[MqttSocket, ssl.SSLSocket]) -> None:
    ours, theirs = pair
    pieces = [bytes([n % 251]) * 10_000 for n in range(300)]
    for piece in pieces:
        assert ours.send(piece) == 10_000
    assert ours.unsent, "three megabytes do not fit"
    got = b""
    while len(got) < 3_000_000:
        got += theirs.recv(65_536)
        ours.flush()
    assert got == b"".join(pieces)
    assert not ours.unsent


def test_what_is_written_while_corked_leaves_together(pair: tuple[MqttSocket, ssl.SSLSocket]) -> None:
    ours, theirs = pair
    with ours.corked():
        ours.send(b"one ")
        ours.send(b"two")
        assert ours.unsent
    assert theirs.recv(100) == b"one two", "one TLS record"


def test_only_what_is_handed_on_is_received(pair: tuple[MqttSocket, ssl.SSLSocket]) -> None:
    ours, theirs = pair
    theirs.sendall(b"for us, for paho")
    while not (data := ours.read_ahead()):
        pass
    assert data == b"for us, for paho"
    with pytest.raises(ssl.SSLWantReadError):
        ours.recv(1)
    ours.hand_on(data[8:])
    assert [ours.recv(4), ours.recv(100)] == [b"for ", b"paho"]
    assert not ours.handed_on


@pytest.mark.parametrize("politely", [True, False])
def test_the_end_is_told_once_everything_was_received(
    pair: tuple[MqttSocket, ssl.SSLSocket], politely: bool
) -> None:
    ours, theirs = pair
    theirs.sendall(b"last words")
    while not (data := ours.read_ahead()):
        pass
    if not politely:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    theirs.close()
    while not ours.over:
        assert ours.read_ahead() == b""
        ours.send(b"into the void")  # never raises: the reader finds out
    ours.hand_on(data)
    assert ours.handed_on
    assert ours.recv(100) == b"last words"
    with contextlib.suppress(OSError):
        assert ours.recv(100) == b""


def test_a_large_packet_that_comes_byte_by_byte_costs_no_copy_of_it_for_each():
    """As a hostile broker may send it: a copy for each byte would be half a terabyte."""
    packet = publish("a", bytes(MAX_PACKET - 100), 7, retain=False)
    frames, whole = Frames(), []
    for n in range(len(packet)):
        whole += frames.feed(packet[n : n + 1])
    whole += frames.feed(packet[:10])
    assert [found[1] for found in whole] == [packet]
    assert [found[1] for found in frames.feed(packet[10:] + puback(9))] == [
        packet,
        puback(9),
    ]
