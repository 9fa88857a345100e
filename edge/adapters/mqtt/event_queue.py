"""Events on their way from the thread that speaks to the broker to whoever takes them: so many, and no more.

What a broker sends is held here until it is taken. A hostile one sends without end; so while this is full its
socket is not read, and TCP makes it wait.
"""

from collections.abc import Callable
from queue import Empty, SimpleQueue

from edge.adapters.mqtt.mailbox import LinkEvent, Receive

MOST_EVENTS = 4_096
MOST_BYTES = 4 << 20
"""Of topics and payloads. What one read brings may come on top: a packet, or the small ones of one TLS record."""


class Events:
    """One thread calls `put` and `room`, one calls `get`; any may call `wake`."""

    def __init__(self, on_room: Callable[[], None]) -> None:
        """`on_room` is called on the taking thread when there is room again for somebody whom `room` denied it."""
        self._on_room = on_room
        self._queue: SimpleQueue[LinkEvent] = SimpleQueue()
        # Each number has one writer, so that none needs a lock.
        self._put = self._put_bytes = 0
        self._got = self._got_bytes = 0
        self._woken = self._denied = False

    def put(self, event: LinkEvent) -> None:
        """Leave one. Never waits: what comes in spite of `room` is kept."""
        self._put += 1
        self._put_bytes += _size(event)
        self._queue.put(event)

    def get(self, timeout_s: float) -> LinkEvent:
        """The next in order; None when there is none in time, or when `wake` was called."""
        try:
            event = self._queue.get(timeout=timeout_s) if timeout_s > 0 else self._queue.get_nowait()
        except Empty:
            return None
        if event is None:
            self._woken = False
            return None
        self._got += 1
        self._got_bytes += _size(event)
        if self._denied and self._below(2):
            self._denied = False
            self._on_room()
        return event

    def wake(self) -> None:
        """Make a waiting `get` return None now: one None for as many as wake it before it looks."""
        if not self._woken:
            self._woken = True
            self._queue.put(None)

    def room(self) -> bool:
        """Whether more may be read. Once it was full, only when it is half empty again."""
        denied, self._denied = self._denied, True
        if self._below(2 if denied else 1):
            self._denied = False
        return not self._denied

    def _below(self, part: int) -> bool:
        waiting, size = self._put - self._got, self._put_bytes - self._got_bytes
        return waiting < MOST_EVENTS // part and size < MOST_BYTES // part


def _size(event: LinkEvent) -> int:
    return len(event.message.topic) + len(event.message.payload) if isinstance(event, Receive) else 0
