"""The TLS socket that paho reads: before a packet that no honest broker sends, it reports the end of the stream.

paho collects a packet of up to 256 MB in memory, keeps every message at QoS 2 until the broker releases it, and
queues an answer to each PINGREQ, PUBREC, PUBREL and further CONNACK. A hostile broker could fill the terminal's
memory with any of them. Therefore this class reads the head of each packet (its kind and its length) in the bytes
on their way to paho. It also reads nothing while the receiver of the messages has no room.
"""

import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

MAX_PACKET = 1 << 16
"""Greatest number of bytes after a packet's head; CONNECT tells it as Maximum Packet Size. Our broker takes
36,864.
"""
_CONNACK, _PUBLISH, _PUBACK, _SUBACK, _UNSUBACK = 0x20, 0x30, 0x40, 0x90, 0xB0
_PINGRESP, _DISCONNECT, _AUTH = 0xD0, 0xE0, 0xF0
_TLS_RECORD = 1 << 14
"""Greatest number of bytes in one TLS record."""
_QOS_2 = 0x04
"""The bit in the first byte of a PUBLISH that is set for QoS 2, and for 3, which does not exist."""
_FIRST = frozenset({_CONNACK, _DISCONNECT, _AUTH})
_LATER = frozenset({_PUBLISH, _PUBACK, _SUBACK, _UNSUBACK, _PINGRESP, _DISCONNECT})


class GuardedSocket(ssl.SSLSocket):
    """The class of `ssl.SSLContext.sslsocket_class`; `ssl` never calls `__init__`. Non-blocking, for one thread."""

    may_read: Callable[[], bool] | None = None
    """Whether more may be read now."""
    empty = False
    """Whether the last attempt found nothing to read, or nothing may be read now."""
    fault = ""
    """What is wrong with a refused packet, in words; for paho, the stream ends before that packet."""
    _ahead = b""
    """Received bytes. paho has those before `_at`, because it asks for a packet's head byte by byte."""
    _at = 0
    _allowed = _FIRST
    _shift: int | None = None
    """Number of bits of the length that are known; None outside of a packet's head."""
    _length = 0
    _left = 0
    """Number of bytes of the present packet that are still to come."""

    def do_handshake(self, block: bool = False) -> None:
        """Make the handshake; if it fails, close the socket, because paho does not. Raises OSError."""
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise

    def send(self, data: "ReadableBuffer", flags: int = 0) -> int:
        """Send as `ssl` does, but leave a broken connection to `recv`, where a TLS alert may give the reason."""
        try:
            return super().send(data, flags)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            raise
        except OSError:
            return memoryview(data).nbytes

    def pending(self) -> int:
        """Number of bytes that `recv` can return without waiting for the network."""
        return len(self._ahead) - self._at + super().pending()

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Receive as `ssl` does. Raises SSLWantReadError also while nothing may be read."""
        if self._at == len(self._ahead):
            self._ahead, self._at = self._receive(flags), 0
        data = self._ahead[self._at : self._at + buflen]
        self._at += len(data)
        return data

    def _receive(self, flags: int) -> bytes:
        """The next bytes, at most a TLS record, up to the first packet that is refused."""
        self.empty = True
        if self.fault:
            return b""
        if self.may_read is not None and not self.may_read():
            raise ssl.SSLWantReadError
        data = super().recv(_TLS_RECORD, flags)
        self.empty = False
        return data[: self._follow(data)]

    def _follow(self, data: bytes) -> int:
        """Number of these bytes that paho may have: all of them, or `fault` is set."""
        at = 0
        while at < len(data):
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                at += step
                continue
            if self._shift is None:
                self.fault = self._refused(data[at])
                self._allowed, self._shift, self._length = _LATER, 0, 0
            else:
                self._length |= (data[at] & 127) << self._shift
                self._shift += 7
                if self._length > MAX_PACKET or self._shift > 28:
                    self.fault = f"the broker sent a packet of over {MAX_PACKET} bytes; lower its max_packet_size"
                elif data[at] < 128:
                    self._left, self._shift = self._length, None
            if self.fault:
                return at
            at += 1
        return at

    def _refused(self, first: int) -> str:
        """Why a packet that begins with this byte is refused; empty when it is not."""
        kind = first & 0xF0
        if kind in self._allowed and not (kind == _PUBLISH and first & _QOS_2):
            return ""
        what = "before it accepted us" if self._allowed is _FIRST else "that nobody asked for"
        return f"the broker sent a packet {what} ({first:#04x}); check that it is an MQTT v5 broker"
