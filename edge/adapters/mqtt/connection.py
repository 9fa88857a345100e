"""One MQTT v5 connection over paho, from the TCP handshake to its end, on the calling thread alone.

It uses paho's interface for an outside event loop (`loop_read`, `loop_write`, `loop_misc`). No other thread calls
paho. Therefore no two threads wait for one of its locks, every failure is seen here, and many messages of other
threads need only one wake-up.
"""

import select
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.adapters.mqtt import outgoing, paho_client
from edge.adapters.mqtt.disconnect_reasons import DISCONNECTS, LOCAL, LastError, connack_reason, unexplained
from edge.adapters.mqtt.event_queue import Events
from edge.adapters.mqtt.guarded_socket import GuardedSocket
from edge.adapters.mqtt.mailbox import Identity, Mailbox, Publish, Receive, Refresh, Renew
from edge.adapters.mqtt.tls import UplinkSettings, plain_reason
from edge.ports import Acknowledged, Connected, Message

_NO_MATCHING_SUBSCRIBERS = 0x10
"""MQTT v5 §3.4.2.1: the broker took the message, but nobody is subscribed to it."""
FLUSH_S = 1.0
"""How long a clean stop waits until the broker has acknowledged the messages that were handed over before it."""
_PACKETS_A_ROUND = 64
_MOST_UNSENT = 2_000
"""Number of acknowledgements that may wait for the broker to read them, half a kilobyte each. At this number,
nothing more is read from it. The messages in the queue of events may be acknowledged all the same.
"""
_TICK_S = 1.0
"""Interval at which paho checks its keep-alive when nothing else happens."""


@dataclass(frozen=True, slots=True)
class ConnectionContext:
    """Everything that a connection shares with its owner."""

    settings: UplinkSettings
    identity: Identity
    mailbox: Mailbox
    events: Events
    stopping: threading.Event
    subscribed: threading.Event
    """Set once the broker granted our subscriptions: messages that it retained then are in the session, or came."""
    clean: threading.Event
    """Set while the next session must begin without the messages that the broker holds for us."""


class Connection:
    """One attempt to connect and, when it succeeds, one connection until it ends."""

    def __init__(self, wires: ConnectionContext, context: ssl.SSLContext, number: int) -> None:
        self.number = number
        self.up = False
        """Whether the broker has accepted us and our subscriptions; read by other threads."""
        self.lasted_s = 0.0
        """How long it was up, in seconds."""
        self.outgoing = outgoing.Outgoing()
        self._wires = wires
        self._unsent = 0
        """Number of acknowledgements that paho was given since it last had nothing to write."""
        self._reason: str | None = None
        self._answered = False
        self._up_since: float | None = None
        self._session_present = False
        self._asked: dict[int | None, list[str]] = {}
        """The topics of each SUBSCRIBE that the broker did not answer yet, by packet identifier."""
        self._denied: tuple[str, ...] = ()
        self._echoed = False
        self._paho_log = LastError()
        self._socket: GuardedSocket | None = None
        self._client = paho_client.make_client(wires.identity, wires.settings, context, self._paho_log.logger)
        self._client.on_socket_open = self._on_socket_open
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        # Set before CONNACK, because the messages of a kept session come right after it.
        self._client.on_message = self._on_message
        self._client.on_publish = self._on_publish

    def run(self) -> str:
        """Connect, serve until the end, close. Returns the reason of the end in plain words."""
        settings = self._wires.settings
        try:
            paho_client.connect(self._client, settings, clean=self._wires.clean.is_set())
            self._serve()
        except OSError as error:
            self._reason = self._reason or plain_reason(error, settings)
        finally:
            self.up = False
            if self._up_since is not None:
                self.lasted_s = time.monotonic() - self._up_since
            if self._socket is not None:
                self._socket.close()
            self._let_go()
        return self._reason or unexplained(self._paho_log.text, answered=self._answered)

    def _let_go(self) -> None:
        """Free the waiting messages and paho's client at once. The client and this object refer to each other.

        Python frees such cycles only after minutes when little else happens: the waiting messages of several
        connections, 8 MB each, would stay in memory.
        """
        self.outgoing.clear()
        client, self._socket = self._client, None
        client.on_socket_open = client.on_connect = client.on_disconnect = client.on_subscribe = None
        client.on_message = client.on_publish = None

    def _serve(self) -> None:
        patience = self._wires.settings.connect_timeout_s
        deadline = time.monotonic() + 2 * patience  # for the answers to CONNECT and to SUBSCRIBE
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
            if self.outgoing.overdue:
                silent_s = outgoing.ACKNOWLEDGED_WITHIN_S
                self._reason = f"the broker has acknowledged nothing for {silent_s:g} s; see its log"
                continue
            self._exchange(_TICK_S if self._up_since is not None else min(_TICK_S, patience))

    def _exchange(self, timeout_s: float) -> None:
        """Wait until there is something to read, to write or to obey, and do it."""
        sock, mailbox, client = self._socket, self._wires.mailbox, self._client
        if sock is None:
            return
        may_read = self._may_read()
        if not may_read:
            self.outgoing.excuse()
        pending = may_read and sock.pending()  # `select` does not see these bytes
        readers: list[Any] = [sock, mailbox] if may_read else [mailbox]
        writers = [sock] if client.want_write() else []
        readable = select.select(readers, writers, [], 0 if pending else timeout_s)[0]
        if (pending or sock in readable) and not self._read(sock):
            return
        if client.want_write() and client.loop_write() != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return
        if mailbox in readable:
            self._obey()
        # If paho still holds bytes that the broker does not read, no further message is sent.
        while not client.want_write() and (command := self.outgoing.next()) is not None:
            self.outgoing.sent(paho_client.publish(client, command), command)
        if not client.want_write():
            self._unsent = 0
        client.loop_misc()

    def _read(self, sock: GuardedSocket) -> bool:
        """Let paho read the packets that are there, up to a limit. False when the connection has ended."""
        for _ in range(_PACKETS_A_ROUND):
            if self._client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS or self._client.socket() is None:
                return False
            if sock.empty:
                break
        return True

    def _may_read(self) -> bool:
        """Whether to read now: not while events wait to be taken, or the broker leaves our acknowledgements
        unread.
        """
        return self._wires.events.room() and self._unsent < _MOST_UNSENT

    def _obey(self) -> None:
        """Carry out the commands in the mailbox, in order."""
        for command in self._wires.mailbox.take():
            if command.connection != self.number:
                continue  # meant for an earlier connection: the journal or the broker still has it
            if isinstance(command, Publish):
                self.outgoing.put(command)
            elif isinstance(command, Refresh):
                self._subscribe(anew=True)
            elif isinstance(command, Renew):
                self._wires.clean.set()
                self._reason = "a new session at the broker begins"
            elif command.mid:
                self._unsent += 1
                self._client.ack(command.mid, qos=1)

    def _finish(self) -> None:
        deadline = time.monotonic() + FLUSH_S
        self._obey()
        while self._client.socket() is not None and time.monotonic() < deadline:
            if not (self.outgoing or self._client.want_write()):
                break
            self._exchange(max(0.0, deadline - time.monotonic()))
        self._client.disconnect()

    def _on_socket_open(self, _client: Client, _data: Any, sock: Any) -> None:
        # Without this, small packets wait for the other side's delayed TCP acknowledgement, 40 ms each.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.may_read = self._may_read
        self._socket = sock

    def _on_connect(
        self, _client: Client, _data: Any, flags: ConnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        self._answered = True
        if code.is_failure:
            self._reason = connack_reason(code)
            return
        self.outgoing.limit(getattr(properties, "ReceiveMaximum", outgoing.MOST_MESSAGES))
        self._session_present = flags.session_present
        if self._wires.identity.subscriptions:
            self._subscribe(anew=not self._wires.subscribed.is_set())
        else:
            self._is_up()

    def _subscribe(self, *, anew: bool) -> None:
        identity, echo = self._wires.identity, not self._echoed
        mid, asked = paho_client.subscribe(self._client, identity, anew=anew, echo=echo)
        self._asked[mid] = asked

    def _on_subscribe(
        self, _client: Client, _data: Any, mid: int, codes: list[ReasonCode], _properties: Properties | None
    ) -> None:
        for topic, code in zip(self._asked.pop(mid, ()), codes, strict=False):
            if code.is_failure and topic in (*self._wires.identity.optional, self._wires.identity.echo):
                self._denied += (topic,)
            elif code.is_failure:
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
        self._wires.events.put(Connected(self._session_present, self._denied))

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""  # not one of our topics
        if topic == self._wires.identity.echo and not self._echoed:
            # mosquitto 2.0 changes no option of a subscription that stands, so this one is ended
            self._echoed = True
            self._client.unsubscribe(topic)
        self._wires.events.put(Receive(Message(topic, bytes(message.payload)), message.mid, self.number))
        if message.qos and not self._wires.identity.manual_release:
            self._unsent += 1  # paho acknowledges the message after this returns

    def _on_publish(
        self, _client: Client, _data: Any, mid: int, code: ReasonCode, _properties: Properties | None
    ) -> None:
        """Take the broker's acknowledgement of one of our messages."""
        command = self.outgoing.acknowledged(mid)
        refused, unheard = str(code) if code.is_failure else None, code.value == _NO_MATCHING_SUBSCRIBERS
        self._wires.events.put(Acknowledged(command.token, refused, unheard))

    def _on_disconnect(
        self, _client: Client, _data: Any, flags: DisconnectFlags, code: ReasonCode, _properties: Properties | None
    ) -> None:
        self.up = False
        if self._reason is not None:
            return
        if flags.is_disconnect_packet_from_server:
            self._reason = DISCONNECTS.get(str(code), f"the broker ended the connection ({code})")
        else:
            self._reason = (self._socket and self._socket.fault) or LOCAL.get(str(code))
