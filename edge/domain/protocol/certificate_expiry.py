"""The warning before a certificate ends: early enough to renew it in working hours."""

from datetime import datetime, timedelta
from enum import StrEnum

WARN_BEFORE = timedelta(days=30)


class CertificateStanding(StrEnum):
    """The state of a certificate at a moment."""

    GOOD = "good"
    ENDING = "ending"
    """The end is within WARN_BEFORE, or within a longer time that was asked for."""
    ENDED = "ended"
    EARLY = "early"
    """It is not valid yet, or the clock is behind."""


def standing(begin: datetime, end: datetime, now: datetime, before: timedelta = WARN_BEFORE) -> CertificateStanding:
    """The state at `now` of a certificate that is valid from `begin` until `end`."""
    if now > end:
        return CertificateStanding.ENDED
    if now < begin:
        return CertificateStanding.EARLY
    return CertificateStanding.ENDING if end - now <= before else CertificateStanding.GOOD


def days(end: datetime, now: datetime) -> str:
    """The time from `now` until the end of a certificate, in words. It must not have ended."""
    left = (end - now).days
    return "within a day" if left < 1 else f"in {left} day{'s' if left > 1 else ''}"
