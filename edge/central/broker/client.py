"""The ledger's side of the broker: a persistent session in which nothing is acknowledged before it is committed."""

from edge.adapters.mqtt.client import MqttLink
from edge.adapters.mqtt.mailbox import Identity
from edge.adapters.mqtt.tls import UplinkSettings
from edge.central.broker.certificates import LEDGER
from edge.domain.protocol import topics
from edge.domain.protocol.fields import NAME
from edge.errors import LedgerRefused


def ledger_link(settings: UplinkSettings, instance: str | None = None) -> MqttLink:
    """The connection of the ledger, not started. The certificate's common name must be `ledger`.

    The broker keeps what arrives while the ledger is away, and delivers again what it did not release: a crash
    between the two costs a duplicate, never a record. Each `instance` has a certificate, and by that a session,
    of its own, in which it is given everything: the database keeps one of each. Raises LedgerError for an instance
    that is no name.
    """
    client = client_id(instance)
    return MqttLink(settings, Identity(client, (topics.ALL_RECORDS, topics.ALL_STATUS), manual_release=True))


def client_id(instance: str | None) -> str:
    """The name of a session, and of the certificate that it belongs to. Raises LedgerError."""
    if instance is None:
        return LEDGER
    if NAME.fullmatch(instance) is None:
        raise LedgerRefused(
            f"{instance!r} is no name for an instance: lower-case letters, digits and hyphens, 32 at most; "
            "choose another"
        )
    return f"{LEDGER}.{instance}"
