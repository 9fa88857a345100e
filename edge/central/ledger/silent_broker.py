"""Whether the broker has stopped to deliver: silence although terminals are online, which speak once a minute each.

A broker that lost count of what is on its way delivers nothing more in an old session. A new one costs nothing:
what the old one still held, the terminals send again until it is receipted.
"""

from collections.abc import Callable

PATIENCE_S = 180.0
"""Of silence; then twice as long, and so on: who is online may be wrong."""
PATIENCE_MAX_S = 3_600.0


class Deaf:
    """Of one ledger, on its thread. Times are seconds of the monotonic clock."""

    def __init__(self, anybody_online: Callable[[], bool]) -> None:
        """`anybody_online` is asked after each silence; it may raise LedgerError."""
        self._anybody_online = anybody_online
        self._since: float | None = None
        self._patience_s = PATIENCE_S

    def heard(self, now: float) -> None:
        """Something came."""
        self._since, self._patience_s = now, PATIENCE_S

    def renews(self, now: float, *, connected: bool) -> bool:
        """Whether the session is to be begun anew; True once for each occasion. Raises LedgerError."""
        if not connected:
            self._since = None
            return False
        if self._since is None:
            self._since = now
        if now - self._since < self._patience_s:
            return False
        self._since = now
        if not self._anybody_online():
            return False
        self._patience_s = min(2 * self._patience_s, PATIENCE_MAX_S)
        return True
