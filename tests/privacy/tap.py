"""Somebody with the broker's own credentials, who subscribes to every topic and keeps all of it."""

import threading

from edge.adapters.mqtt.client import MqttLink
from edge.adapters.mqtt.mailbox import Identity, Receive
from edge.adapters.mqtt.tls import UplinkSettings
from edge.crypto import dsse
from edge.errors import RecordError
from edge.ports import Connected

OPERATOR = "operator"
ACL = f"\nuser {OPERATOR}\ntopic readwrite #\ntopic read $SYS/#\n"


class Tap:
    """Listens on a thread of its own until `stop`; publishes as the operator, too."""

    def __init__(self, uplink: UplinkSettings) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.connected = threading.Event()
        self.sent: list[tuple[str, bytes]] = []
        self._link = MqttLink(uplink, Identity("operator-tap", ("#", "$SYS/#")))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="tap", daemon=True)
        self._link.start()
        self._thread.start()

    def publish(self, topic: str, payload: bytes) -> None:
        """Send a message as one who may write everywhere."""
        self.sent.append((topic, payload))
        self._link.publish(topic, payload, token=1, retain=False)

    def stop(self) -> None:
        """Safe to call twice."""
        self._stopping.set()
        self._thread.join(60)
        self._link.stop()

    def own(self) -> list[tuple[str, bytes]]:
        """What the product said: without the broker's own statistics."""
        return [(topic, payload) for topic, payload in list(self.heard) if not topic.startswith("$SYS")]

    def _listen(self) -> None:
        while not self._stopping.is_set():
            match self._link.next_event(0.2):
                case Receive(message=message):
                    self.heard.append((message.topic, message.payload))
                case Connected():
                    self.connected.set()


def opened(payload: bytes) -> bytes:
    """What is inside of an envelope; whatever is none, as it is."""
    try:
        return dsse.parse(payload).payload
    except RecordError:
        return payload
