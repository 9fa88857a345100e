"""The cue player: turns cues into lights and tones in time, on the signal thread.

A new cue replaces the old one at once. Cues do not queue, because a light that is meant for the person before would
mislead the person who is there now::

    show(cue) ──► playing ──► last step over ─────┐
                    │  ▲ └──► deadline passed ────┤──► dark, waiting
                    └──┘ next step, on the clock   │
                 (a repeating cue begins again)    close() ──► dark, closed
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from edge.domain.attendance.cues import DARK, Cue, Lights
from edge.ports import Signals

_NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class _Playing:
    cue: Cue
    until_ns: int | None
    begun_ns: int = 0

    def step_at(self, now_ns: int) -> tuple[Lights, int] | None:
        """The lights now and when they end; None when the cue is over.

        The time of each step is counted from the beginning of the cue, so that delays do not add up. A thread that
        was held up shows the step that is due now, and skips those that it missed.
        """
        if self.until_ns is not None and now_ns >= self.until_ns:
            return None
        elapsed_ns = now_ns - self.begun_ns
        length_ns = sum(step.ms for step in self.cue.steps) * _NS_PER_MS
        if length_ns == 0 or (elapsed_ns >= length_ns and not self.cue.repeat):
            return None
        lights, end_ns = DARK, now_ns - elapsed_ns % length_ns
        for step in self.cue.steps:
            lights = step.lights
            end_ns += step.ms * _NS_PER_MS
            if now_ns < end_ns:
                break
        return lights, end_ns if self.until_ns is None else min(end_ns, self.until_ns)


class CuePlayer:
    """Plays the latest cue. Any thread may call `show`; the worker alone calls `run_once` and `close`."""

    def __init__(
        self,
        signals: Signals,
        now_ns: Callable[[], int],
        on_shown: Callable[[Cue, int], None] | None = None,
    ) -> None:
        """`now_ns` is the monotonic clock; `on_shown(cue, shown_ns)` is called when a cue's first lights are on."""
        self._signals = signals
        self._now_ns = now_ns
        self._on_shown = on_shown
        self._changed = threading.Condition()
        self._wanted: _Playing | None = None
        self._playing: _Playing | None = None
        self._lights = DARK
        self._closed = False

    def show(self, cue: Cue, until_ms: int | None) -> None:
        """Replace the cue that plays. Returns at once.

        `until_ms` is an instant of the monotonic clock: the lights go out then, even if no other call comes (I6).
        None is for a cue that ends by itself, or that another part of the program ends. Showing the repeating cue
        that is already playing only moves its deadline, so that its rhythm is not broken.
        """
        until_ns = None if until_ms is None else until_ms * _NS_PER_MS
        with self._changed:
            self._wanted = _Playing(cue, until_ns)
            self._changed.notify()

    def run_once(self, timeout_s: float) -> None:
        """Wait until something is due, at most `timeout_s`, and do it: the body of the worker's loop.

        Raises:
            SignalsError: the lights cannot be driven.
        """
        with self._changed:
            if self._wanted is None:
                self._changed.wait(self._wait_s(timeout_s))
            wanted, self._wanted = self._wanted, None
        now_ns = self._now_ns()
        if wanted is None:
            self._play(now_ns)
        elif not self._closed:
            self._begin(wanted, now_ns)

    def close(self) -> None:
        """Turn all lights off and release the outputs; safe to call twice. Nothing is shown afterwards."""
        if self._closed:
            return
        self._closed = True
        self._playing = None
        try:
            self._set(DARK)
        finally:
            self._signals.close()

    def _wait_s(self, timeout_s: float) -> float:
        if self._playing is None:
            return timeout_s
        now_ns = self._now_ns()
        step = self._playing.step_at(now_ns)
        return 0.0 if step is None else min(timeout_s, (step[1] - now_ns) / 1e9)

    def _begin(self, wanted: _Playing, now_ns: int) -> None:
        old = self._playing
        if old is not None and wanted.cue.repeat and wanted.cue == old.cue:
            self._playing = replace(old, until_ns=wanted.until_ns)
            self._play(now_ns)
            return
        self._playing = replace(wanted, begun_ns=now_ns)
        if self._playing.step_at(now_ns) is not None:
            self._signals.announce(wanted.cue)
        self._play(now_ns)
        if self._playing is not None and self._on_shown is not None:
            self._on_shown(wanted.cue, self._now_ns())

    def _play(self, now_ns: int) -> None:
        if self._playing is None:
            return
        step = self._playing.step_at(now_ns)
        if step is None:
            self._playing = None
        self._set(DARK if step is None else step[0])

    def _set(self, lights: Lights) -> None:
        if lights != self._lights:
            self._signals.apply(lights)
            self._lights = lights
