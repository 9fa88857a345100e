"""What travels between the thread that speaks to the broker and everyone else."""

import contextlib
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from edge.ports import Acknowledged, Connected, Disconnected, Message


@dataclass(frozen=True, slots=True)
class Identity:
    """How we present ourselves to the broker."""

    client_id: str
    subscriptions: Sequence[str] = ()
    """Subscribed at QoS 1 before Connected is reported."""
    will: tuple[str, bytes] | None = None
    """Topic and payload of the last will: QoS 1, retained."""
    once: Sequence[str] = ()
    """Of the subscriptions, those whose retained messages are not sent again while the broker keeps the session."""
    manual_release: bool = False
    """Whether the broker keeps each message until it is released: for a receiver that commits first."""


@dataclass(frozen=True, slots=True)
class Receive:
    """A Message, with what is needed to acknowledge it to the broker."""

    message: Message
    mid: int
    connection: int
    """Which connection it came on: an acknowledgement on a later one would name another message."""


@dataclass(frozen=True, slots=True)
class ThreadDied:
    """The thread ended by an exception that nobody foresaw."""


LinkEvent = Connected | Disconnected | Acknowledged | Receive | ThreadDied | None
"""None is a wake-up."""


@dataclass(frozen=True, slots=True)
class Publish:
    """Send this at QoS 1, on this connection or not at all."""

    topic: str
    payload: bytes
    token: int
    retain: bool
    connection: int
    expiry_s: int | None = None
    """How long the broker keeps it for who is away; None for as long as it keeps the session."""


@dataclass(frozen=True, slots=True)
class Release:
    """Acknowledge a received message, on the connection that it came on or not at all."""

    mid: int
    connection: int


@dataclass(frozen=True, slots=True)
class Refresh:
    """Subscribe again, so that all that is retained is sent again, on this connection or not at all."""

    connection: int


@dataclass(frozen=True, slots=True)
class Renew:
    """End this connection; the next one begins a session without what the broker held in this one."""

    connection: int


Command = Publish | Release | Refresh | Renew


class Mailbox:
    """Commands for a thread that waits in `select`: put from any thread, taken by one."""

    def __init__(self) -> None:
        self._commands: SimpleQueue[Command] = SimpleQueue()
        self._rung = False
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def put(self, command: Command) -> None:
        """Leave a command and wake the reader."""
        self._commands.put(command)
        if not self._rung:  # one wake-up for as many as come until the reader looks
            self._rung = True
            self.ring()

    def ring(self) -> None:
        """Wake the reader."""
        # a full pipe has a wake-up in it already; a closed one has nobody to wake
        with contextlib.suppress(OSError):
            self._writer.send(b"\0")

    def fileno(self) -> int:
        """For `select`: readable when there may be a command."""
        return self._reader.fileno()

    def take(self) -> Iterator[Command]:
        """What is there now, oldest first."""
        with contextlib.suppress(OSError):
            self._reader.recv(4_096)
        self._rung = False  # before the queue is read, so that no command is left without a wake-up
        while True:
            try:
                yield self._commands.get_nowait()
            except Empty:
                return

    def close(self) -> None:
        """Release both ends; safe to call twice."""
        self._reader.close()
        self._writer.close()
