"""The pace of looks: how long a look at a face takes on this machine, and which time limits follow from it.

Some time limits ask for a number of looks, for example so many good frames that agree. On a machine that needs
more than half a second for one look, these looks no longer find room, and nobody could punch. Such a limit is
therefore at least as long as its looks take. A look counts with LONGEST_LOOK_MS at most: a machine that is slower
is not waited for, and the alarm `too-slow` says so. Up to half a second for one look, and with three frames that
must agree, every limit is the figure that stands beside its name. Pure; what was measured is given.
"""

from collections import deque

LONGEST_LOOK_MS = 2_000
"""No limit grows beyond looks of this length."""
KEPT = 9
"""Number of looks of which the median is taken: about three punches."""
ENOUGH = 5
"""Fewest looks on which the alarm `too-slow` is decided."""
TOO_SLOW_MS, QUICK = 3_000, 0.7
"""The alarm begins when the looks of one decision take longer than TOO_SLOW_MS, and ends at QUICK of that."""


class LookPace:
    """The lengths of the last looks at a good face. One thread uses it; `look_ms` may be read on any."""

    def __init__(self) -> None:
        self._looks: deque[int] = deque(maxlen=KEPT)
        self.look_ms = 0
        """The median of the last looks, 0 before the first. Of two in the middle it is the shorter one, so that a
        single long look, for example the first one after a start, changes nothing.
        """

    def took(self, look_ms: int) -> None:
        """Take the length of a look that made a probe. Other looks are shorter, because they end earlier."""
        self._looks.append(look_ms)
        self.look_ms = sorted(self._looks)[(len(self._looks) - 1) // 2]

    def within(self, limit_ms: int, looks: int) -> int:
        """The time limit in which `looks` looks must find room: `limit_ms`, or longer where they take longer."""
        return max(limit_ms, looks * min(self.look_ms, LONGEST_LOOK_MS))

    def is_too_slow(self, looks: int, *, before: bool, longest_ms: int = TOO_SLOW_MS) -> bool:
        """Whether the `looks` looks of one decision take too long for a punch, or one takes more than `longest_ms`.

        `before`: whether they were too slow until now.
        """
        if len(self._looks) < ENOUGH:
            return before
        return self.look_ms > min(TOO_SLOW_MS / looks, longest_ms) * (QUICK if before else 1)
