"""Counters of the publish loop, for the status."""

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """Counts since the start of the process."""

    sent: int = 0
    """New records and records sent again. `resent` counts those that a command asked for."""
    acked: int = 0
    """Records that the broker acknowledged."""
    refused: int = 0
    """Records that the broker refused: PUBACKs with a failure."""
    resends: int = 0
    """How often the unreceipted records were sent again because no receipt came."""
    receipts: int = 0
    """Genuine receipts, new or repeated."""
    receipts_rejected: int = 0
    """Receipts that are malformed, of a wrong key, of another terminal or epoch, or of another chain."""
    reconnects: int = 0
    commands: int = 0
    """Genuine commands, each taken once."""
    commands_rejected: int = 0
    """Commands that are malformed, of a wrong key, for another terminal, expired, or repeated."""
    resent: int = 0
    """Records that were sent because a command asked for them."""
