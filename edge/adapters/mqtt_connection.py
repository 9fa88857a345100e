"""One MQTT v5 connection over paho, from the TCP handshake to its end, on the calling thread alone.

It uses paho's interface for an outside event loop: nobody else calls paho or writes to the TLS socket, so that none
of its locks can be held by two, and every failure is seen here.
"""

import contextlib
import logging
import select
import socket
import ssl
import threading
import time
from collections import deque
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.adapters.mqtt_mail import Identity, LinkEvent, Mailbox, Publish, Receive
from edge.adapters.mqtt_socket import MqttSocket
from edge.adapters.mqtt_tls import UplinkSettings, broker_refusal, plain_reason
from edge.ports import Acknowledged, Connected, Message

_NO_MATCHING_SUBSCRIBERS = 0x10
"""MQTT v5 §3.4.2.1: a success that delivers to no one."""
FLUSH_S = 1.0
"""How long a clean stop waits for the broker to acknowledge what was handed over before it."""
_MOST_INFLIGHT = 65_535
"""MQTT v5 §3.2.2.3.3: how many messages without an answer a broker takes that names no number."""
_PACKETS_A_ROUND = 64
_TICK_S = 1.0
"""How often paho looks at its keep-alive when nothing else happens."""


@dataclass(frozen=True, slots=True)
class Wires:
    """What a connection shares with its owner."""

    settings: UplinkSettings
    identity: Identity
    context: ssl.SSLContext
    mailbox: Mailbox
    events: SimpleQueue[LinkEvent]
    stopping: threading.Event


class Connection:
    """One attempt and, when it succeeds, one connection until it ends."""

    def __init__(self, wires: Wires, number: int) -> None:
        self.number = number
        self.up = False
        """Whether the broker has accepted us and our subscriptions; read by other threads."""
        self.lasted_s = 0.0
        """How long it was up."""
        self._wires = wires
        self._tokens: dict[int, int] = {}
        self._waiting: deque[Publish] = deque()
        self._room = _MOST_INFLIGHT
        self._reason: str | None = None
        self._answered = False
        self._up_since: float | None = None
        self._session_present = False
        self._paho_log = _LastError()
        self._client = self._make_client()

    def run(self) -> str:
        """Connect, serve until the end, close. Returns the reason in plain words."""
        settings = self._wires.settings
        try:
            self._client.connect(
                settings.host,
                settings.port,
                keepalive=settings.keepalive_s,
                clean_start=False,
                properties=_session(settings),
            )
            self._serve()
        except OSError as error:
            self._reason = self._reason or plain_reason(error, settings)
        finally:
            self.up = False
            if self._up_since is not None:
                self.lasted_s = time.monotonic() - self._up_since
            sock = self._client.socket()
            if sock is not None:
                sock.close()
        return self._reason or self._unexplained()

    def _make_client(self) -> Client:
        identity = self._wires.identity
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=identity.client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=identity.manual_release,
        )
        client.max_inflight_messages_set(0)  # we count: paho would look at every message at each answer
        client.connect_timeout = self._wires.settings.connect_timeout_s
        client.tls_set_context(self._wires.context)
        # paho tells the text of a TLS alert to its logger alone; this one is outside of the logging tree
        client.enable_logger(self._paho_log.logger)
        if identity.will is not None:
            topic, payload = identity.will
            client.will_set(topic, payload, qos=1, retain=True)
        client.on_socket_open = _send_at_once
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
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
            self._exchange(_TICK_S if self._up_since is not None else min(_TICK_S, patience))

    def _exchange(self, timeout_s: float) -> None:
        sock = self._client.socket()
        if sock is None:
            return
        ahead, unsent = (sock.pending() > 0, sock.unsent) if isinstance(sock, MqttSocket) else (False, False)
        writers = [sock] if unsent or self._client.want_write() else []
        mailbox = self._wires.mailbox
        readers: list[Any] = [sock, mailbox]  # paho's socket protocol lacks no method that select asks for
        readable, writable, _ = select.select(readers, writers, [], 0.0 if ahead else timeout_s)
        if (ahead or sock in readable) and not self._read(sock):
            return
        if sock in writable:
            if isinstance(sock, MqttSocket):
                sock.flush()
            if self._client.loop_write() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return
        if mailbox in readable or self._waiting:
            self._obey(sock)
        self._client.loop_misc()

    def _read(self, sock: Any) -> bool:
        """Take what is there, up to a limit: paho reads one packet a call. False when the connection is gone."""
        for _ in range(_PACKETS_A_ROUND):
            if self._client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return False
            if not isinstance(sock, MqttSocket) or sock.dry:
                break
        return True

    def _obey(self, sock: Any) -> None:
        """What the mailbox holds, and what waited for room at the broker, in its order."""
        with sock.corked() if isinstance(sock, MqttSocket) else contextlib.nullcontext():
            for command in self._wires.mailbox.take():
                if command.connection != self.number:
                    continue  # meant for a connection that is gone: the journal or the broker has it still
                if isinstance(command, Publish):
                    self._waiting.append(command)
                elif self._client.socket() is not None:
                    self._client.ack(command.mid, 1)
            while self._waiting and len(self._tokens) < self._room and self._client.socket() is not None:
                self._publish(self._waiting.popleft())

    def _publish(self, command: Publish) -> None:
        # paho asks for mutable state per message; `mid` is only answered after this thread reads again
        info = self._client.publish(
            command.topic,
            command.payload,
            qos=1,
            retain=command.retain,
            properties=None if command.expiry_s is None else _expiring(command.expiry_s),
        )
        self._tokens[info.mid] = command.token

    def _finish(self) -> None:
        deadline = time.monotonic() + FLUSH_S
        self._obey(self._client.socket())
        while (self._tokens or self._waiting) and self._client.socket() is not None and time.monotonic() < deadline:
            self._exchange(deadline - time.monotonic())
        self._client.disconnect()
        while self._client.want_write() and self._client.socket() is not None and time.monotonic() < deadline:
            self._exchange(deadline - time.monotonic())

    def _on_connect(
        self, client: Client, _data: Any, flags: ConnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        self._answered = True
        self._room = getattr(properties, "ReceiveMaximum", _MOST_INFLIGHT)
        if code.is_failure:
            self._reason = _connack_reason(code)
            return
        self._session_present = flags.session_present
        if self._wires.identity.subscriptions:
            client.subscribe([(topic, 1) for topic in self._wires.identity.subscriptions])
        else:
            self._is_up()

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
        self._is_up()

    def _is_up(self) -> None:
        self._up_since = time.monotonic()
        self.up = True
        self._wires.events.put(Connected(self._session_present))

    def _on_publish(
        self, _client: Client, _data: Any, mid: int, code: ReasonCode, _properties: Properties | None
    ) -> None:
        token = self._tokens.pop(mid, None)
        if token is not None:
            unheard = code.value == _NO_MATCHING_SUBSCRIBERS
            self._wires.events.put(Acknowledged(token, str(code) if code.is_failure else None, unheard))

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""  # no topic of ours: whoever reads it refuses it
        self._wires.events.put(Receive(Message(topic, bytes(message.payload)), message.mid, self.number))

    def _on_disconnect(
        self, _client: Client, _data: Any, flags: DisconnectFlags, code: ReasonCode, _properties: Properties | None
    ) -> None:
        self.up = False
        if self._reason is None and (flags.is_disconnect_packet_from_server or str(code) == "Keep alive timeout"):
            self._reason = _DISCONNECTS.get(str(code), f"the broker ended the connection ({code})")

    def _unexplained(self) -> str:
        refusal = broker_refusal(self._paho_log.text)
        if refusal is not None:
            return refusal
        if not self._answered:
            return (
                "the broker closed the connection without an answer; it may not accept our certificate: "
                "its log names the reason"
            )
        return "the broker closed the connection: it stopped, or another client connected under our name"


class _LastError(logging.Handler):
    """Keeps the text of paho's last error, of one connection."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.text = ""
        self.logger = logging.Logger("paho", logging.ERROR)  # noqa: LOG001 - on purpose not in the tree
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.text = record.getMessage()


_DISCONNECTS = {
    "Session taken over": (
        "another client connected under our name; give each terminal its own name and certificate"
    ),
    "Keep alive timeout": "the broker fell silent; check the network",
    "Server shutting down": "the broker is shutting down",
    "Not authorized": "not authorised any more; check the broker's ACL and certificates",
    "Packet too large": "a message is larger than the broker allows; raise its max_packet_size",
    "Receive maximum exceeded": "too many messages at once for the broker; raise its max_inflight_messages",
}


def _connack_reason(code: ReasonCode) -> str:
    if str(code) in {"Not authorized", "Bad user name or password"}:
        return "not authorised: the broker knows no user of this certificate's common name; check its ACL"
    return f"the broker refuses the connection ({code})"


def _send_at_once(_client: Client, _data: Any, sock: Any) -> None:
    # small packets would otherwise wait for the other side's delayed TCP acknowledgement, 40 ms each
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _expiring(seconds: int) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call] # paho leaves it untyped
    properties.MessageExpiryInterval = seconds
    return properties


def _session(settings: UplinkSettings) -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho leaves it untyped
    properties.SessionExpiryInterval = settings.session_expiry_s
    return properties
