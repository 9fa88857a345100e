"""What was handed over for one connection and is not written yet: so much, and no more.

A broker that acknowledges nothing takes no further message, and every resend would wait here beside the one before.
"""

import threading
from collections import deque

from edge.adapters.mqtt.mailbox import Publish

MOST_WAITING = 4_096
MOST_BYTES = 8 << 20
"""Of topics and payloads; more than a full window of the largest records."""


class SendQueue:
    """Any thread calls `admit`, everything else is the connection's own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = self._bytes = 0
        self._over = False
        self._waiting: deque[Publish] = deque()

    def admit(self, command: Publish) -> bool:
        """Whether there is room for it; then it counts until `next` returns it. Never once it is over."""
        with self._lock:
            if self._over or self._count >= MOST_WAITING or self._bytes >= MOST_BYTES:
                return False
            self._count += 1
            self._bytes += _size(command)
            return True

    def put(self, command: Publish) -> None:
        """What was admitted, in its order."""
        self._waiting.append(command)

    def next(self) -> Publish:
        """The oldest. Raises IndexError when there is none."""
        command = self._waiting.popleft()
        with self._lock:
            self._count -= 1
            self._bytes -= _size(command)
        return command

    def clear(self) -> None:
        """The connection is over: nothing waits any more, and nothing is admitted."""
        with self._lock:
            self._over = True
        self._waiting.clear()

    def __bool__(self) -> bool:
        return bool(self._waiting)


def _size(command: Publish) -> int:
    return len(command.topic) + len(command.payload)
