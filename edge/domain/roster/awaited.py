"""Who was exported to the centre and whom the roster did not bring back yet: for how long they are waited for.

Whoever came and left again while a terminal was away, and whose tombstone was emptied since, is in nothing that it
hears: that they are not listed is all that tells it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

PATIENCE = timedelta(days=31)
"""How long an export may take to the centre and back."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """One person."""

    person: str
    exported: str | None
    """RFC 3339 UTC, of the last export; None while no clock that follows a time server has said it."""
    heard: int | None
    """The newest roster of which it says nothing that they are not in it; None before this was looked at."""

    def noted(self, version: int, now: str | None) -> "Awaited":
        """As it is to be remembered when the roster is at `version`; `now` is None while the clock is not sure."""
        heard = version if self.heard is None else self.heard
        if now is not None and not self._is_late(now):
            heard = max(heard, version)
        return replace(self, exported=self.exported or now, heard=heard)

    def is_missed(self, version: int, now: str | None) -> bool:
        """Whether the roster at `version`, which does not list them, says that they left."""
        return self.heard is not None and version > self.heard and self._is_late(now)

    def _is_late(self, now: str | None) -> bool:
        if now is None or self.exported is None:
            return False
        return datetime.fromisoformat(now) - datetime.fromisoformat(self.exported) > PATIENCE
