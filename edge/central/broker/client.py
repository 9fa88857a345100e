"""The ledger's connection to the broker: a persistent session that acknowledges a message only after its commit."""

from edge.adapters.mqtt.client import MqttLink
from edge.adapters.mqtt.mailbox import Identity
from edge.adapters.mqtt.tls import UplinkSettings
from edge.central.broker.certificates import LEDGER
from edge.domain.protocol import topics
from edge.domain.protocol.fields import NAME
from edge.errors import LedgerRefused


def ledger_link(settings: UplinkSettings, instance: str | None = None) -> MqttLink:
    """The connection of the ledger, not started yet. The certificate's common name must be `ledger`.

    The broker keeps what arrives while the ledger is away, and delivers again what the ledger did not acknowledge.
    A crash before the acknowledgement causes a duplicate and never loses a record. Each `instance` has its own
    certificate and so its own session, which receives every message; the database stores each record once. Raises
    LedgerError if `instance` is no valid name.
    """
    client = client_id(instance)
    return MqttLink(settings, Identity(client, (topics.ALL_RECORDS, topics.ALL_STATUS), manual_release=True))


def client_id(instance: str | None) -> str:
    """The client id of the session, which is also the common name of its certificate. Raises LedgerError."""
    if instance is None:
        return LEDGER
    if NAME.fullmatch(instance) is None:
        raise LedgerRefused(
            f"{instance!r} is no name for an instance: lower-case letters, digits and hyphens, 32 at most; "
            "choose another"
        )
    return f"{LEDGER}.{instance}"
