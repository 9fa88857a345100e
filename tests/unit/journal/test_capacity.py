"""What may stay, and when somebody is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.journal.capacity import Bounds, Fill, alarm, keep, share

BOUNDS = Bounds(max_records=1_000, max_bytes=1_000_000, retention_days=90)


@pytest.mark.parametrize(
    ("part", "word"),
    [(0.0, None), (0.799, None), (0.8, "ring-80"), (0.949, "ring-80"), (0.95, "ring-95"), (0.999, "ring-95"),
     (1.0, "journal-full"), (7.0, "journal-full")],
)  # fmt: skip
def test_the_alarms_come_at_80_95_and_100_percent(part: float, word: str | None) -> None:
    assert alarm(part) == word


@pytest.mark.parametrize(
    ("fill", "expected"),
    [
        (Fill(0, 0, 0), 0.0),
        (Fill(1_000, 900_000, 0), 0.0),
        (Fill(1_000, 900_000, 800), 0.8),
        (Fill(400, 1_000_000, 200), 0.5),
        (Fill(400, 2_000_000, 400), 2.0),
    ],
)
def test_only_what_no_receipt_covers_counts(fill: Fill, expected: float) -> None:
    assert share(fill, BOUNDS) == pytest.approx(expected)


def test_bytes_bound_the_records_too() -> None:
    assert keep(Fill(900, 800_000, 0), BOUNDS) == 1_000
    assert keep(Fill(900, 1_800_000, 0), BOUNDS) == 500


@given(
    records=st.integers(1, 10**7), size=st.integers(100, 10_000), max_records=st.integers(1_000, 10**7),
    max_bytes=st.integers(8_000_000, 10**10),
)  # fmt: skip
def test_the_kept_records_fit_the_bounds(records: int, size: int, max_records: int, max_bytes: int) -> None:
    kept = keep(Fill(records, records * size, 0), Bounds(max_records, max_bytes, 1))
    assert 0 <= kept <= max_records
    assert kept >= min(records, max_records) or kept * size <= max_bytes
