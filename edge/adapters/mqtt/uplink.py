"""The terminal's Uplink on MQTT v5 over mutual TLS."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from edge.adapters.mqtt.client import MqttLink
from edge.adapters.mqtt.mailbox import Identity, Receive
from edge.adapters.mqtt.tls import UplinkSettings
from edge.domain.protocol import topics as records
from edge.domain.protocol.record import Origin
from edge.domain.protocol.record_kinds import Kind
from edge.domain.roster import topics
from edge.ports import UplinkEvent

__all__ = ["MqttUplink", "UplinkSettings"]


class MqttUplink:
    """Implements `edge.ports.Uplink`: a persistent session under the client id `<site>.<terminal>`.

    `will` is the topic and payload that the broker publishes, retained, when we vanish without a clean stop.
    `subscriptions` are made, and granted, before Connected is reported; with `site`, also those to the records of
    the site's terminals, which the broker may refuse. The roster's retained messages are sent at
    the first connection, and later only if the broker lost the session or on `refresh`; manifest and key are sent
    each time.
    """

    def __init__(
        self,
        settings: UplinkSettings,
        origin: Origin,
        will: tuple[str, bytes],
        subscriptions: Sequence[str],
        *,
        site: bool = False,
    ) -> None:
        identity = Identity(
            f"{origin.site}.{origin.terminal}",
            tuple(subscriptions),
            optional=tuple(records.site_records(origin.site)) if site else (),
            echo=records.record(origin, Kind.PUNCH) if site else None,
            will=will,
            once=topics.bulk(origin),
            manual_release=True,
        )
        self._link = MqttLink(settings, identity)
        self._taken: list[Receive] = []
        """The messages that were taken and not handled yet."""

    def start(self) -> None:
        """Begin to connect. An absent broker is no error, and neither are files that cannot be used now."""
        self._link.start(patient=True)

    @property
    def unusable(self) -> bool:
        """Whether certificate, key or CA could not be used at the last attempt."""
        return self._link.unusable

    @property
    def faults(self) -> int:
        """Number of connections that an unexpected error ended."""
        return self._link.faults

    def publish(self, topic: str, payload: bytes, *, token: int, retain: bool = False) -> bool:
        """Hand over one QoS 1 message; False when not connected, and then nothing is queued."""
        return self._link.publish(topic, payload, token=token, retain=retain)

    def refresh(self) -> bool:
        """Ask the broker to send everything that it retains for us; False when not connected."""
        return self._link.refresh()

    def renew(self) -> bool:
        """Make the broker forget our session, and connect again; False when not connected."""
        return self._link.renew()

    def next_event(self, timeout_s: float) -> UplinkEvent | None:
        """The next event in order; None when none comes in time, or when `wake` was called.

        Raises BrokerError when an unexpected error ended the network thread.
        """
        event = self._link.next_event(timeout_s)
        if not isinstance(event, Receive):
            return event
        self._taken.append(event)
        return event.message

    def handled(self) -> None:
        """Acknowledge all messages that were taken, in their order."""
        for received in self._taken:
            self._link.release(received)
        self._taken.clear()

    def wake(self) -> None:
        """Make a waiting `next_event` return None now; from any thread."""
        self._link.wake()

    def stop(self) -> None:
        """Send what was published, and disconnect without the last will; within two seconds, safe to call twice."""
        self._link.stop()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()
