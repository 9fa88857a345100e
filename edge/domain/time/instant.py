"""Instants as text: the form of every record, order and file of ours, and what a person may have typed."""

import re
from datetime import UTC, datetime

_COMMON_DAY = (
    r"(?!0000)[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
_LEAP_DAY = (
    r"(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][48]|[13579][26]|[2468]0)00)-02-29"  # no year 0
)
INSTANT = re.compile(rf"(?:{_COMMON_DAY}|{_LEAP_DAY})T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{{3}}Z")
"""RFC 3339 UTC with milliseconds and Z, and a moment that exists, whatever a version of Python reads besides."""
_RFC3339 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}(Z|[+-][0-9]{2}:[0-9]{2})")


def utc_text(instant: datetime) -> str:
    """RFC 3339 in UTC, with milliseconds and Z. Raises OverflowError where UTC's date is beyond the calendar."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def is_instant(value: object) -> bool:
    """Whether a value is an RFC 3339 UTC instant with milliseconds and Z, and a moment that exists."""
    return isinstance(value, str) and INSTANT.fullmatch(value) is not None


def is_rfc3339(text: str) -> bool:
    """Whether a text is an RFC 3339 date and time with its offset, in any of its forms."""
    if _RFC3339.fullmatch(text) is None:
        return False
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def is_later(one: str, other: str) -> bool:
    """Whether the instant `one` comes after `other`; both are RFC 3339 with an offset."""
    return datetime.fromisoformat(one) > datetime.fromisoformat(other)
