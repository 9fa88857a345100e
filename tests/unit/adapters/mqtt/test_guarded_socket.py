"""What paho may read of a broker's bytes, however they are cut; the socket over real TLS."""

import contextlib
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.adapters.mqtt.guarded_socket import MAX_PACKET, GuardedSocket
from edge.adapters.mqtt.tls import UplinkSettings, client_context
from edge.central.broker import certificates
from tests.support.mqtt_packets import puback, publish, variable

CONNACK = b"\x20\x03\x00\x00\x00"
SUBACK = b"\x90\x04\x00\x01\x00\x01"
KINDS = (0x00, 0x10, 0x20, 0x34, 0x36, 0x50, 0x62, 0x70, 0x82, 0xA2, 0xC0, 0xF0)
"""First bytes that an honest broker never sends after CONNACK."""


def followed(*pieces: bytes) -> tuple[bytes, str]:
    """What paho gets of these pieces, and the fault."""
    sock = GuardedSocket.__new__(GuardedSocket)
    got = b""
    for piece in pieces:
        if sock.fault:
            break
        got += piece[: sock._follow(piece)]
    return got, sock.fault


def cut(stream: bytes, data: st.DataObject) -> list[bytes]:
    pieces = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        pieces.append(stream[:size])
        stream = stream[size:]
    return pieces


@given(st.lists(st.binary(max_size=300), max_size=6), st.data())
def test_what_an_honest_broker_sends_passes_whole(payloads: list[bytes], data: st.DataObject) -> None:
    packets = [publish("a/b", payload, n + 1, retain=n % 2 == 0) for n, payload in enumerate(payloads)]
    stream = CONNACK + SUBACK + b"".join(packets) + publish("a", b"", qos=0) + puback(9) + b"\xd0\x00\xe0\x00"
    assert followed(*cut(stream, data)) == (stream, "")


@given(st.sampled_from(KINDS), st.binary(max_size=20), st.data())
def test_the_stream_ends_in_front_of_a_packet_that_nobody_asked_for(
    kind: int, rest: bytes, data: st.DataObject
) -> None:
    got, fault = followed(*cut(CONNACK + SUBACK + bytes((kind,)) + rest, data))
    assert got == CONNACK + SUBACK
    assert fault.startswith(f"the broker sent a packet that nobody asked for ({kind:#04x})")


@pytest.mark.parametrize("first", [SUBACK, publish("a", b"x", 1), puback(1), b"\xd0\x00"])
def test_the_first_packet_is_an_answer_to_connect(first: bytes) -> None:
    got, fault = followed(first + CONNACK)
    assert got == b""
    assert "before it accepted us" in fault
    for answer in (CONNACK, b"\xe0\x02\x87\x00", b"\xf0\x00"):
        assert followed(answer) == (answer, "")


@pytest.mark.parametrize("size", [MAX_PACKET + 1, 1 << 20, 268_435_455])
def test_a_packet_beyond_the_bound_ends_before_anything_of_it_is_held(size: int) -> None:
    got, fault = followed(CONNACK + b"\x32" + variable(size) + b"x" * 100)
    assert got.startswith(CONNACK + b"\x32")
    assert len(got) < len(CONNACK) + 5
    assert fault == f"the broker sent a packet of over {MAX_PACKET} bytes; lower its max_packet_size"
    assert followed(CONNACK + b"\x32\x80\x80\x80\x80\x01")[1] == fault, "of five bytes there is no length"


def test_the_largest_packet_passes_byte_by_byte() -> None:
    whole = CONNACK + b"\x32" + variable(MAX_PACKET) + bytes(MAX_PACKET) + puback(1)
    sock = GuardedSocket.__new__(GuardedSocket)
    assert all(sock._follow(whole[n : n + 1]) == 1 for n in range(len(whole)))
    assert not sock.fault


@given(st.binary(max_size=300), st.data())
def test_no_bytes_crash_the_guarded_socket(stream: bytes, data: st.DataObject) -> None:
    got, fault = followed(*cut(stream, data))
    assert stream.startswith(got)
    assert fault or got == stream


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[GuardedSocket, ssl.SSLSocket]]:
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
        theirs = waiting.result(60)
    assert isinstance(ours, GuardedSocket)
    ours.setblocking(False)
    theirs.settimeout(60)
    with ours, theirs:
        yield ours, theirs


def read(sock: GuardedSocket, size: int) -> bytes:
    """Once something is there."""
    while True:
        with contextlib.suppress(ssl.SSLWantReadError):
            return sock.recv(size)


def test_a_head_is_read_byte_by_byte_and_nothing_is_lost(pair: tuple[GuardedSocket, ssl.SSLSocket]) -> None:
    ours, theirs = pair
    theirs.sendall(CONNACK + puback(7))
    assert [read(ours, 1), ours.recv(1), ours.recv(3)] == [b"\x20", b"\x03", b"\x00\x00\x00"]
    assert ours.pending() == 5, "which select does not see"
    assert ours.recv(100) == puback(7)
    assert ours.pending() == 0
    assert not ours.empty
    with pytest.raises(ssl.SSLWantReadError):
        ours.recv(1)
    assert ours.empty


def test_nothing_is_read_while_there_is_no_room(pair: tuple[GuardedSocket, ssl.SSLSocket]) -> None:
    ours, theirs = pair
    theirs.sendall(CONNACK)
    assert read(ours, 5) == CONNACK
    theirs.sendall(puback(7))
    ours.may_read = lambda: False
    with pytest.raises(ssl.SSLWantReadError):
        ours.recv(1)
    assert ours.empty
    ours.may_read = lambda: True
    assert read(ours, 5) == puback(7)


@pytest.mark.parametrize("politely", [True, False])
def test_a_broken_connection_is_found_by_who_reads(
    pair: tuple[GuardedSocket, ssl.SSLSocket], politely: bool
) -> None:
    """In TLS 1.3 the broker's word about our certificate comes after the handshake, with the end of the line."""
    ours, theirs = pair
    theirs.sendall(CONNACK)
    if politely:
        assert read(ours, 100) == CONNACK
    else:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    theirs.close()
    for _ in range(50):
        assert ours.send(b"into the void") == 13
    with contextlib.suppress(OSError):
        while read(ours, 100):
            pass


def test_a_fault_is_the_end_of_the_stream(pair: tuple[GuardedSocket, ssl.SSLSocket]) -> None:
    ours, theirs = pair
    theirs.sendall(CONNACK + b"\xc0\x00")
    assert read(ours, 100) == CONNACK
    assert ours.recv(1) == b""
    assert "0xc0" in ours.fault


def test_a_handshake_that_fails_closes_the_socket(tmp_path: Path) -> None:
    certificates.create_authority(tmp_path)
    client = certificates.issue_client(tmp_path, "gate-1")
    context = client_context(UplinkSettings("127.0.0.1", 0, client.ca, client.certificate, client.key))
    near, far = socket.socketpair()
    with far:
        sock = context.wrap_socket(near, server_hostname="127.0.0.1", do_handshake_on_connect=False)
        far.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(ssl.SSLError):
            sock.do_handshake()
        assert sock.fileno() == -1
