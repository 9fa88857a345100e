"""An instant as text, in the form of every record, order and file of ours."""

from datetime import UTC, datetime


def utc_text(instant: datetime) -> str:
    """RFC 3339 in UTC, with milliseconds and Z. Raises OverflowError where UTC's date is beyond the calendar."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
