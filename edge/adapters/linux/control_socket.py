"""The listening side of the control socket: connections, peer credentials, lines in and lines out, all bounded.

It never waits for a client. What a client sends too much of, or does not read, ends that client's connection alone.
"""

import contextlib
import errno
import os
import selectors
import socket
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edge.adapters.linux.peer_credentials import Peer, peer_of_socket
from edge.errors import ControlError

MOST_CONNECTIONS = 8
MOST_LINE = 4_096
"""Bytes of a request with its line end."""
MOST_WAITING = 65_536
"""Bytes that wait for a client that does not read; more end its connection."""
REQUEST_WITHIN_S = 5.0
"""Time in which a client must send a whole request."""
DRAIN_S = 2.0
"""Time that a client has to read the last line."""
_FULL = b'{"v":1,"end":"refused","reason":"busy","text":"too many commands at once; try again"}'
_ACCEPTED = 64
"""Most connections that are accepted in one turn: a flood does not hold up the others."""
_PAUSE_S = 0.05
"""After a full turn, or when no connection can be accepted, none is for so long: a flood by anybody on this machine
costs a few per cent of a core, and not the whole core that looks at faces.
"""
_BACKLOG = 128
_SILENT_S = 0.5
"""A client that has asked nothing for so long gives its place to another, where all places are taken."""
_CHUNK = 4_096
_LOOK_S = 2.0
"""Seconds between two checks whether the socket's file is still there."""


@dataclass(eq=False, slots=True)
class ControlClient:
    """One client."""

    peer: Peer
    link: socket.socket = field(repr=False)
    since_s: float = 0.0
    """When it connected, or its last request was read."""
    asked: bool = False
    """Whether its request is being answered: then it may be silent."""
    ending_s: float | None = None
    """When the last line was queued for it."""
    incoming: bytearray = field(default_factory=bytearray, repr=False)
    outgoing: bytearray = field(default_factory=bytearray, repr=False)


@dataclass(frozen=True, slots=True)
class ClientLine:
    """What came from a client: a whole line, or None when it has gone. `fault` says what was wrong with it."""

    client: ControlClient
    line: bytes | None
    fault: str | None = None


class ControlSocket:
    """The socket. One thread uses it."""

    def __init__(
        self,
        path: Path,
        refusal: Callable[[Peer], bytes | None] = lambda _: None,
        *,
        peer_of: Callable[[socket.socket], Peer] | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`refusal` is the line for a peer that may not connect: it gets no place and no more than this line.

        `peer_of` and `now_s` are the kernel's answer and the monotonic clock.
        """
        self.path, self._refusal = path, refusal
        self._peer_of, self._now_s = peer_of or peer_of_socket, now_s
        self._listening: socket.socket | None = None
        self._selector: selectors.BaseSelector | None = None
        self._clients: list[ControlClient] = []
        self._file: tuple[int, int] | None = None
        self._looked_s = 0.0
        self._accept_at_s: float | None = None
        """When connections are accepted again; None while they are."""

    @property
    def is_open(self) -> bool:
        """Whether clients can connect."""
        return self._listening is not None

    def open(self) -> None:
        """Make the socket's file, in place of one that a former process left. Raises ControlError."""
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(mode=0o711)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listening.setblocking(False)
            with short_name(self.path) as name:
                refuse_open_folder(self.path)
                if _is_socket(self.path):
                    self.path.unlink()
                listening.bind(name)
            # Everybody may connect, so that whoever is refused is told why. The peer's credentials decide.
            self.path.chmod(0o666)
            listening.listen(_BACKLOG)
            found = self.path.lstat()
        except ControlError:
            listening.close()
            raise
        except OSError as error:
            listening.close()
            raise ControlError(
                f"{self.path}: the control socket cannot be made there ({error.strerror or error}); "
                f"{_cure(error)}, or name another place: control.socket"
            ) from error
        self._file, self._looked_s = (found.st_dev, found.st_ino), self._now_s()
        self._listening, self._selector, self._accept_at_s = listening, selectors.DefaultSelector(), None
        self._selector.register(listening, selectors.EVENT_READ)

    def poll(self, timeout_s: float) -> list[ClientLine]:
        """Wait for something at most `timeout_s`, and return what came. Raises ControlError, OSError."""
        if self._selector is None or self._listening is None:
            raise ControlError("the control socket is not open; open it first")
        self._still_there()
        if self._accept_at_s is not None:
            left_s = self._accept_at_s - self._now_s()
            timeout_s = min(timeout_s, max(left_s, 0.0))
            if left_s <= 0:
                self._accept_at_s = None
                self._selector.register(self._listening, selectors.EVENT_READ)
        found: list[ClientLine] = []
        for key, events in self._selector.select(timeout_s):
            client = key.data
            if client is None:
                if not self._accept(self._listening):
                    self._selector.unregister(self._listening)
                    self._accept_at_s = self._now_s() + _PAUSE_S
                continue
            if events & selectors.EVENT_WRITE:
                self._flush(client)
            if events & selectors.EVENT_READ and client in self._clients:
                found += self._receive(client)
        return found + list(self._late())

    def send(self, client: ControlClient, line: bytes, *, last: bool = False) -> None:
        """Queue a line for a client; after the last one its connection ends. One that has gone gets nothing."""
        if client not in self._clients or client.ending_s is not None:
            return
        client.outgoing += line + b"\n"
        if last:
            client.ending_s = self._now_s()
        if len(client.outgoing) > MOST_WAITING:
            self.drop(client)
        else:
            self._flush(client)

    def is_connected(self, client: ControlClient) -> bool:
        """Whether the client is there, as far as was noticed."""
        return client in self._clients

    def may_ask(self, client: ControlClient) -> bool:
        """Whether the client is there and has not had its last line: what it sent after its request is nothing."""
        return client in self._clients and client.ending_s is None

    def drop(self, client: ControlClient) -> None:
        """End a connection now."""
        if client in self._clients:
            self._clients.remove(client)
            if self._selector is not None:
                self._selector.unregister(client.link)
            client.link.close()
        client.incoming.clear()
        client.outgoing.clear()

    def close(self) -> None:
        """End all connections and remove the file; safe to call twice."""
        for client in list(self._clients):
            self.drop(client)
        if self._selector is not None:
            self._selector.close()
            self._selector = None
        if self._listening is not None:
            self._listening.close()
            self._listening = None
            with contextlib.suppress(OSError):
                if self._named() == self._file:
                    self.path.unlink()

    def _accept(self, listening: socket.socket) -> bool:
        """Accept those who wait; False when more may wait, or none can be accepted now."""
        for _ in range(_ACCEPTED):
            try:
                link, _ = listening.accept()
            except BlockingIOError:
                return True
            except OSError:  # no descriptor is left, for instance: asking at once again would only burn the core
                return False
            self._admit(link)
        return False

    def _admit(self, link: socket.socket) -> None:
        link.setblocking(False)
        try:
            peer = self._peer_of(link)
        except OSError:
            link.close()
            return
        refusal = self._refusal(peer)
        if refusal is None and not self._has_place():
            refusal = _FULL
        if refusal is not None:
            _part(link, refusal)
            return
        client = ControlClient(peer, link, self._now_s())
        self._clients.append(client)
        if self._selector is not None:
            self._selector.register(link, selectors.EVENT_READ, client)

    def _has_place(self) -> bool:
        """Whether one more client can stand; the one that has been silent for longest makes room for it."""
        if len(self._clients) < MOST_CONNECTIONS:
            return True
        silent = [one for one in self._clients if not one.asked and self._now_s() - one.since_s >= _SILENT_S]
        if not silent:
            return False
        one = min(silent, key=lambda client: client.since_s)
        with contextlib.suppress(OSError):
            one.link.send(_FULL + b"\n")
        self.drop(one)
        return True

    def _receive(self, client: ControlClient) -> Iterator[ClientLine]:
        try:
            chunk = client.link.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            self.drop(client)
            yield ClientLine(client, None)
            return
        if client.ending_s is not None:
            return  # its answer is complete: more is not read
        client.incoming += chunk
        while b"\n" in client.incoming and client.ending_s is None:
            line, _, rest = bytes(client.incoming).partition(b"\n")
            client.incoming[:] = rest
            if len(line) >= MOST_LINE:
                yield ClientLine(client, b"", "too-long")
                return
            client.since_s, client.asked = self._now_s(), True
            yield ClientLine(client, line)
        if len(client.incoming) >= MOST_LINE:
            client.incoming.clear()
            yield ClientLine(client, b"", "too-long")

    def _flush(self, client: ControlClient) -> None:
        if client not in self._clients:
            return
        try:
            sent = client.link.send(client.outgoing) if client.outgoing else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            return  # reading notices that it has gone
        del client.outgoing[:sent]
        if not client.outgoing and client.ending_s is not None:
            self.drop(client)
        elif self._selector is not None:
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.outgoing else 0)
            self._selector.modify(client.link, wanted, client)

    def _late(self) -> Iterator[ClientLine]:
        now = self._now_s()
        for client in list(self._clients):
            if client.ending_s is not None:
                if now - client.ending_s > DRAIN_S:
                    self.drop(client)
            elif not client.asked and now - client.since_s > REQUEST_WITHIN_S:
                yield ClientLine(client, b"", "too-slow")

    def _still_there(self) -> None:
        if self._now_s() - self._looked_s < _LOOK_S:
            return
        self._looked_s = self._now_s()
        if self._named() != self._file:
            raise ControlError(f"{self.path}: the control socket was removed or replaced; it is made again")

    def _named(self) -> tuple[int, int] | None:
        try:
            found = self.path.lstat()
        except OSError:
            return None
        return found.st_dev, found.st_ino


@contextlib.contextmanager
def short_name(path: Path) -> Iterator[str]:
    """A name of a socket's file that is short enough for its address (107 bytes), however deep the folder is.

    Raises OSError.
    """
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def refuse_open_folder(path: Path) -> None:
    """Raises ControlError when everybody may write where the socket lies: any program could answer in the
    terminal's place, and be told whom somebody enrols. Raises OSError.
    """
    if path.parent.stat().st_mode & stat.S_IWOTH:
        raise ControlError(
            f"{path}: everybody may write to that folder, so that another program can take the terminal's place; "
            f"name another one (control.socket), or `chmod o-w {path.parent}`"
        )


def _part(link: socket.socket, line: bytes) -> None:
    with contextlib.suppress(OSError):
        link.send(line + b"\n")
    link.close()


def _cure(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "something else lies there: move it away"
    return "let the service's user write to that folder"


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.lstat().st_mode)
    except OSError:
        return False
