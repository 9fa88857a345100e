"""The time on the wall where a punch was made."""

from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from edge.domain.time.evidence import TimeEvidence


def local(utc: str, evidence: TimeEvidence, *, known: bool) -> str:
    """A moment as local time: RFC 3339 with milliseconds and offset.

    `known`: the moment is the one at which the terminal recorded its offset, which then counts, whatever the time
    zone database says of it today. Where the terminal did not know the time, its offset may be that of another
    season: then its zone's rules count, and its offset only for a zone that this machine does not know.
    """
    zone = None if known else _zone(evidence.zone)
    moment = datetime.fromisoformat(utc)
    try:
        there = moment.astimezone(zone or timezone(timedelta(minutes=evidence.offset_minutes)))
    except OverflowError:  # a clock that stood in the year 1 or 9999
        there = moment
    return there.isoformat(timespec="milliseconds")


@lru_cache(maxsize=1_000)
def _zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # unknown, no name, the name of a folder
        return None
