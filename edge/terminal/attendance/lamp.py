"""The strobe's lamp on a thread of its own: it goes out in time even when whoever lit it hangs or dies::

flash() ──► lit ──► end(), or LONGEST_MS over ──► dark ──► EVERY_MS since the last flash ──► may flash again
            │
            └──► close(), an error, the end of the process ──► dark for good
"""

import threading
from collections.abc import Callable

from edge.domain.pad.strobe_timing import EVERY_MS, LONGEST_MS, Switch
from edge.ports import Strobe

_NS_PER_MS = 1_000_000
_KEPT = 8
"""Switches remembered: more than a camera's delay can span."""


class Lamp:
    """Any thread may call `flash` and `end`; the worker alone calls `run_once` and `close`."""

    def __init__(self, strobe: Strobe, now_ns: Callable[[], int]) -> None:
        """`now_ns` is the monotonic clock that frames are dated by."""
        self._strobe, self._now_ns = strobe, now_ns
        self._changed = threading.Condition()
        self._until_ns = 0
        self._begun_ns: int | None = None
        self._lit = self._closed = False
        self.switches: tuple[Switch, ...] = ()
        """The newest, replaced as a whole, so that any thread may read it."""

    def flash(self) -> bool:
        """Light it for LONGEST_MS at most; False when it was lit too short a time ago."""
        with self._changed:
            now_ns = self._now_ns()
            if self._closed or (self._begun_ns is not None and now_ns - self._begun_ns < EVERY_MS * _NS_PER_MS):
                return False
            self._begun_ns, self._until_ns = now_ns, now_ns + LONGEST_MS * _NS_PER_MS
            self._changed.notify()
            return True

    def end(self) -> None:
        """Dark again, as soon as its thread comes to it."""
        with self._changed:
            self._until_ns = 0
            self._changed.notify()

    def run_once(self, timeout_s: float) -> None:
        """Wait until something is due, at most `timeout_s`, and do it. Raises SignalsError."""
        with self._changed:
            left_ns = self._until_ns - self._now_ns()
            if (left_ns > 0) == self._lit:
                self._changed.wait(min(timeout_s, left_ns / 1e9) if self._lit else timeout_s)
            wanted = not self._closed and self._until_ns > self._now_ns()
        self._set(wanted)

    def close(self) -> None:
        """Dark, and released; safe to call twice. It is never lit afterwards."""
        with self._changed:
            self._closed, self._until_ns = True, 0
        try:
            self._set(False)
        finally:
            self._strobe.close()

    def _set(self, lit: bool) -> None:
        if lit == self._lit:
            return
        before, begun_ns = self.switches[1 - _KEPT :], self._now_ns()
        # Told before it is done: a frame of these moments is mixed, whoever asks.
        self.switches = (*before, Switch(lit, begun_ns))
        self._lit = lit
        self._strobe.light(lit)
        self.switches = (*before, Switch(lit, begun_ns, self._now_ns()))
