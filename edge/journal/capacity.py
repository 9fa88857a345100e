"""How much the journal may hold, what of it may go, and when somebody must be told.

Only what a receipt covers may ever be removed (I5), so what counts for the alarms is what no receipt covers: a
journal full of receipted records is a healthy one.
"""

from dataclasses import dataclass

FULL, NEARLY_FULL, FILLING = "journal-full", "ring-95", "ring-80"
_STEPS = ((1.0, FULL), (0.95, NEARLY_FULL), (0.80, FILLING))


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the journal may hold; the oldest receipted records beyond it are removed."""

    max_records: int
    max_bytes: int
    """Of the database's pages in use."""
    retention_days: int
    """Receipted records that are older go, even where there is room."""


@dataclass(frozen=True, slots=True)
class Fill:
    """What the journal holds."""

    records: int
    bytes: int
    pending: int
    """Records that no receipt covers."""


def keep(fill: Fill, bounds: Bounds) -> int:
    """How many records fit into the bounds, taking records to be as large as they are on average."""
    if fill.bytes <= bounds.max_bytes:
        return bounds.max_records
    return min(bounds.max_records, fill.records * bounds.max_bytes // fill.bytes)


def share(fill: Fill, bounds: Bounds) -> float:
    """The part of the journal that unreceipted records take, by count or by bytes, whichever is more; 1 is full."""
    by_bytes = fill.bytes / bounds.max_bytes * (fill.pending / fill.records if fill.records else 0.0)
    return max(fill.pending / bounds.max_records, by_bytes)


def alarm(part: float) -> str | None:
    """The alarm word for a share: FILLING from 80 %, NEARLY_FULL from 95 %, FULL from 100 %; None below."""
    return next((word for limit, word in _STEPS if part >= limit), None)
