"""A TLS socket that reads ahead, and gathers what is written while it is corked.

paho reads a packet's head byte by byte and writes each packet by itself: under load that is a call into OpenSSL for
every few bytes, a TLS record and a system call for each packet. Non-blocking, and for one thread.
"""

import contextlib
import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_AHEAD = 65_536
"""More than a TLS record holds: what OpenSSL has decrypted is always taken whole."""
_MOST = 262_144
"""Bytes for one call of OpenSSL; one that could not write must be repeated with at least the same bytes."""


class MqttSocket(ssl.SSLSocket):
    """What `ssl.SSLContext.sslsocket_class` makes; `ssl` never calls `__init__`."""

    dry: bool
    """Whether the last read found nothing more."""
    _inbox: bytes
    _at: int
    _outbox: bytearray
    _corked: bool

    def __new__(cls, *words: Any, **names: Any) -> Self:
        """As `ssl` asks for it."""
        made = super().__new__(cls, *words, **names)
        made.dry, made._inbox, made._at, made._outbox, made._corked = True, b"", 0, bytearray(), False
        return made

    def do_handshake(self, block: bool = False) -> None:
        """Closes itself when the handshake fails: paho drops it unclosed. Raises OSError."""
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """At most `buflen` bytes; none at the end. Raises SSLWantReadError when none is here now, or OSError."""
        if self._at >= len(self._inbox):
            self.dry = True
            self._inbox, self._at = super().recv(_AHEAD, flags), 0
            self.dry = False
        part = self._inbox[self._at : self._at + buflen]
        self._at += len(part)
        return part

    def pending(self) -> int:
        """Bytes that can be read now and never make the socket readable."""
        return len(self._inbox) - self._at

    def send(self, data: "ReadableBuffer", flags: int = 0) -> int:
        """Write, or keep for later what comes while corked or behind something that waits. Raises OSError."""
        if not self._corked and not self._outbox:
            return super().send(data, flags)
        view = memoryview(data)
        self._outbox += view
        if not self._corked:
            self.flush()
        return view.nbytes

    @property
    def unsent(self) -> bool:
        """Whether something waits until the socket is writable."""
        return bool(self._outbox)

    def flush(self) -> None:
        """Write what waits, as far as the socket takes it. A broken connection is left for the reader to find."""
        try:
            while self._outbox:
                del self._outbox[: super().send(bytes(self._outbox[:_MOST]))]
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            pass
        except OSError:
            self._outbox.clear()

    @contextlib.contextmanager
    def corked(self) -> Iterator[None]:
        """Whatever is written inside leaves together at the end."""
        self._corked = True
        try:
            yield
        finally:
            self._corked = False
            self.flush()
