"""Bare paho at QoS 1: what MQTT alone costs, for the benchmark that our delivery is held to. It proves nothing."""

import ssl
import threading
import time
from collections.abc import Callable, Iterable

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edge.adapters.mqtt.tls import UplinkSettings, client_context
from edge.errors import BrokerError

_PATIENCE_S = 30.0
_QUIET_S = 5.0


def send(settings: UplinkSettings, topic: str, payloads: Iterable[bytes], window: int) -> float:
    """Publish with `window` messages on their way at a time; seconds until the last PUBACK. Raises BrokerError."""
    client = _client(settings, "bare-sender")
    client.max_inflight_messages_set(window)
    room = threading.Semaphore(window)
    up = threading.Event()
    client.on_connect = lambda *_: up.set()
    client.on_publish = lambda *_: room.release()
    _connect(client, settings, up)
    began = time.perf_counter()
    for payload in payloads:
        if not room.acquire(timeout=_PATIENCE_S):
            raise BrokerError("the broker does not acknowledge; read its log")
        client.publish(topic, payload, qos=1)
    for _ in range(window):
        if not room.acquire(timeout=_PATIENCE_S):
            raise BrokerError("the broker does not acknowledge; read its log")
    took = time.perf_counter() - began
    client.disconnect()
    client.loop_stop()
    return took


def count(settings: UplinkSettings, topic: str, expected: int, ready: Callable[[], None]) -> int:
    """Subscribe at QoS 1, call `ready`, count until `expected` came or nothing more does. Raises BrokerError."""
    client = _client(settings, "bare-counter")
    up = threading.Event()
    all_here = threading.Event()
    seen = 0

    def subscribe(*_: object) -> None:
        client.subscribe(topic, qos=1)

    def on_message(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen >= expected:
            all_here.set()

    client.on_connect = subscribe
    client.on_subscribe = lambda *_: up.set()
    client.on_message = on_message
    _connect(client, settings, up)
    ready()
    last, since = -1, time.monotonic()
    while not all_here.wait(0.1):
        if seen != last:
            last, since = seen, time.monotonic()
        elif seen and time.monotonic() - since > _QUIET_S:
            break
    client.disconnect()
    client.loop_stop()
    return seen


def _client(settings: UplinkSettings, client_id: str) -> Client:
    client = Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5)
    context = client_context(settings)
    context.sslsocket_class = ssl.SSLSocket  # and not ours
    client.tls_set_context(context)
    return client


def _connect(client: Client, settings: UplinkSettings, up: threading.Event) -> None:
    client.connect(settings.host, settings.port)
    client.loop_start()
    if not up.wait(_PATIENCE_S):
        raise BrokerError("the broker does not answer; read its log")
