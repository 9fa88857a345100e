"""From when until when a signed instruction holds: one rule for the ledger's commands and the authority's."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from edge.domain.protocol.record_kinds import is_instant
from edge.errors import RecordError


def read(document: Mapping[str, Any], noun: str, longest: timedelta) -> tuple[str, str]:
    """`issued` and `expires` of a document, RFC 3339 UTC with milliseconds and Z, at most `longest` apart.

    Raises RecordError, which begins with `noun`, for anything missing, malformed or the wrong way round.
    """
    issued, expires = document.get("issued"), document.get("expires")
    if (
        not isinstance(issued, str)
        or not isinstance(expires, str)
        or not is_instant(issued)
        or not is_instant(expires)
    ):
        raise RecordError(f"{noun}: issued or expires is missing or malformed")
    lifetime = datetime.fromisoformat(expires) - datetime.fromisoformat(issued)
    if not timedelta(0) < lifetime <= longest:
        raise RecordError(f"{noun}: it must expire after it was issued, and within {longest.days} days")
    return issued, expires
