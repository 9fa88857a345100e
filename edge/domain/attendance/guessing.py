"""How often a reader or keypad was told what is nobody's lately. Pure; what is remembered is in memory alone."""

WINDOW_MS = 600_000
"""Ten minutes: so long a failure counts."""
MOST = 64
"""Failures remembered; beyond, the oldest goes first."""


class Failures:
    """At one device."""

    def __init__(self, limit: int, *, distinct: bool = False) -> None:
        """`limit` is how many are too many; `distinct`: the same thing again and again is one."""
        self._limit, self._distinct = limit, distinct
        self._kept: list[tuple[str, int]] = []

    def add(self, what: str, now_ms: int) -> bool:
        """Count one; True when there are too many now."""
        if self._distinct:
            self.forgive(what)
        self._kept = [*self._kept, (what, now_ms)][-MOST:]
        return self.many(now_ms)

    def forgive(self, what: str) -> None:
        """It was proven after all: its own failures count no longer, and no others."""
        self._kept = [one for one in self._kept if one[0] != what]

    def many(self, now_ms: int) -> bool:
        """Whether there are too many."""
        self._kept = [one for one in self._kept if now_ms - one[1] < WINDOW_MS]
        return len(self._kept) >= self._limit
