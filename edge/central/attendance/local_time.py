"""The local time at the place where a punch was made."""

from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from edge.domain.time.evidence import TimeEvidence


def local(utc: str, evidence: TimeEvidence, *, known: bool) -> str:
    """A moment as local time: RFC 3339 with milliseconds and offset.

    `known` says that the moment is the one at which the terminal recorded its offset. That offset then counts,
    whatever the time zone database says of it today. Otherwise the offset may be that of another season, so the
    rules of the recorded zone count; the offset counts only for a zone that this machine does not know.
    """
    zone = None if known else _zone(evidence.zone)
    moment = datetime.fromisoformat(utc)
    try:
        there = moment.astimezone(zone or timezone(timedelta(minutes=evidence.offset_minutes)))
    except OverflowError:  # the terminal's clock was in the year 1 or 9999
        there = moment
    return there.isoformat(timespec="milliseconds")


@lru_cache(maxsize=1_000)
def _zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # unknown, not a name, or the name of a folder
        return None
