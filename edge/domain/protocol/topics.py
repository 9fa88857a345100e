"""The MQTT topics of the contract (docs/protocol.md)."""

from edge.domain.protocol.fields import NAME
from edge.domain.protocol.record import Origin

ROOT = "smartclocker/v1"


def record(origin: Origin, kind: str) -> str:
    """Up, QoS 1: one signed record."""
    return f"{ROOT}/{origin.site}/{origin.terminal}/record/{kind}"


def status(origin: Origin) -> str:
    """Up, retained, with last will: information about the terminal, unsigned."""
    return f"{ROOT}/{origin.site}/{origin.terminal}/status"


def receipt(origin: Origin) -> str:
    """Down, QoS 1: the ledger's signed receipts."""
    return f"{ROOT}/{origin.site}/{origin.terminal}/receipt"


def command(origin: Origin) -> str:
    """Down, QoS 1: the ledger's signed commands."""
    return f"{ROOT}/{origin.site}/{origin.terminal}/command"


ALL_RECORDS = f"{ROOT}/+/+/record/+"
ALL_STATUS = f"{ROOT}/+/+/status"


def origin_of(topic: str) -> Origin | None:
    """Which terminal a topic belongs to; None when it is none's (a roster's, or not one of ours)."""
    parts = topic.split("/")
    if len(parts) < 5 or "/".join(parts[:2]) != ROOT:
        return None
    if NAME.fullmatch(parts[2]) is None or NAME.fullmatch(parts[3]) is None:
        return None
    return Origin(parts[2], parts[3])
