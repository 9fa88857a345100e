"""The queue of events from the thread that speaks to the broker; its length is limited.

Messages of the broker wait here until they are taken. A hostile broker may send without end. Therefore, while the
queue is full, its socket is not read, so that TCP makes the broker wait.
"""

from collections.abc import Callable
from queue import Empty, SimpleQueue

from edge.adapters.mqtt.mailbox import LinkEvent, Receive

MOST_EVENTS = 4_096
MOST_BYTES = 4 << 20
"""Bytes of topics and payloads. One read may exceed this by a packet, or by the small packets of one TLS record."""


class Events:
    """The queue. One thread calls `put` and `room`, one calls `get`; any thread may call `wake`."""

    def __init__(self, on_room: Callable[[], None]) -> None:
        """`on_room` is called on the taking thread when there is room again after `room` returned False."""
        self._on_room = on_room
        self._queue: SimpleQueue[LinkEvent] = SimpleQueue()
        # One thread alone writes each number, so that no lock is needed.
        self._put = self._put_bytes = 0
        self._got = self._got_bytes = 0
        self._woken = self._denied = False

    def put(self, event: LinkEvent) -> None:
        """Put an event into the queue. Never waits; an event is kept even if `room` is False."""
        self._put += 1
        self._put_bytes += _size(event)
        self._queue.put(event)

    def get(self, timeout_s: float) -> LinkEvent:
        """The next event in order; None when none comes in time, or when `wake` was called."""
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
        """Make a waiting `get` return None now. Several calls before that make it return None once."""
        if not self._woken:
            self._woken = True
            self._queue.put(None)

    def room(self) -> bool:
        """Whether more may be read. After the queue was full, it must be half empty first."""
        denied, self._denied = self._denied, True
        if self._below(2 if denied else 1):
            self._denied = False
        return not self._denied

    def _below(self, part: int) -> bool:
        waiting, size = self._put - self._got, self._put_bytes - self._got_bytes
        return waiting < MOST_EVENTS // part and size < MOST_BYTES // part


def _size(event: LinkEvent) -> int:
    return len(event.message.topic) + len(event.message.payload) if isinstance(event, Receive) else 0
