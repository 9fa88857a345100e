"""The clocks of tests: one that stands until a test moves it, two that follow the machine, and what they say."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from edge.domain.time.evidence import TimeEvidence

NOW = TimeEvidence("2026-03-02T08:00:00.000Z", 0, "UTC", "b" * 36, 1_000_000, True)
"""What a clock says that follows a time server, 1,000 seconds after its machine started."""


def text(instant: datetime) -> str:
    """An instant as records write it."""
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def evidence(**changes: Any) -> TimeEvidence:
    """NOW, with some of its fields changed."""
    return replace(NOW, **changes)


class HandClock:
    """A clock that stands until the test moves it."""

    def __init__(self, found: TimeEvidence = NOW, *, step_s: float = 0.0) -> None:
        """It says `found`; its monotonic time goes on by `step_s` whenever it is asked."""
        self.found = found
        self.ns = found.boottime_ms * 1_000_000
        self._step_ns = round(step_s * 1e9)

    @property
    def ms(self) -> int:
        """The monotonic time in milliseconds."""
        return self.ns // 1_000_000

    def monotonic_ns(self) -> int:
        """Nanoseconds since the machine started."""
        self.ns += self._step_ns
        return self.ns

    def evidence(self) -> TimeEvidence:
        """What was set."""
        return self.found

    def passes(self, seconds: float) -> None:
        """Time passes: the wall clock and the time since the start go on together."""
        self.ns += round(seconds * 1e9)
        self.found = replace(
            self.found,
            utc=self._moved(timedelta(seconds=seconds)),
            boottime_ms=self.found.boottime_ms + round(seconds * 1000),
        )

    def set_by(self, seconds: float, *, synchronised: bool = True) -> None:
        """Somebody sets the wall clock; the time since the start does not move."""
        self.found = replace(self.found, utc=self._moved(timedelta(seconds=seconds)), synchronised=synchronised)

    def set(self, **changes: Any) -> None:
        """From now on the evidence has these fields."""
        self.found = replace(self.found, **changes)

    def _moved(self, by: timedelta) -> str:
        return text(datetime.fromisoformat(self.found.utc) + by)


class TickingClock:
    """The machine's monotonic time; the evidence is always NOW."""

    def monotonic_ns(self) -> int:
        """The machine's."""
        return time.monotonic_ns()

    def evidence(self) -> TimeEvidence:
        """NOW."""
        return NOW


class WallClock:
    """The machine's wall clock, as if it followed a time server."""

    def monotonic_ns(self) -> int:
        """Nanoseconds since 1970."""
        return int(datetime.now(UTC).timestamp() * 1e9)

    def evidence(self) -> TimeEvidence:
        """The machine's time, in UTC."""
        return evidence(utc=text(datetime.now(UTC)), boottime_ms=self.monotonic_ns() // 1_000_000)
