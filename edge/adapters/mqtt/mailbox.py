"""Commands to the thread that speaks to the broker, and events from it."""

import contextlib
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from edge.ports import Acknowledged, Connected, Disconnected, Message


@dataclass(frozen=True, slots=True)
class Identity:
    """Everything by which the broker knows us."""

    client_id: str
    subscriptions: Sequence[str] = ()
    """Topics that are subscribed at QoS 1 before Connected is reported."""
    optional: Sequence[str] = ()
    """Topics that are subscribed with the others, and that the broker may refuse. Nothing retained is sent for
    them, and no message of our own.
    """
    echo: str | None = None
    """A topic of our own that the broker may refuse, too. The first message of ours that comes back on it shows
    that the broker lets us read it; then the subscription ends.
    """
    will: tuple[str, bytes] | None = None
    """Topic and payload of the last will: QoS 1, retained."""
    once: Sequence[str] = ()
    """Subscriptions whose retained messages are not sent again while the broker keeps the session."""
    manual_release: bool = False
    """Whether the broker keeps each message until it is released; for a receiver that stores a message first."""


@dataclass(frozen=True, slots=True)
class Receive:
    """A received message, with the data that is needed to acknowledge it to the broker."""

    message: Message
    mid: int
    connection: int
    """Number of the connection on which it came: on a later one, `mid` would name another message."""


@dataclass(frozen=True, slots=True)
class ThreadDied:
    """An unexpected error ended the thread."""


LinkEvent = Connected | Disconnected | Acknowledged | Receive | ThreadDied | None
"""An event from the thread; None is a wake-up."""


@dataclass(frozen=True, slots=True)
class Publish:
    """Send a message at QoS 1, on this connection or not at all."""

    topic: str
    payload: bytes
    token: int
    retain: bool
    connection: int
    expiry_s: int | None = None
    """How long the broker keeps it for absent subscribers, in seconds; None: for as long as it keeps their
    session.
    """


@dataclass(frozen=True, slots=True)
class Release:
    """Acknowledge a received message, on the connection on which it came or not at all."""

    mid: int
    connection: int


@dataclass(frozen=True, slots=True)
class Refresh:
    """Subscribe again, so that the broker sends everything retained again, on this connection or not at all."""

    connection: int


@dataclass(frozen=True, slots=True)
class Renew:
    """End this connection. The next one begins a session without the messages that the broker held in this one."""

    connection: int


Command = Publish | Release | Refresh | Renew


class Mailbox:
    """Commands for a thread that waits in `select`. Any thread puts them, one thread takes them."""

    def __init__(self) -> None:
        self._commands: SimpleQueue[Command] = SimpleQueue()
        self._rung = False
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def put(self, command: Command) -> None:
        """Put a command into the mailbox and wake the reader."""
        self._commands.put(command)
        if not self._rung:  # one wake-up for all commands that come before the reader looks
            self._rung = True
            self.ring()

    def ring(self) -> None:
        """Wake the reader."""
        # A full pipe holds a wake-up already; behind a closed one, nobody waits.
        with contextlib.suppress(OSError):
            self._writer.send(b"\0")

    def fileno(self) -> int:
        """A file descriptor for `select`: readable when there may be a command."""
        return self._reader.fileno()

    def take(self) -> Iterator[Command]:
        """The commands that are there now, oldest first."""
        with contextlib.suppress(OSError):
            self._reader.recv(4_096)
        self._rung = False  # before the queue is read, so that each later command makes a wake-up
        while True:
            try:
                yield self._commands.get_nowait()
            except Empty:
                return

    def close(self) -> None:
        """Close both ends; safe to call twice."""
        self._reader.close()
        self._writer.close()
