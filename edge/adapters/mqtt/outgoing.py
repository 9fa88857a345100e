"""Messages that were handed over for one connection and are not acknowledged yet: so many, and no more.

paho keeps each in memory until the broker acknowledges it. A broker that acknowledges nothing takes no further
message, and every resend would wait here beside the one before.
"""

import threading
import time
from collections import deque

from edge.adapters.mqtt.mailbox import Publish

MOST_MESSAGES = 4_096
MOST_BYTES = 8 << 20
"""Of topics and payloads; more than a full window of the largest records."""
ACKNOWLEDGED_WITHIN_S = 60.0
"""A broker that has acknowledged nothing for so long, while something of ours waits for it, has lost it."""


class Outgoing:
    """Any thread calls `admit`, everything else is the connection's own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = self._bytes = 0
        self._over = False
        self._room = MOST_MESSAGES
        self._waiting: deque[Publish] = deque()
        self._on_the_way: dict[int, Publish] = {}
        self._answered_at = 0.0

    def admit(self, command: Publish) -> bool:
        """Whether there is room for it; then it counts until it is acknowledged. Never once it is over."""
        with self._lock:
            if self._over or self._count >= MOST_MESSAGES or self._bytes >= MOST_BYTES:
                return False
            self._count += 1
            self._bytes += _size(command)
            return True

    def limit(self, room: int) -> None:
        """The broker takes so many messages without an answer (Receive Maximum)."""
        self._room = min(room, MOST_MESSAGES)

    def put(self, command: Publish) -> None:
        """What was admitted, in its order."""
        self._waiting.append(command)

    def next(self) -> Publish | None:
        """The oldest that was not sent; None when there is none, or the broker takes no more now."""
        return self._waiting.popleft() if self._waiting and len(self._on_the_way) < self._room else None

    def sent(self, mid: int, command: Publish) -> None:
        """It is on its way, under this packet identifier."""
        if not self._on_the_way:
            self._answered_at = time.monotonic()
        self._on_the_way[mid] = command

    def acknowledged(self, mid: int) -> Publish:
        """The message of that identifier, which the broker acknowledged. Raises KeyError."""
        command = self._on_the_way.pop(mid)
        self._answered_at = time.monotonic()
        with self._lock:
            self._count -= 1
            self._bytes -= _size(command)
        return command

    def excuse(self) -> None:
        """Nothing is read now: that no answer comes is not the broker's fault."""
        self._answered_at = time.monotonic()

    @property
    def overdue(self) -> bool:
        """Whether the broker has acknowledged nothing for too long."""
        return bool(self._on_the_way) and time.monotonic() - self._answered_at > ACKNOWLEDGED_WITHIN_S

    def clear(self) -> None:
        """The connection is over: nothing waits any more, and nothing is admitted."""
        with self._lock:
            self._over = True
        self._waiting.clear()
        self._on_the_way.clear()

    def __bool__(self) -> bool:
        return bool(self._waiting or self._on_the_way)


def _size(command: Publish) -> int:
    return len(command.topic) + len(command.payload)
