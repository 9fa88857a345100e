"""The bounds of the journal: how many records it may keep, how full it is, and which alarm that raises.

Only records that a receipt covers may ever be removed (I5). The alarms therefore count only the records that no
receipt covers: a journal full of receipted records is healthy.
"""

from dataclasses import dataclass

FULL, NEARLY_FULL, FILLING = "journal-full", "ring-95", "ring-80"
_STEPS = ((1.0, FULL), (0.95, NEARLY_FULL), (0.80, FILLING))


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of the journal. The oldest receipted records beyond them are removed."""

    max_records: int
    max_bytes: int
    """Bytes of the database's pages that are in use."""
    retention_days: int
    """Days after which receipted records are removed, even where there is room."""


@dataclass(frozen=True, slots=True)
class Fill:
    """How much the journal holds now."""

    records: int
    bytes: int
    pending: int
    """Records that no receipt covers."""


def keep(fill: Fill, bounds: Bounds) -> int:
    """Number of records that fit into the bounds, if each is as large as the average record in the journal."""
    if fill.bytes <= bounds.max_bytes:
        return bounds.max_records
    return min(bounds.max_records, fill.records * bounds.max_bytes // fill.bytes)


def share(fill: Fill, bounds: Bounds) -> float:
    """The part of the journal that unreceipted records take, by count or by bytes, whichever is more; 1.0 is
    full.
    """
    by_bytes = fill.bytes / bounds.max_bytes * (fill.pending / fill.records if fill.records else 0.0)
    return max(fill.pending / bounds.max_records, by_bytes)


def alarm(part: float) -> str | None:
    """The alarm word for a share: FILLING from 80 %, NEARLY_FULL from 95 %, FULL from 100 %; None below."""
    return next((word for limit, word in _STEPS if part >= limit), None)
