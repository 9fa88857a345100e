"""The ledger's side of the broker: a persistent session in which nothing is acknowledged before it is committed."""

from edge.adapters.mqtt_link import MqttLink
from edge.adapters.mqtt_mail import Identity
from edge.adapters.mqtt_tls import UplinkSettings
from edge.central.pki import LEDGER
from edge.domain import topics


def ledger_link(settings: UplinkSettings) -> MqttLink:
    """The connection of the ledger, not started. The certificate's common name must be `ledger`.

    The broker keeps what arrives while the ledger is away, and delivers again what it did not release: a crash
    between the two costs a duplicate, never a record.
    """
    return MqttLink(settings, Identity(LEDGER, (topics.ALL_RECORDS,), manual_release=True))
