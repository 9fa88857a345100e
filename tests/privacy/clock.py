"""The machine's clock, moved by the story: days pass without waiting."""

import time
from dataclasses import replace
from datetime import datetime, timedelta

from edge.adapters.linux.clock import SystemClock
from edge.domain.time.evidence import TimeEvidence


class StoryClock:
    """Implements the Clock port. It says that it follows a time server; wall and boottime go on together."""

    def __init__(self) -> None:
        self._system = SystemClock()
        self.ahead = timedelta()
        """What was added to the machine's wall clock and boottime."""
        self._hurried_ns = 0

    def pass_by(self, time_span: timedelta) -> None:
        """So much time has gone by, as a suspended machine sees it."""
        self.ahead += time_span

    def hurry(self, seconds: float) -> None:
        """The same for a terminal that is driven by hand: its monotonic clock goes on, too."""
        self.ahead += timedelta(seconds=seconds)
        self._hurried_ns += round(seconds * 1e9)

    def monotonic_ns(self) -> int:
        """CLOCK_MONOTONIC, and what was hurried."""
        return time.monotonic_ns() + self._hurried_ns

    def evidence(self) -> TimeEvidence:
        """What the system knows, so much later."""
        found = self._system.evidence()
        utc = (datetime.fromisoformat(found.utc) + self.ahead).isoformat(timespec="milliseconds")
        later = found.boottime_ms + round(self.ahead.total_seconds() * 1000)
        return replace(found, utc=utc.replace("+00:00", "Z"), boottime_ms=later, synchronised=True)
