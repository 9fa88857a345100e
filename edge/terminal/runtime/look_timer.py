"""Timing of looks: how long each took, and since when one goes on."""

import time
from collections.abc import Callable
from dataclasses import replace

from edge.domain.face import Frame, Sight
from edge.terminal.runtime.workers import LongStep

LOOK_S = 20.0
"""A look may take so long before it counts as a hang: three times the slowest that was seen, 6 s in an emulated
Raspberry Pi on a busy machine. A hang elsewhere in the loop is found after the loop's own limit.
"""


class LookTimer:
    """Makes sights, measures how long that takes, and tells the loop's worker that a look goes on."""

    def __init__(self, step: LongStep | None = None, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        """`step` is the one that the worker watches; `now_ns` is a monotonic clock."""
        self._step, self._now_ns = step or LongStep(LOOK_S), now_ns

    def sight(self, look: Callable[[Frame], Sight], frame: Frame) -> Sight:
        """The sight that `look` makes of a frame, with its length."""
        begun_ns = self._now_ns()
        with self._step:
            sight = look(frame)
        return replace(sight, look_ms=(self._now_ns() - begun_ns) // 1_000_000)
