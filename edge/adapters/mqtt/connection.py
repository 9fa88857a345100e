"""One MQTT v5 connection over paho, from the TCP handshake to its end, on the calling thread alone.

It uses paho's interface for an outside event loop: nobody else calls paho or writes to the TLS socket, so that none
of its locks can be held by two, and every failure is seen here. paho connects, subscribes and keeps the connection
alive; the messages themselves and their acknowledgements are written and read by `edge.adapters.mqtt.packets`.
"""

import select
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge.adapters.mqtt import packets
from edge.adapters.mqtt.disconnect_reasons import (
    DISCONNECTS,
    LastError,
    connack_reason,
    puback_refusal,
    unexplained,
)
from edge.adapters.mqtt.event_queue import Events
from edge.adapters.mqtt.mailbox import Identity, Mailbox, Publish, Receive, Refresh, Renew
from edge.adapters.mqtt.outgoing import SendQueue
from edge.adapters.mqtt.tls import UplinkSettings, plain_reason
from edge.adapters.mqtt.tls_socket import MqttSocket
from edge.ports import Acknowledged, Connected, Message

_NO_MATCHING_SUBSCRIBERS = 0x10
"""MQTT v5 §3.4.2.1: a success that delivers to no one."""
FLUSH_S = 1.0
"""How long a clean stop waits for the broker to acknowledge what was handed over before it."""
_MOST_INFLIGHT = 65_535
"""MQTT v5 §3.2.2.3.3: how many messages without an answer a broker takes that names no number."""
ACKNOWLEDGED_WITHIN_S = 60.0
"""A broker that has acknowledged nothing for so long, while something of ours waits for it, has lost it."""
_READS_A_ROUND = 64
_MOST_UNSENT = 1 << 20
"""Bytes that wait for the broker to read: with more, nothing is read from it and no message is written."""
_BEFORE_CONNACK = (0x20, 0xE0, 0xF0)
"""CONNACK, DISCONNECT, AUTH: paho would keep in memory what comes besides."""
_TICK_S = 1.0
"""How often paho looks at its keep-alive when nothing else happens."""


@dataclass(frozen=True, slots=True)
class ConnectionContext:
    """What a connection shares with its owner."""

    settings: UplinkSettings
    identity: Identity
    mailbox: Mailbox
    events: Events
    stopping: threading.Event
    subscribed: threading.Event
    """Set once the broker granted our subscriptions: what it retained then is in the session, or was here."""
    clean: threading.Event
    """Set while the next session is to begin without what the broker holds for us."""


class Connection:
    """One attempt and, when it succeeds, one connection until it ends."""

    def __init__(self, wires: ConnectionContext, context: ssl.SSLContext, number: int) -> None:
        self.number = number
        self.up = False
        """Whether the broker has accepted us and our subscriptions; read by other threads."""
        self.lasted_s = 0.0
        """How long it was up."""
        self._wires = wires
        self._tokens: dict[int, int] = {}
        self._answered_at = 0.0
        self.outgoing = SendQueue()
        self._room = _MOST_INFLIGHT
        self._mid = 0
        self._frames = packets.Frames()
        self._reason: str | None = None
        self._answered = False
        self._up_since: float | None = None
        self._session_present = False
        self._paho_log = LastError()
        self._client = self._make_client(context)

    def run(self) -> str:
        """Connect, serve until the end, close. Returns the reason in plain words."""
        settings = self._wires.settings
        try:
            self._client.connect(
                settings.host,
                settings.port,
                keepalive=settings.keepalive_s,
                clean_start=self._wires.clean.is_set(),
                properties=_session(settings),
            )
            self._serve()
        except packets.PacketError as error:
            self._reason = str(error)
        except OSError as error:
            self._reason = self._reason or plain_reason(error, settings)
        finally:
            self.up = False
            if self._up_since is not None:
                self.lasted_s = time.monotonic() - self._up_since
            sock = self._client.socket()
            if sock is not None:
                sock.close()
            self._let_go()
        return self._reason or unexplained(self._paho_log.text, answered=self._answered)

    def _let_go(self) -> None:
        """What waited goes now, and paho's client, which refers to us as we do to it, with us.

        The collector of such circles comes after minutes where little else is made: what waited of several
        connections was 8 MB each, in memory that went back to nobody.
        """
        self.outgoing.clear()
        self._tokens.clear()
        client = self._client
        client.on_socket_open = client.on_connect = client.on_disconnect = client.on_subscribe = None

    def _make_client(self, context: ssl.SSLContext) -> Client:
        identity = self._wires.identity
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=identity.client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        client.connect_timeout = self._wires.settings.connect_timeout_s
        client.tls_set_context(context)
        # paho tells the text of a TLS alert to its logger alone; this one is outside of the logging tree
        client.enable_logger(self._paho_log.logger)
        if identity.will is not None:
            topic, payload = identity.will
            client.will_set(topic, payload, qos=1, retain=True)
        client.on_socket_open = _send_at_once
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        return client

    def _serve(self) -> None:
        patience = self._wires.settings.connect_timeout_s
        deadline = time.monotonic() + 2 * patience  # the answers to CONNECT and to SUBSCRIBE
        while self._client.socket() is not None:
            if self._wires.stopping.is_set():
                self._finish()
                return
            if self._reason is not None:
                self._client.disconnect()
                return
            if self._up_since is None and time.monotonic() > deadline:
                self._reason = (
                    f"the broker does not answer within {patience:g} s; check that it is an MQTT v5 broker"
                )
                return
            if self._tokens and time.monotonic() - self._answered_at > ACKNOWLEDGED_WITHIN_S:
                self._reason = f"the broker has acknowledged nothing for {ACKNOWLEDGED_WITHIN_S:g} s; see its log"
                continue
            self._exchange(_TICK_S if self._up_since is not None else min(_TICK_S, patience))

    def _exchange(self, timeout_s: float) -> None:
        sock = self._socket()
        if sock is None:
            return
        writers = [sock] if sock.unsent or self._client.want_write() else []
        mailbox = self._wires.mailbox
        readers: list[Any] = [sock, mailbox] if self._may_read(sock) else [mailbox]
        readable = select.select(readers, writers, [], timeout_s)[0]
        with sock.corked():
            if sock in readable and not self._read(sock):
                return
            if self._client.loop_write() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return
            if mailbox in readable or self.outgoing:
                self._obey(sock)
            self._client.loop_misc()

    def _read(self, sock: MqttSocket) -> bool:
        """Take what is there, up to a limit; the rest is for paho. False when the connection is gone."""
        for _ in range(_READS_A_ROUND):
            data = sock.read_ahead() if self._may_read(sock) else b""
            if not data:
                break
            for first, packet, body in self._frames.feed(data):
                answered = self._answered
                if answered and self._take(sock, first, packet, body):
                    continue
                if not answered and first & 0xF0 not in _BEFORE_CONNACK:
                    raise packets.PacketError("the broker sent a message before it accepted us; see its log")
                sock.hand_on(packet)
                # a kept session's messages may stand right behind CONNACK: paho would acknowledge and drop them
                if not answered and not self._let_paho_read(sock):
                    return False
        return self._let_paho_read(sock)

    def _may_read(self, sock: MqttSocket) -> bool:
        """Not while what came is not taken, nor while the broker does not take our answers: both are memory."""
        may = self._wires.events.room() and sock.unsent < _MOST_UNSENT
        if not may:
            self._answered_at = time.monotonic()  # it is we who do not look
        return may

    def _let_paho_read(self, sock: MqttSocket) -> bool:
        """What was handed on. False when the connection is gone."""
        while sock.handed_on:
            if self._client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return False
        return True

    def _take(self, sock: MqttSocket, first: int, packet: bytes, body: int) -> bool:
        """What carries the load; False for every other packet."""
        if first & 0xF0 == packets.PUBACK:
            mid, code = packets.read_puback(packet, body)
            token = self._tokens.pop(mid, None)
            self._answered_at = time.monotonic()
            if token is not None:
                unheard = code == _NO_MATCHING_SUBSCRIBERS
                self._wires.events.put(Acknowledged(token, puback_refusal(code), unheard))
            return True
        if first & 0xF0 == packets.PUBLISH:
            came = packets.read_publish(first, packet, body)
            self._wires.events.put(Receive(Message(came.topic, came.payload), came.mid, self.number))
            if came.mid and not self._wires.identity.manual_release:
                sock.send(packets.puback(came.mid))
            return True
        return False

    def _obey(self, sock: MqttSocket) -> None:
        """What the mailbox holds, and what waited for room at the broker, in its order."""
        for command in self._wires.mailbox.take():
            if command.connection != self.number:
                continue  # meant for a connection that is gone: the journal or the broker has it still
            if isinstance(command, Publish):
                self.outgoing.put(command)
            elif isinstance(command, Refresh):
                self._subscribe(anew=True)
            elif isinstance(command, Renew):
                self._wires.clean.set()
                self._reason = "our session at the broker begins anew"
            elif command.mid:
                sock.send(packets.puback(command.mid))
        while self.outgoing and len(self._tokens) < self._room and sock.unsent < _MOST_UNSENT:
            command = self.outgoing.next()
            mid = self._next_mid()
            if not self._tokens:
                self._answered_at = time.monotonic()
            self._tokens[mid] = command.token
            sock.send(
                packets.publish(
                    command.topic, command.payload, mid, retain=command.retain, expiry_s=command.expiry_s
                )
            )

    def _next_mid(self) -> int:
        """A packet identifier that no message on its way has: fewer than all of them are."""
        while True:
            self._mid = self._mid % _MOST_INFLIGHT + 1
            if self._mid not in self._tokens:
                return self._mid

    def _finish(self) -> None:
        deadline = time.monotonic() + FLUSH_S
        sock = self._socket()
        if sock is not None:
            self._obey(sock)
        while (sock := self._socket()) is not None and time.monotonic() < deadline:
            if not (self._tokens or self.outgoing or sock.unsent):
                break
            self._exchange(deadline - time.monotonic())
        self._client.disconnect()

    def _socket(self) -> MqttSocket | None:
        """Ours, as long as paho has it."""
        sock: Any = self._client.socket()  # paho's type is a protocol that ours keeps
        return sock if isinstance(sock, MqttSocket) else None

    def _on_connect(
        self, _client: Client, _data: Any, flags: ConnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        self._answered = True
        self._room = getattr(properties, "ReceiveMaximum", _MOST_INFLIGHT)
        if code.is_failure:
            self._reason = connack_reason(code)
            return
        self._session_present = flags.session_present
        if self._wires.identity.subscriptions:
            self._subscribe(anew=not self._wires.subscribed.is_set())
        else:
            self._is_up()

    def _subscribe(self, *, anew: bool) -> None:
        """`anew`: all that is retained is sent, as to somebody new."""
        identity = self._wires.identity
        handling = {
            topic: SubscribeOptions.RETAIN_SEND_IF_NEW_SUB
            if topic in identity.once and not anew
            else SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE
            for topic in identity.subscriptions
        }
        self._client.subscribe(
            [(topic, SubscribeOptions(qos=1, retainHandling=how)) for topic, how in handling.items()]
        )

    def _on_subscribe(
        self, _client: Client, _data: Any, _mid: int, codes: list[ReasonCode], _properties: Properties | None
    ) -> None:
        for topic, code in zip(self._wires.identity.subscriptions, codes, strict=False):
            if code.is_failure:
                self._reason = (
                    f"the broker's ACL denies reading {topic} ({code}); check the site and the terminal's name in "
                    "the configuration, the certificate's common name, and the broker's ACL"
                )
                return
        self._wires.subscribed.set()
        if not self.up:
            self._is_up()

    def _is_up(self) -> None:
        self._wires.clean.clear()
        self._up_since = time.monotonic()
        self.up = True
        self._wires.events.put(Connected(self._session_present))

    def _on_disconnect(
        self, _client: Client, _data: Any, flags: DisconnectFlags, code: ReasonCode, _properties: Properties | None
    ) -> None:
        self.up = False
        if self._reason is None and (flags.is_disconnect_packet_from_server or str(code) == "Keep alive timeout"):
            self._reason = DISCONNECTS.get(str(code), f"the broker ended the connection ({code})")


def _send_at_once(_client: Client, _data: Any, sock: Any) -> None:
    # small packets would otherwise wait for the other side's delayed TCP acknowledgement, 40 ms each
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _session(settings: UplinkSettings) -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho leaves it untyped
    properties.SessionExpiryInterval = settings.session_expiry_s
    return properties
