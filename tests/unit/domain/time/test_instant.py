"""What counts as an instant: in a record, and in what a person typed."""

import pytest

from edge.domain.time.instant import is_instant, is_later, is_rfc3339


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("2026-03-01T08:00:00Z", True),
        ("2026-03-01T08:00:00.123456+05:30", True),
        ("2026-03-01T08:00:00-03:00", True),
        ("2026-03-01 08:00:00Z", False),
        ("2026-03-01T08:00:00z", False),
        ("2026-03-01T8:00:00Z", False),
        ("2026-02-29T08:00:00Z", False),
        ("2026-03-01T08:00:00+25:00", False),
        ("\u0662026-03-01T08:00:00Z", False),
        ("2026-03-01T08:00:00Z\n", False),
        ("", False),
    ],
)
def test_a_date_and_time_with_its_offset(text: str, is_one: bool) -> None:
    assert is_rfc3339(text) is is_one


@pytest.mark.parametrize(
    ("value", "is_one"),
    [
        ("2026-03-01T08:00:00.000Z", True),
        ("2026-03-01T08:00:00Z", False),
        ("2026-03-01T08:00:00.000+00:00", False),
        ("2026-02-29T08:00:00.000Z", False),
        ("2026-03-01T08:00:00.000Z\n", False),
        (7, False),
    ],
)
def test_an_instant_of_a_record_has_milliseconds_and_z(value: object, is_one: bool) -> None:
    assert is_instant(value) is is_one


def test_later_is_later_whatever_the_offset() -> None:
    assert is_later("2026-03-01T08:00:00Z", "2026-03-01T08:30:00+01:00")
    assert not is_later("2026-03-01T08:00:00Z", "2026-03-01T08:00:00Z")
