"""Our use of paho's client: making it, connecting, subscribing and publishing."""

import logging
import ssl

from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge.adapters.mqtt.guarded_socket import MAX_PACKET
from edge.adapters.mqtt.mailbox import Identity, Publish
from edge.adapters.mqtt.tls import UplinkSettings


def make_client(
    identity: Identity, settings: UplinkSettings, context: ssl.SSLContext, logger: logging.Logger
) -> Client:
    """A client for one connection. It never reconnects, and only `logger` gets the text of a TLS alert."""
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=identity.client_id,
        protocol=MQTTProtocolVersion.MQTTv5,
        reconnect_on_failure=False,
        manual_ack=identity.manual_release,
    )
    # No limit in paho: the broker's Receive Maximum comes with CONNACK, but paho takes a limit only before that.
    # `Outgoing` counts instead.
    client.max_inflight_messages_set(0)
    client.connect_timeout = settings.connect_timeout_s
    client.tls_set_context(context)
    client.enable_logger(logger)
    if identity.will is not None:
        topic, payload = identity.will
        client.will_set(topic, payload, qos=1, retain=True)
    return client


def connect(client: Client, settings: UplinkSettings, *, clean: bool) -> None:
    """Connect, up to the end of the TLS handshake; `clean` begins a new session. Raises OSError."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho leaves it untyped
    properties.SessionExpiryInterval = settings.session_expiry_s
    properties.MaximumPacketSize = MAX_PACKET
    client.connect(
        settings.host, settings.port, keepalive=settings.keepalive_s, clean_start=clean, properties=properties
    )


def subscribe(client: Client, identity: Identity, *, anew: bool, echo: bool) -> tuple[int | None, list[str]]:
    """Subscribe to everything at QoS 1. Returns the packet's identifier, and its topics in order.

    `anew`: the broker sends everything retained, as to a new subscriber. `echo`: also to the topic of our own.
    """
    options = [(topic, _options(topic, identity, anew=anew)) for topic in identity.subscriptions]
    options += [(topic, _optional(echoing=False)) for topic in identity.optional]
    if echo and identity.echo is not None:
        options.append((identity.echo, _optional(echoing=True)))
    return client.subscribe(options)[1], [topic for topic, _ in options]


def _options(topic: str, identity: Identity, *, anew: bool) -> SubscribeOptions:
    once = topic in identity.once and not anew
    kind = SubscribeOptions.RETAIN_SEND_IF_NEW_SUB if once else SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE
    return SubscribeOptions(qos=1, retainHandling=kind)


def _optional(*, echoing: bool) -> SubscribeOptions:
    return SubscribeOptions(qos=1, noLocal=not echoing, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)


def publish(client: Client, command: Publish) -> int:
    """Send a message at QoS 1; returns its packet identifier."""
    properties = None
    if command.expiry_s is not None:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call] # paho leaves it untyped
        properties.MessageExpiryInterval = command.expiry_s

    def send() -> MQTTMessageInfo:
        return client.publish(command.topic, command.payload, 1, command.retain, properties)

    sent = send()
    while sent.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:  # this identifier is still in use: try the next one
        sent = send()
    return sent.mid
