"""What mosquitto does not do on demand: a broker that answers by a script, over real TLS."""

import contextlib
import gc
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from edge.adapters.mqtt import connection as mqtt_connection
from edge.adapters.mqtt import event_queue, guarded_socket, outgoing
from edge.adapters.mqtt.client import MqttLink
from edge.adapters.mqtt.guarded_socket import MAX_PACKET
from edge.adapters.mqtt.mailbox import Identity, Publish, Receive
from edge.adapters.mqtt.uplink import MqttUplink, UplinkSettings
from edge.central.broker import certificates
from edge.domain.protocol import topics
from edge.domain.protocol.record import Origin
from edge.errors import BrokerError
from edge.ports import Acknowledged, Connected, Disconnected, Message, Uplink
from edge.terminal.uplink.status import last_will
from tests.support.contracts import contract
from tests.support.mqtt_packets import puback, publish

pytestmark = contract(Uplink, MqttUplink, "a broker that answers by a script, over TLS")

HERE = Origin("main", "gate-1")
CONNECT, SUBSCRIBE, UNSUBSCRIBE, PUBLISH, PUBACK, PING = 0x10, 0x80, 0xA0, 0x30, 0x40, 0xC0
CONNACK = b"\x20\x03\x00\x00\x00"
Script = Callable[[int, bytes], bytes | None]


def granted(_command: int, body: bytes) -> bytes:
    return b"\x90\x04" + body[:2] + b"\x00\x01"


def read_packet(stream: ssl.SSLSocket) -> tuple[int, bytes] | None:
    head = stream.recv(1)
    if not head:
        return None
    size, shift = 0, 0
    while True:
        byte = stream.recv(1)[0]
        size |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    body = b""
    while len(body) < size:
        body += stream.recv(size - len(body))
    return head[0] & 0xF0, body


@pytest.fixture
def scripted(tmp_path) -> Iterator[Callable[[Script], UplinkSettings]]:
    """Serve one connection after another by a script: what to answer to (command, body); None closes."""
    certificates.create_authority(tmp_path)
    server = certificates.issue_server(tmp_path, ["127.0.0.1"])
    client = certificates.issue_client(tmp_path, "gate-1")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=server.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(server.certificate, server.key)
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []
    done = threading.Event()

    def serve(script: Script) -> None:
        while not done.is_set():
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            with raw, contextlib.suppress(OSError), context.wrap_socket(raw, server_side=True) as stream:
                while (packet := read_packet(stream)) is not None:
                    answer = script(*packet)
                    if answer is None:
                        break
                    stream.sendall(answer)

    def start(script: Script) -> UplinkSettings:
        thread = threading.Thread(target=serve, args=(script,))
        thread.start()
        threads.append(thread)
        port = listener.getsockname()[1]
        return UplinkSettings(
            "127.0.0.1", port, client.ca, client.certificate, client.key, backoff_first_s=0.01, backoff_max_s=0.05
        )

    yield start
    done.set()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def uplink_of(settings: UplinkSettings) -> MqttUplink:
    return MqttUplink(settings, HERE, last_will(HERE), [topics.receipt(HERE)])


def hears(uplink: MqttUplink, words: str) -> None:
    """Wait for this reason: on a busy machine another attempt may run out of time before it comes so far."""
    while words not in (event := uplink.next_event(60)).reason:
        assert isinstance(event, Disconnected)


def answers(**by_command: object) -> Script:
    def script(command: int, body: bytes) -> bytes | None:
        name = {CONNECT: "connect", SUBSCRIBE: "subscribe", PUBLISH: "publish", PING: "ping"}.get(command)
        answer = by_command.get(name, b"")
        return answer(command, body) if callable(answer) else answer

    return script


def test_a_denied_subscription_is_surfaced_and_never_called_connected(scripted):
    def denied(_command: int, body: bytes) -> bytes:
        return b"\x90\x04" + body[:2] + b"\x00\x87"

    with uplink_of(scripted(answers(connect=CONNACK, subscribe=denied))) as uplink:
        event = uplink.next_event(60)
        assert isinstance(event, Disconnected)
        assert event.reason.startswith("the broker's ACL denies reading smartclocker/v1/main/gate-1/receipt")
        assert not uplink.publish("a", b"b", token=1)
        assert uplink.next_event(0.3) is None, "said once, tried again and again"


def test_the_sites_records_may_be_denied_and_the_connection_stands(scripted):
    asked: list[bytes] = []

    def denied(_command: int, body: bytes) -> bytes:
        asked.append(body)
        return b"\x90\x07" + body[:2] + b"\x00\x01\x87\x87\x87"

    here = topics.receipt(HERE)
    settings = scripted(answers(connect=CONNACK, subscribe=denied))
    with MqttUplink(settings, HERE, last_will(HERE), [here], site=True) as uplink:
        event = uplink.next_event(60)
        assert isinstance(event, Connected)
        assert event.denied == (*topics.site_records("main"), topics.record(HERE, "punch"))
        assert uplink.publish("a", b"b", token=1)
        assert uplink.next_event(0.3) is None
    (body,) = asked
    options = [body[body.index(topic.encode()) + len(topic)] for topic in (here, *event.denied)]
    assert options == [0x01, 0x25, 0x25, 0x21], "QoS 1; the others' without our own; nothing retained of either"


def test_the_first_of_our_own_that_comes_back_ends_that_subscription(scripted):
    own, ended = topics.record(HERE, "punch"), []

    def script(command: int, body: bytes) -> bytes:
        if command == UNSUBSCRIBE:
            ended.append(body)
            return b"\xb0\x04" + body[:2] + b"\x00\x00"
        if command == PUBLISH:
            return publish(own, b"ours", 7, retain=False) * 2
        granted_all = b"\x90\x07" + body[:2] + b"\x00\x01\x01\x01\x01"
        return {CONNECT: CONNACK, SUBSCRIBE: granted_all}.get(command, b"")

    with MqttUplink(scripted(script), HERE, last_will(HERE), [topics.receipt(HERE)], site=True) as uplink:
        assert uplink.next_event(60) == Connected(False)
        assert uplink.publish(own, b"ours", token=1)
        assert [uplink.next_event(60) for _ in range(2)] == [Message(own, b"ours")] * 2
        deadline = time.monotonic() + 60
        while not ended and time.monotonic() < deadline:
            uplink.next_event(0.05)
        assert uplink.next_event(0.3) is None, "the connection stands"
    (body,) = ended
    assert own.encode() in body


def test_a_refused_connection_says_that_we_are_not_authorised(scripted):
    with uplink_of(scripted(answers(connect=b"\x20\x03\x00\x87\x00"))) as uplink:
        assert uplink.next_event(60).reason.startswith("not authorised: the broker knows no user")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0x8E, "another client connected under our name"),
        (0x8B, "the broker is shutting down"),
        (0x93, "raise its max_inflight_messages"),
        (0x97, "the broker ended the connection (Quota exceeded)"),
    ],
)
def test_the_broker_s_last_word_is_passed_on(scripted, code, words):
    def farewell(command: int, body: bytes) -> bytes:
        return granted(command, body) + b"\xe0\x02" + bytes([code]) + b"\x00"

    with uplink_of(scripted(answers(connect=CONNACK, subscribe=farewell))) as uplink:
        assert isinstance(uplink.next_event(60), Connected)
        assert words in uplink.next_event(60).reason


def test_a_broker_that_never_answers_is_given_up(scripted):
    with uplink_of(_impatient(scripted(answers()))) as uplink:
        hears(uplink, "does not answer within 1 s")


def test_a_broker_that_never_grants_the_subscription_is_given_up(scripted):
    with uplink_of(_impatient(scripted(answers(connect=CONNACK)))) as uplink:
        hears(uplink, "does not answer within 1 s")


@pytest.mark.parametrize(
    "rubbish",
    [b"\xff\xff\xff\xff\xff\xff", b"\x20\x01\x00", b"\x00" * 40, b"\x30\x05\x00\xffab", b"GET / HTTP/1.1"],
)
def test_rubbish_ends_the_connection_and_not_the_thread(scripted, rubbish):
    with uplink_of(_impatient(scripted(answers(connect=rubbish)))) as uplink:
        assert isinstance(uplink.next_event(60), Disconnected)
        assert uplink.next_event(0.3) is None, "it tries again, and says the same reason once"


def test_a_thread_that_dies_is_seen_by_whoever_waits_for_events(scripted, monkeypatch):
    died = []
    monkeypatch.setattr(threading, "excepthook", lambda args: died.append(args.exc_type))
    monkeypatch.setattr("edge.adapters.mqtt.client._pause_s", lambda attempt, settings: 1 / 0)
    with uplink_of(scripted(answers(connect=None))) as uplink:
        assert isinstance(uplink.next_event(60), Disconnected)
        with pytest.raises(BrokerError, match="the thread that speaks to the broker died"):
            uplink.next_event(60)
    assert died == [ZeroDivisionError]


def test_a_reconnect_subscribes_again_and_reports_both(scripted):
    def drop(command: int, body: bytes) -> None:
        return None

    with uplink_of(scripted(answers(connect=CONNACK, subscribe=granted, publish=drop))) as uplink:
        for _ in range(3):
            while not isinstance(event := uplink.next_event(60), Connected):
                assert event is not None
            assert uplink.publish("a", b"b", token=1)
            assert isinstance(uplink.next_event(60), Disconnected)


def _impatient(settings: UplinkSettings) -> UplinkSettings:
    return replace(settings, connect_timeout_s=1.0)


@pytest.mark.parametrize("manual_release", [False, True])
def test_messages_beside_connack_are_neither_lost_nor_acknowledged_unseen(scripted, manual_release):
    acknowledged = []
    kept = b"".join(publish("queue", b"%d" % n, n, retain=False) for n in (1, 2, 3))

    def script(command: int, body: bytes) -> bytes:
        if command == PUBACK:
            acknowledged.append(int.from_bytes(body[:2], "big"))
        together = b"\x20\x03\x01\x00\x00" + kept
        return {CONNECT: together, SUBSCRIBE: granted(command, body)}.get(command, b"")

    link = MqttLink(scripted(script), Identity("kept", ("queue",), manual_release=manual_release))
    link.start()
    try:
        events = [link.next_event(60) for _ in range(4)]
        received = [event for event in events if isinstance(event, Receive)]
        assert [event.message.payload for event in received] == [b"1", b"2", b"3"]
        if manual_release:
            assert link.next_event(0.3) is None
            assert acknowledged == [], "before it is released"
            for event in received:
                link.release(event)
        deadline = time.monotonic() + 60
        while len(acknowledged) < 3 and time.monotonic() < deadline:
            link.next_event(0.05)
        assert acknowledged == [1, 2, 3]
    finally:
        link.stop()


def test_the_terminal_acknowledges_what_it_handled_in_order_and_nothing_before(scripted):
    acknowledged = []
    kept = b"".join(publish("queue", b"%d" % n, n, retain=False) for n in (1, 2, 3))

    def script(command: int, body: bytes) -> bytes:
        if command == PUBACK:
            acknowledged.append(int.from_bytes(body[:2], "big"))
        return {CONNECT: CONNACK, SUBSCRIBE: granted(command, body) + kept}.get(command, b"")

    with uplink_of(scripted(script)) as uplink:
        events = [uplink.next_event(60) for _ in range(3)]
        assert [one.payload for one in events if isinstance(one, Message)] == [b"1", b"2"]
        time.sleep(0.3)
        assert acknowledged == [], "nothing is handled yet"
        uplink.handled()
        assert uplink.next_event(60) == Message("queue", b"3")
        for handled in ([1, 2], [1, 2, 3]):
            deadline = time.monotonic() + 60
            while len(acknowledged) < len(handled) and time.monotonic() < deadline:
                time.sleep(0.01)
            assert acknowledged == handled
            uplink.handled()


def test_a_flood_that_nobody_takes_stops_at_a_bound_and_nothing_of_it_is_lost(scripted):
    """A hostile broker: what it sends waits in the network and not in our memory."""
    count, size = 4_000, 32_000
    flood = [publish("a", b"%07d" % n + b"x" * size, n % 60_000 + 1, retain=False) for n in range(count)]

    def script(command: int, body: bytes) -> bytes:
        return (
            granted(command, body) + b"".join(flood)
            if command == SUBSCRIBE
            else answers(connect=CONNACK)(command, body)
        )

    uplink = uplink_of(scripted(script))
    with uplink:
        events = uplink._link._events
        deadline = time.monotonic() + 60
        while events._put < count and events.room():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        held = events._put_bytes - events._got_bytes
        assert held <= event_queue.MOST_BYTES + (1 << 20) < count * size / 10
        for n in range(count):
            event = uplink.next_event(60)
            if isinstance(event, Connected):
                event = uplink.next_event(60)
            assert event.payload[:7] == b"%07d" % n
            assert events._put_bytes - events._got_bytes <= event_queue.MOST_BYTES + (1 << 20)


def test_small_messages_are_bounded_by_their_number(scripted):
    count = 20_000
    flood = publish("a", b"", 1, retain=False) * count

    def script(command: int, body: bytes) -> bytes:
        return granted(command, body) + flood if command == SUBSCRIBE else answers(connect=CONNACK)(command, body)

    with uplink_of(scripted(script)) as uplink:
        events = uplink._link._events
        for _ in range(count + 1):
            assert isinstance(uplink.next_event(60), Message | Connected)
            assert events._put - events._got <= event_queue.MOST_EVENTS + 65_536 // 8


def test_a_broker_that_acknowledges_nothing_is_handed_no_more_than_a_bound(scripted):
    only_one = b"\x20\x06\x00\x00\x03\x21\x00\x01"  # Receive Maximum 1
    with uplink_of(scripted(answers(connect=only_one, subscribe=granted))) as uplink:
        assert isinstance(uplink.next_event(60), Connected)
        taken = sum(uplink.publish("a", b"x" * 900, token=n) for n in range(50_000))
        assert 1_000 < taken <= outgoing.MOST_MESSAGES
        large = sum(uplink.publish("a", b"x" * 60_000, token=n) for n in range(50_000))
        assert large <= 1


def test_a_broker_that_reads_no_answers_is_not_read_either(scripted, monkeypatch):
    """It sends without end and reads none of our acknowledgements: those wait in memory, and are bounded."""
    monkeypatch.setattr(mqtt_connection, "_MOST_UNSENT", 100)
    genuine = guarded_socket.GuardedSocket.send
    monkeypatch.setattr(
        guarded_socket.GuardedSocket, "send", lambda sock, *words: would_block(sock, genuine, words)
    )

    def would_block(sock: ssl.SSLSocket, write: Callable[..., int], words: tuple[object, ...]) -> int:
        """As a full network does, from the first acknowledgement on."""
        if words[0][0] == PUBACK:
            raise ssl.SSLWantWriteError
        return write(sock, *words)

    count, size = 2_000, 16_000
    flood = b"".join(publish("a", b"x" * size, n + 1) for n in range(count))
    bound = 100 + event_queue.MOST_BYTES // size + 2 * mqtt_connection._PACKETS_A_ROUND

    def script(command: int, body: bytes) -> bytes:
        return granted(command, body) + flood if command == SUBSCRIBE else answers(connect=CONNACK)(command, body)

    with uplink_of(scripted(script)) as uplink:
        taken = []
        while (event := uplink.next_event(3)) is not None:
            taken.append(event)
            uplink.handled()
            assert len(uplink._link._connection._client._out_packet) <= bound
        assert 100 <= sum(isinstance(event, Message) for event in taken) <= bound, "the rest waits"


@pytest.mark.parametrize(
    ("hostile", "words"),
    [
        (b"\x34\x06\x00\x01a\x00\x01\x00", "nobody asked for"),
        (b"\x36\x06\x00\x01a\x00\x01\x00", "nobody asked for"),
        (b"\xc0\x00", "nobody asked for"),
        (b"\x50\x02\x00\x01", "nobody asked for"),
        (b"\x62\x02\x00\x01", "nobody asked for"),
        (CONNACK, "nobody asked for"),
        (b"\x32\x80\x80\x80\x40", "over 65536 bytes"),
        (b"\x32\x81\x80\x04", "over 65536 bytes"),
        (b"\x32\x80\x80\x80\x80\x01", "over 65536 bytes"),
        (b"\x32\x05\x00\xffa\x00\x01", "malformed"),
        (b"\x40\x01\x00", "malformed"),
        (b"\x40\x03\x00\x01\xfe", "malformed"),
    ],
    ids=["QoS 2", "QoS 3", "PINGREQ", "PUBREC", "PUBREL", "a second CONNACK", "128 MB", "a byte too much",
         "a length that never ends", "a PUBLISH shorter than its topic", "a short PUBACK", "an unknown reason"],
)  # fmt: skip
def test_what_paho_would_keep_or_answer_without_end_ends_the_connection(scripted, hostile, words):
    def script(command: int, body: bytes) -> bytes:
        return answers(connect=CONNACK, subscribe=granted(command, body) + hostile)(command, body)

    with uplink_of(scripted(script)) as uplink:
        assert isinstance(uplink.next_event(60), Connected)
        assert words in uplink.next_event(60).reason
        assert isinstance(uplink.next_event(60), Connected), "it tries again"


def test_the_largest_packet_passes_however_it_is_cut(scripted):
    whole = publish("a", b"x" * (MAX_PACKET - 6), 1)
    assert len(whole) == MAX_PACKET + 4

    def script(command: int, body: bytes) -> bytes:
        return answers(connect=CONNACK, subscribe=granted(command, body) + whole * 2)(command, body)

    with uplink_of(scripted(script)) as uplink:
        assert isinstance(uplink.next_event(60), Connected)
        for _ in range(2):
            assert len(uplink.next_event(60).payload) == MAX_PACKET - 6


def test_a_topic_that_is_no_text_is_nobody_s(scripted):
    packet = b"\x32\x08\x00\x02\xff\xfe\x00\x07\x00x"

    def script(command: int, body: bytes) -> bytes:
        return answers(connect=CONNACK, subscribe=granted(command, body) + packet)(command, body)

    with uplink_of(scripted(script)) as uplink:
        assert isinstance(uplink.next_event(60), Connected)
        assert uplink.next_event(60) == Message("", b"x")


@pytest.mark.parametrize(
    ("code", "answer"),
    [(0, (None, False)), (0x10, (None, True)), (0x80, ("Unspecified error", False)),
     (0x87, ("Not authorized", False)), (0x97, ("Quota exceeded", False))],
)  # fmt: skip
def test_what_the_broker_says_of_a_message_has_its_name(scripted, code, answer):
    def acknowledge(_command: int, body: bytes) -> bytes:
        return puback(int.from_bytes(body[3:5], "big"), code)

    with uplink_of(scripted(answers(connect=CONNACK, subscribe=granted, publish=acknowledge))) as uplink:
        assert isinstance(uplink.next_event(60), Connected)
        assert uplink.publish("a", b"b", token=5)
        assert uplink.next_event(60) == Acknowledged(5, *answer)


def test_what_is_sent_keeps_its_flags_and_how_long_it_counts(scripted):
    seen: list[bytes] = []

    def take(_command: int, body: bytes) -> bytes:
        seen.append(body)
        return puback(int.from_bytes(body[3:5], "big"))

    script = answers(connect=CONNACK, publish=take)
    with linked(scripted(script), Identity("sender")) as link:
        assert isinstance(link.next_event(60), Connected)
        for token, expiry_s in enumerate((None, 60)):
            assert link.publish("a", b"payload", token=token, expiry_s=expiry_s)
            assert link.next_event(60) == Acknowledged(token, None)
    assert [body[5:] for body in seen] == [b"\x00payload", b"\x05\x02\x00\x00\x00\x3cpayload"]


def test_a_message_at_qos_0_has_no_identifier_and_is_not_acknowledged(scripted):
    packets = publish("queue", b"one", qos=0) + publish("queue", b"two", 7)
    acknowledged: list[bytes] = []

    def script(command: int, body: bytes) -> bytes:
        if command == PUBACK:
            acknowledged.append(body)
        return answers(connect=CONNACK, subscribe=granted(command, body) + packets)(command, body)

    with linked(scripted(script), Identity("reader", ("queue",))) as link:
        events = [link.next_event(60) for _ in range(3)]
        assert [(event.message.payload, event.mid) for event in events[1:]] == [(b"one", 0), (b"two", 7)]
        deadline = time.monotonic() + 60
        while not acknowledged and time.monotonic() < deadline:
            time.sleep(0.01)
    assert [body[:2] for body in acknowledged] == [b"\x00\x07"]


@contextlib.contextmanager
def linked(settings: UplinkSettings, identity: Identity) -> Iterator[MqttLink]:
    link = MqttLink(settings, identity)
    link.start()
    try:
        yield link
    finally:
        link.stop()


@pytest.mark.parametrize("acknowledging", [True, False])
def test_no_more_is_on_its_way_than_the_broker_takes_at_once(scripted, acknowledging):
    """Receive Maximum 2."""
    came: list[bytes] = []

    def take(_command: int, body: bytes) -> bytes:
        came.append(body[3:5])
        two_wait = acknowledging and len(came) % 2 == 0
        return b"".join(puback(int.from_bytes(mid, "big")) for mid in came[-2:]) if two_wait else b""

    two = b"\x20\x06\x00\x00\x03\x21\x00\x02"
    with uplink_of(scripted(answers(connect=two, subscribe=granted, publish=take))) as uplink:
        assert isinstance(uplink.next_event(60), Connected)
        assert all(uplink.publish("a", b"b", token=n) for n in range(100))
        if acknowledging:
            assert [uplink.next_event(60) for _ in range(100)] == [Acknowledged(n, None) for n in range(100)]
        else:
            deadline = time.monotonic() + 60
            while len(came) < 2 and time.monotonic() < deadline:
                time.sleep(0.01)
            assert uplink.next_event(1) is None
            assert len(came) == 2, "98 wait here"


def test_paho_is_told_what_the_session_is(scripted):
    """CONNECT: how long the session is kept, what is the largest packet, and whether it begins anew."""
    seen: list[bytes] = []

    def connect(_command: int, body: bytes) -> bytes:
        seen.append(body)
        return CONNACK

    with uplink_of(scripted(answers(connect=connect, subscribe=granted))) as uplink:
        assert isinstance(uplink.next_event(60), Connected)
        assert uplink.renew()
        while not isinstance(uplink.next_event(60), Connected):
            pass
    week, largest = (7 * 24 * 3600).to_bytes(4, "big"), MAX_PACKET.to_bytes(4, "big")
    for body, clean in zip(seen, (False, True), strict=True):
        assert body[:6] == b"\x00\x04MQTT"
        assert bool(body[7] & 2) is clean
        assert body[10:21] == b"\x0a\x11" + week + b"\x27" + largest


def test_nothing_is_kept_of_what_comes_before_the_connection_was_accepted(scripted):
    """At QoS 2 the library would keep 65,535 messages for us, of a megabyte each."""
    early = b"\x34\x06\x00\x01a\x00\x01\x00"
    with uplink_of(_impatient(scripted(answers(connect=early * 100)))) as uplink:
        hears(uplink, "before it accepted us")


def test_an_error_of_the_library_costs_the_connection_and_not_the_thread(scripted, monkeypatch, caplog):
    genuine, fallen = mqtt_connection.Client.loop_read, []

    def once(client: object) -> object:
        if not fallen:
            fallen.append(True)
            raise KeyError("a packet that the library trips over")
        return genuine(client)

    monkeypatch.setattr(mqtt_connection.Client, "loop_read", once)
    with uplink_of(scripted(answers(connect=CONNACK, subscribe=granted))) as uplink:
        assert "nobody foresaw (KeyError)" in uplink.next_event(60).reason
        assert isinstance(uplink.next_event(60), Connected)
        assert uplink.faults == 1
    assert "Traceback" in caplog.text


def test_a_broker_that_acknowledges_nothing_is_left_and_tried_again(scripted, monkeypatch):
    monkeypatch.setattr(outgoing, "ACKNOWLEDGED_WITHIN_S", 0.3)
    monkeypatch.setattr(mqtt_connection, "_TICK_S", 0.1)
    with uplink_of(scripted(answers(connect=CONNACK, subscribe=granted, ping=b"\xd0\x00"))) as uplink:
        assert isinstance(uplink.next_event(60), Connected)
        assert uplink.next_event(1.0) is None, "nothing waits for it"
        assert uplink.publish("a", b"b", token=1)
        assert uplink.next_event(60) == Disconnected("the broker has acknowledged nothing for 0.3 s; see its log")
        assert isinstance(uplink.next_event(60), Connected)


@pytest.mark.parametrize("ends", ["acknowledges nothing", "cut"])
def test_what_waited_goes_with_its_connection_and_not_when_the_collector_comes(scripted, monkeypatch, ends):
    """8 MB a connection, minutes long: a terminal grew with each reconnect."""
    monkeypatch.setattr(outgoing, "ACKNOWLEDGED_WITHIN_S", 0.5 if ends != "cut" else 60.0)
    monkeypatch.setattr(mqtt_connection, "_TICK_S", 0.1)
    only_one = b"\x20\x06\x00\x00\x03\x21\x00\x01"  # Receive Maximum 1
    taken = 0

    def script(command: int, body: bytes) -> bytes | None:
        nonlocal taken
        taken += command == PUBLISH
        return None if ends == "cut" and command == PUBLISH and taken == 1 else usual(command, body)

    usual = answers(connect=only_one, subscribe=granted, ping=b"\xd0\x00", publish=b"")
    gc.collect()
    gc.disable()
    try:
        with uplink_of(scripted(script)) as uplink:
            assert isinstance(uplink.next_event(60), Connected)
            gone = weakref.ref(uplink._link._connection)
            assert sum(uplink.publish("a", b"x" * 900, token=n) for n in range(1_000)) > 0
            assert isinstance(uplink.next_event(60), Disconnected)
            assert isinstance(uplink.next_event(60), Connected)
            assert gone() is None
            deadline = time.monotonic() + 60
            while waiting := sum(isinstance(one, Publish) for one in gc.get_objects()):
                assert time.monotonic() < deadline, waiting
                time.sleep(0.05)
    finally:
        gc.enable()
