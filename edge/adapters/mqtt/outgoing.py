"""Messages of one connection that are handed over and not acknowledged yet; their number and size are limited.

paho keeps each message in memory until the broker acknowledges it. If the broker acknowledges nothing, no further
message is taken; otherwise every repetition of a message would wait here beside the one before.
"""

import threading
import time
from collections import deque

from edge.adapters.mqtt.mailbox import Publish

MOST_MESSAGES = 4_096
MOST_BYTES = 8 << 20
"""Bytes of topics and payloads; more than a full window of the largest records."""
ACKNOWLEDGED_WITHIN_S = 60.0
"""If the broker acknowledges nothing for so long although a message waits for it, it has lost the message."""


class Outgoing:
    """The unacknowledged messages. Any thread calls `admit`; everything else belongs to the connection's thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = self._bytes = 0
        self._over = False
        self._room = MOST_MESSAGES
        self._waiting: deque[Publish] = deque()
        self._on_the_way: dict[int, Publish] = {}
        self._answered_at = 0.0

    def admit(self, command: Publish) -> bool:
        """Whether there is room for a message; then it counts until it is acknowledged. False after `clear`."""
        with self._lock:
            if self._over or self._count >= MOST_MESSAGES or self._bytes >= MOST_BYTES:
                return False
            self._count += 1
            self._bytes += _size(command)
            return True

    def limit(self, room: int) -> None:
        """Take the number of messages that the broker accepts without an answer (Receive Maximum)."""
        self._room = min(room, MOST_MESSAGES)

    def put(self, command: Publish) -> None:
        """Add an admitted message at the end."""
        self._waiting.append(command)

    def next(self) -> Publish | None:
        """The oldest message that was not sent; None when there is none, or the broker accepts no more now."""
        return self._waiting.popleft() if self._waiting and len(self._on_the_way) < self._room else None

    def sent(self, mid: int, command: Publish) -> None:
        """Note that a message is on its way under this packet identifier."""
        if not self._on_the_way:
            self._answered_at = time.monotonic()
        self._on_the_way[mid] = command

    def acknowledged(self, mid: int) -> Publish:
        """Remove and return the message with this identifier, after its acknowledgement. Raises KeyError."""
        command = self._on_the_way.pop(mid)
        self._answered_at = time.monotonic()
        with self._lock:
            self._count -= 1
            self._bytes -= _size(command)
        return command

    def excuse(self) -> None:
        """Begin the wait for answers again: while nothing is read, a missing answer is not the broker's fault."""
        self._answered_at = time.monotonic()

    @property
    def overdue(self) -> bool:
        """Whether the broker has acknowledged nothing for too long."""
        return bool(self._on_the_way) and time.monotonic() - self._answered_at > ACKNOWLEDGED_WITHIN_S

    def clear(self) -> None:
        """Drop all messages and admit no more, because the connection has ended."""
        with self._lock:
            self._over = True
        self._waiting.clear()
        self._on_the_way.clear()

    def __bool__(self) -> bool:
        return bool(self._waiting or self._on_the_way)


def _size(command: Publish) -> int:
    return len(command.topic) + len(command.payload)
