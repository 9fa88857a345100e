"""When a certificate's end is worth a word: early enough that somebody can renew it in working hours."""

from datetime import datetime, timedelta
from enum import StrEnum

WARN_BEFORE = timedelta(days=30)


class CertificateStanding(StrEnum):
    """Of a certificate at a moment."""

    GOOD = "good"
    ENDING = "ending"
    """Within WARN_BEFORE, or a longer time that was asked for."""
    ENDED = "ended"
    EARLY = "early"
    """It does not count yet, or the clock is behind."""


def standing(begin: datetime, end: datetime, now: datetime, before: timedelta = WARN_BEFORE) -> CertificateStanding:
    """How a certificate from `begin` until `end` stands at `now`."""
    if now > end:
        return CertificateStanding.ENDED
    if now < begin:
        return CertificateStanding.EARLY
    return CertificateStanding.ENDING if end - now <= before else CertificateStanding.GOOD


def days(end: datetime, now: datetime) -> str:
    """How far off, in words: the end of a certificate that has not ended."""
    left = (end - now).days
    return "within a day" if left < 1 else f"in {left} day{'s' if left > 1 else ''}"
