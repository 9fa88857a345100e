"""A stream of bytes under a secret key. Long content is encrypted and authenticated in parts, so that memory does
not grow.

libsodium's secretstream (XChaCha20-Poly1305), one message for each 64 KiB. The cipher numbers the messages, so that
none can be left out, repeated or exchanged. The last message has a tag: a stream that ends without it was cut off.
Each message is bound to the first line, so that parts of two files cannot be combined.
"""

import io
from collections.abc import Callable
from typing import BinaryIO

from nacl import bindings
from nacl.exceptions import CryptoError

from edge.errors import SmartClockerError

CHUNK = 65_536
"""Bytes of the plaintext in one message; the last message may have fewer."""
_EXTRA = bindings.crypto_secretstream_xchacha20poly1305_ABYTES
_MESSAGE, _FINAL = (
    bindings.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE,
    bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL,
)


class StreamEncryptor:
    """The writer. `begin` writes the first line; `write` and `finish` follow."""

    def __init__(self, write: Callable[[bytes], None], key: bytes) -> None:
        """`write` receives the ciphertext; `key` has 32 bytes."""
        self._write = write
        self._state = bindings.crypto_secretstream_xchacha20poly1305_state()
        self.header = bindings.crypto_secretstream_xchacha20poly1305_init_push(self._state, key)
        """The random start of this stream, which the first line must name for the reader."""
        self._line = b""
        self._waiting = bytearray()

    def begin(self, line: bytes) -> None:
        """Write the first line, in plain text."""
        self._line = line
        self._write(line + b"\n")

    def write(self, data: bytes) -> None:
        """Append plaintext."""
        self._waiting += data
        while len(self._waiting) > CHUNK:
            self._push(bytes(self._waiting[:CHUNK]), _MESSAGE)
            del self._waiting[:CHUNK]

    def finish(self) -> None:
        """Write the last message, without which the file counts as cut off."""
        self._push(bytes(self._waiting), _FINAL)

    def _push(self, data: bytes, tag: int) -> None:
        self._write(bindings.crypto_secretstream_xchacha20poly1305_push(self._state, data, self._line, tag))


class StreamDecryptor(io.RawIOBase):
    """The reader. Every byte that it gives was written by the encryptor, in this order.

    Reading raises `error` where the stream is altered or ends early; the bytes before that are genuine.
    """

    def __init__(
        self,
        stream: BinaryIO,
        line: bytes,
        header: bytes,
        key: bytes,
        error: Callable[[str], SmartClockerError],
    ) -> None:
        """`stream` is positioned after `line`, its first line. Raises CryptoError, ValueError or TypeError if
        `header` or `key` has a wrong form.
        """
        super().__init__()
        self._stream, self._line, self._error = stream, line, error
        self._state = bindings.crypto_secretstream_xchacha20poly1305_state()
        self._waiting = b""
        self._ended = False
        bindings.crypto_secretstream_xchacha20poly1305_init_pull(self._state, header, key)

    def readable(self) -> bool:
        """True: the stream can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed has any buffer here
        """Read up to len(buffer) bytes and return their number; 0 at the genuine end."""
        while not self._waiting and not self._ended:
            self._pull()
        size = min(len(buffer), len(self._waiting))
        buffer[:size] = self._waiting[:size]
        self._waiting = self._waiting[size:]
        return size

    def _pull(self) -> None:
        message = self._stream.read(CHUNK + _EXTRA)
        if not message:
            raise self._error("cut off: the end of the sealed file is missing")
        try:
            data, tag = bindings.crypto_secretstream_xchacha20poly1305_pull(self._state, message, self._line)
        except (CryptoError, ValueError) as error:
            short = len(message) < CHUNK + _EXTRA
            raise self._error(
                "cut off in the middle, or altered" if short else "altered: a part of it does not decrypt"
            ) from error
        self._waiting, self._ended = data, tag == _FINAL
        if self._ended and self._stream.read(1):
            raise self._error("altered: something follows the end of the sealed file")
