"""Evidence of the time at one instant: the only place where wall-clock time exists in the domain."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimeEvidence:
    """Everything that this machine knew about the time at one instant; never rewritten afterwards."""

    utc: str
    """RFC 3339 with milliseconds and Z."""
    offset_minutes: int
    """Local time minus UTC."""
    zone: str
    """IANA name, or 'UTC' when the system names none."""
    boot_id: str
    """The kernel's random id of this boot."""
    boottime_ms: int
    """CLOCK_BOOTTIME: milliseconds since boot, suspend included; no clock setting moves it."""
    synchronised: bool
    """Whether the system says that its clock follows a time server."""
