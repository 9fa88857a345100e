"""Guessing at a reader or keypad: how many unknown badges or wrong PINs came lately. Pure; kept in memory alone."""

WINDOW_MS = 600_000
"""Ten minutes, for which a failure counts."""
MOST = 64
"""Most failures that are remembered; beyond that the oldest is dropped."""


class Failures:
    """Recent failures at one device."""

    def __init__(self, limit: int, *, distinct: bool = False) -> None:
        """`limit`: so many failures are too many. `distinct`: the same badge again and again counts as one."""
        self._limit, self._distinct = limit, distinct
        self._kept: list[tuple[str, int]] = []

    def add(self, what: str, now_ms: int) -> bool:
        """Count one failure; True when there are too many now."""
        if self._distinct:
            self.forgive(what)
        self._kept = [*self._kept, (what, now_ms)][-MOST:]
        return self.many(now_ms)

    def forgive(self, what: str) -> None:
        """Forget the failures of a number that was proven after all, and no others."""
        self._kept = [one for one in self._kept if one[0] != what]

    def many(self, now_ms: int) -> bool:
        """Whether there are too many failures."""
        self._kept = [one for one in self._kept if now_ms - one[1] < WINDOW_MS]
        return len(self._kept) >= self._limit
