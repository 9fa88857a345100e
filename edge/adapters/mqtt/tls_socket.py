"""A TLS socket whose input is read ahead and handed on by whoever cuts it into packets, and whose output gathers.

paho reads a packet's head byte by byte and writes each packet by itself: a call into OpenSSL for every few bytes, a
TLS record and a system call for each packet. Non-blocking, and for one thread.
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

    over: bool
    """Whether the other side has ended the connection, or it broke."""
    _inbox: bytearray
    _broken: OSError | None
    _outbox: bytearray
    _corked: bool

    def __new__(cls, *words: Any, **names: Any) -> Self:
        """As `ssl` asks for it."""
        made = super().__new__(cls, *words, **names)
        made.over, made._broken, made._corked = False, None, False
        made._inbox, made._outbox = bytearray(), bytearray()
        return made

    def do_handshake(self, block: bool = False) -> None:
        """Closes itself when the handshake fails: paho drops it unclosed. Raises OSError."""
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise

    def read_ahead(self) -> bytes:
        """What has arrived, at most a TLS record; none while there is nothing, and once it is over."""
        try:
            data = super().recv(_AHEAD)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            return b""
        except OSError as error:
            self.over, self._broken = True, error
            return b""
        self.over = not data
        return data

    def hand_on(self, packet: bytes) -> None:
        """Let `recv` return this."""
        self._inbox += packet

    @property
    def handed_on(self) -> bool:
        """Whether `recv` has something to return, or the end to tell."""
        return bool(self._inbox) or self.over

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:  # noqa: ARG002 - as ssl has it
        """What was handed on; nothing at the end. Raises SSLWantReadError when there is none now, or OSError."""
        if not self._inbox:
            if self._broken is not None:
                raise self._broken
            if not self.over:
                raise ssl.SSLWantReadError
        part = bytes(self._inbox[:buflen])
        del self._inbox[:buflen]
        return part

    def send(self, data: "ReadableBuffer", flags: int = 0) -> int:  # noqa: ARG002 - as ssl has it
        """Takes all of it, and writes what the socket takes now; what is left leaves with `flush`."""
        view = memoryview(data)
        self._outbox += view
        if not self._corked:
            self.flush()
        return view.nbytes

    @property
    def unsent(self) -> int:
        """Bytes that wait until the socket is writable."""
        return len(self._outbox)

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
