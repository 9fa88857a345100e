"""Detects a broker that stopped delivering: nothing arrives although terminals are online and publish each minute.

A broker that lost track of its messages in flight delivers nothing more in an old session. A new session is safe:
terminals send again every record that has no receipt.
"""

from collections.abc import Callable

PATIENCE_S = 180.0
"""Seconds of silence before the session is renewed. The time doubles after each renewal, because the claim that a
terminal is online may be wrong.
"""
PATIENCE_MAX_S = 3_600.0


class Deaf:
    """Measures the silence of the broker for one ledger, on its thread. Times are seconds of the monotonic
    clock.
    """

    def __init__(self, anybody_online: Callable[[], bool]) -> None:
        """`anybody_online` is called after each silence; it may raise LedgerError."""
        self._anybody_online = anybody_online
        self._since: float | None = None
        self._patience_s = PATIENCE_S

    def heard(self, now: float) -> None:
        """Notes that a message arrived."""
        self._since, self._patience_s = now, PATIENCE_S

    def renews(self, now: float, *, connected: bool) -> bool:
        """Whether to begin a new session now; True once after each silence. Raises LedgerError."""
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
