"""The people who were exported to the centre and whom the roster has not listed yet: how long the terminal waits
for them.

Somebody may be added to the roster and removed from it while a terminal is away, and the tombstone may have been
emptied since. Then no message tells that they left. Only their absence from the roster tells it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

PATIENCE = timedelta(days=31)
"""The longest time that an export may take to the centre and back into the roster."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """One person whom the terminal waits for."""

    person: str
    exported: str | None
    """Instant of the last export, RFC 3339 UTC; None until a clock that follows a time server has given it."""
    heard: int | None
    """The newest version of the roster whose silence about the person means nothing; None before the first look at
    the roster.
    """

    def noted(self, version: int, now: str | None) -> "Awaited":
        """The state to remember when the roster is at `version`; `now` is None while the clock is not sure."""
        heard = version if self.heard is None else self.heard
        if now is not None and not self._is_late(now):
            heard = max(heard, version)
        return replace(self, exported=self.exported or now, heard=heard)

    def is_missed(self, version: int, now: str | None) -> bool:
        """Whether the roster at `version`, which does not list the person, means that they left."""
        return self.heard is not None and version > self.heard and self._is_late(now)

    def _is_late(self, now: str | None) -> bool:
        if now is None or self.exported is None:
            return False
        return datetime.fromisoformat(now) - datetime.fromisoformat(self.exported) > PATIENCE
