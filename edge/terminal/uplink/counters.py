"""What the publish loop counts, for the status."""

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """Since the start of the process."""

    sent: int = 0
    """New records and those sent again; `resent` counts what a command asked for."""
    acked: int = 0
    """By the broker."""
    refused: int = 0
    """By the broker: PUBACKs with a failure."""
    resends: int = 0
    """How often the unreceipted records were sent again for want of a receipt."""
    receipts: int = 0
    """Genuine ones, new or repeated."""
    receipts_rejected: int = 0
    """Malformed, of a wrong key, of another terminal or epoch, or of another chain."""
    reconnects: int = 0
    commands: int = 0
    """Genuine ones, each taken once."""
    commands_rejected: int = 0
    """Malformed, of a wrong key, for another terminal, expired, or repeated."""
    resent: int = 0
    """Records sent because a command asked for them."""
