"""A TCP proxy on loopback that does what networks do: hold, reset, half-close, delay, truncate, slam the door."""

import contextlib
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator

CHUNK = 16_384
_LINGER_NONE = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: `close` sends RST instead of FIN."""
_TICK_S = 0.02


class Pair:
    """One client and its connection to the target, each pumped by a thread of its own."""

    def __init__(self, proxy: "Proxy", client: socket.socket, target: socket.socket) -> None:
        self.client, self.target = client, target
        self._proxy = proxy
        self._ended = False
        self._threads = [
            threading.Thread(target=self._pump, args=(client, target, True), daemon=True),
            threading.Thread(target=self._pump, args=(target, client, False), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def close(self, *, reset: bool = False) -> None:
        """FIN to both ends, or RST. The pumps end first: a socket that is waited on is not closed."""
        self._ended = True
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()
        for end in (self.client, self.target):
            with contextlib.suppress(OSError):
                if reset:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
            end.close()

    def _pump(self, source: socket.socket, sink: socket.socket, upward: bool) -> None:
        with contextlib.suppress(OSError):
            while data := self._read(source):
                time.sleep(self._proxy.delay_s)
                cut = self._proxy.cut_after(len(data)) if upward else None
                if self._held():
                    return
                sink.sendall(data[:cut])
                if cut is not None:
                    source.shutdown(socket.SHUT_RDWR)
                    break
        if not self._held():  # a held connection ends unheard as well
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_WR)

    def _read(self, source: socket.socket) -> bytes:
        while not self._ended:
            if select.select([source], [], [], _TICK_S)[0]:
                return source.recv(CHUNK)
        return b""

    def _held(self) -> bool:
        """Wait while everything is held; True when the pair was closed meanwhile."""
        while not self._proxy.gate.wait(_TICK_S):
            if self._ended:
                return True
        return False


class Proxy:
    """Listens on a free port. What is switched on holds for every connection until it is switched off."""

    def __init__(self, host: str, port: int) -> None:
        self.gate = threading.Event()
        """Clear: every byte is held."""
        self.gate.set()
        self.delay_s = 0.0
        self.slamming = False
        """Accept and close at once."""
        self.attempts: list[float] = []
        """When each connection came, on the monotonic clock."""
        self._target = (host, port)
        self._cut: int | None = None
        self._lock = threading.Lock()
        self._pairs: list[Pair] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def stall(self) -> None:
        """Hold every byte, of new connections too; nobody is told."""
        self.gate.clear()

    def flow(self) -> None:
        self.gate.set()

    def reset(self) -> None:
        """RST to both ends of every connection."""
        for pair in self._live():
            pair.close(reset=True)

    def half_close(self, end: str) -> None:
        """FIN to one end, "client" or "target"; what comes from it is still taken."""
        for pair in self._live():
            with contextlib.suppress(OSError):
                getattr(pair, end).shutdown(socket.SHUT_WR)

    def truncate(self, after: int) -> None:
        """Once `after` more bytes went up, close in the middle of what follows."""
        with self._lock:
            self._cut = after

    def cut_after(self, size: int) -> int | None:
        with self._lock:
            if self._cut is None:
                return None
            if self._cut >= size:
                self._cut -= size
                return None
            cut, self._cut = self._cut, None
            return cut

    def close(self) -> None:
        self.gate.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(60)
        assert not self._thread.is_alive()
        for pair in self._live():
            pair.close()

    def __enter__(self) -> "Proxy":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _live(self) -> list[Pair]:
        with self._lock:
            return list(self._pairs)

    def _accept(self) -> None:
        for client in self._clients():
            self.attempts.append(time.monotonic())
            if self.slamming:
                client.close()
                continue
            try:
                target = socket.create_connection(self._target, 30)
            except OSError:
                client.close()  # the broker is down: so is the way to it
                continue
            for end in (client, target):
                end.settimeout(30)
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._pairs.append(Pair(self, client, target))

    def _clients(self) -> Iterator[socket.socket]:
        while True:
            try:
                yield self._listener.accept()[0]
            except OSError:
                return
