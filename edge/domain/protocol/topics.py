"""The MQTT topics of the contract (docs/protocol.md)."""

from edge.domain.protocol.fields import NAME
from edge.domain.protocol.record import Origin
from edge.domain.protocol.record_kinds import Kind

ROOT = "smartclocker/v1"


def record(origin: Origin, kind: str) -> str:
    """Topic of signed records, one a message: from the terminal, QoS 1."""
    return f"{ROOT}/{origin.site}/{origin.terminal}/record/{kind}"


def status(origin: Origin) -> str:
    """Topic of the terminal's status: from the terminal, retained, with last will, unsigned."""
    return f"{ROOT}/{origin.site}/{origin.terminal}/status"


def receipt(origin: Origin) -> str:
    """Topic of the ledger's signed receipts: to the terminal, QoS 1."""
    return f"{ROOT}/{origin.site}/{origin.terminal}/receipt"


def command(origin: Origin) -> str:
    """Topic of the ledger's signed commands: to the terminal, QoS 1."""
    return f"{ROOT}/{origin.site}/{origin.terminal}/command"


SITE_KINDS = (Kind.PUNCH, Kind.CORRECTION)
"""The kinds of record that the terminals of a site read of each other."""


def site_records(site: str) -> list[str]:
    """The topics of the records that the terminals of a site read of each other."""
    return [f"{ROOT}/{site}/+/record/{kind}" for kind in SITE_KINDS]


ALL_RECORDS = f"{ROOT}/+/+/record/+"
ALL_STATUS = f"{ROOT}/+/+/status"


def origin_of(topic: str) -> Origin | None:
    """The terminal that a topic belongs to; None for a topic of no terminal (a roster's, or not one of this
    contract).
    """
    parts = topic.split("/")
    if len(parts) < 5 or "/".join(parts[:2]) != ROOT:
        return None
    if NAME.fullmatch(parts[2]) is None or NAME.fullmatch(parts[3]) is None:
        return None
    return Origin(parts[2], parts[3])
