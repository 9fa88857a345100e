"""Threads whose failure is always noticed: a stop with its reason, a slot that keeps the newest item, a worker.

An exception in any worker ends the process, and systemd starts a new one. When a worker hangs, it makes no more
progress; then the main thread no longer feeds the watchdog, and systemd ends the process as well (I8). A step that
may take long on a slow machine is told from a hang: while it goes on, its own limit counts.
"""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Stop:
    """A flag that ends all loops, with the first reason given."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self.reason: str | None = None

    def set(self, reason: str) -> None:
        """Ask every loop to end; later reasons are ignored."""
        with self._lock:
            if self.reason is None:
                self.reason = reason
        self._event.set()

    def is_set(self) -> bool:
        """Whether to end."""
        return self._event.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Sleep for `timeout_s` or until the stop; True when stopped."""
        return self._event.wait(timeout_s)


class LatestSlot(Generic[T]):
    """Holds the newest item only: a slow taker gets fresh frames, and the items that it missed are counted."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._item: T | None = None
        self.drops = 0

    def put(self, item: T) -> None:
        """Put an item in the place of the one that waits."""
        with self._condition:
            if self._item is not None:
                self.drops += 1
            self._item = item
            self._condition.notify()

    def take(self, timeout_s: float) -> T | None:
        """The newest item once, or None when none came in time."""
        with self._condition:
            if self._item is None:
                self._condition.wait(timeout_s)
            item, self._item = self._item, None
            return item


class LongStep:
    """A step within a turn of a loop that may take longer than the loop's limit. The loop enters and leaves it; any
    thread may ask.
    """

    def __init__(self, longest_s: float) -> None:
        """`longest_s` is the time after which the step counts as a hang."""
        self._longest_s = longest_s
        self._begun: float | None = None
        self.ended = float("-inf")
        """When it ended last, on the monotonic clock: that was progress."""

    def __enter__(self) -> None:
        self._begun = time.monotonic()

    def __exit__(self, *_error: object) -> None:
        # In this order: whoever asks meanwhile never sees a loop that neither is in the step nor has just left it.
        self.ended = time.monotonic()
        self._begun = None

    def hangs(self) -> bool | None:
        """Whether the step goes on for too long; None while it does not go on."""
        begun = self._begun
        return None if begun is None else time.monotonic() - begun > self._longest_s


class Worker:
    """A named thread that runs `body` again and again until the stop.

    `body` returns whether it made progress. Only progress keeps the worker fresh, so that a camera without frames
    is as stale as a loop that hangs. `opening` and `closing` run on the worker's own thread, because SQLite
    connections and cameras belong to one thread.
    """

    def __init__(
        self,
        name: str,
        body: Callable[[], bool],
        stop: Stop,
        *,
        stale_after_s: float,
        opening: Callable[[], None] | None = None,
        closing: Callable[[], None] | None = None,
        long_step: LongStep | None = None,
    ) -> None:
        """`stale_after_s` is the longest turn; `long_step` is a part of it that may take longer."""
        self.name = name
        self.error: BaseException | None = None
        self.opened = threading.Event()
        self._body, self._opening, self._closing = body, opening, closing
        self._stop, self._stale_after_s, self._long_step = stop, stale_after_s, long_step
        self._beat = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin; `opened` is set once `opening` has returned."""
        self._beat = time.monotonic()
        self._thread.start()

    def stale(self) -> bool:
        """Whether there was no progress for longer than `stale_after_s`, or a long step hangs."""
        beat = self._beat
        if self._long_step is not None:
            hangs = self._long_step.hangs()
            if hangs is not None:
                return hangs
            beat = max(beat, self._long_step.ended)
        return time.monotonic() - beat > self._stale_after_s

    def join(self, timeout_s: float) -> bool:
        """Wait for the end; False when it is still running then."""
        if self._thread.ident is not None:
            self._thread.join(max(timeout_s, 0.0))
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            try:
                if self._opening is not None:
                    self._opening()
                self.opened.set()
                while not self._stop.is_set():
                    if self._body():
                        self._beat = time.monotonic()
            finally:
                if self._closing is not None:
                    self._closing()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it ends the process: main re-raises it
            self.error = error
            self._stop.set(f"{self.name}: {type(error).__name__}")
