"""A stream of bytes that only the ledger can read, because a stick may be lost with the file on it.

A random key encrypts the stream (libsodium's secretstream, XChaCha20-Poly1305, one message for each 64 KiB). That
key is sealed to the X25519 form of the ledger's Ed25519 key. The last message has a tag: a stream that ends without
it was cut off. Each message is bound to the first line, so that parts of two files cannot be combined.
"""

import base64
import binascii
import io
from collections.abc import Callable
from typing import BinaryIO

from nacl import bindings
from nacl.exceptions import CryptoError
from nacl.public import SealedBox
from nacl.signing import SigningKey, VerifyKey

from edge.crypto.curve_points import sealing_key
from edge.crypto.dsse import key_id
from edge.domain.protocol.export_manifest import MAX_HEADER
from edge.domain.strict_json import dump, is_version, parse_object
from edge.errors import ExportRefused, RecordError

CHUNK = 65_536
"""Bytes of the plaintext in one message; the last message may have fewer."""
_EXTRA = bindings.crypto_secretstream_xchacha20poly1305_ABYTES
_MESSAGE, _FINAL = (
    bindings.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE,
    bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL,
)


class Sealer:
    """The writer: it encrypts 64 KiB at a time, so that memory does not grow."""

    def __init__(self, write: Callable[[bytes], None], ledger: VerifyKey) -> None:
        """`write` receives the ciphertext; it is called immediately, with the first line."""
        self._write = write
        self._state = bindings.crypto_secretstream_xchacha20poly1305_state()
        key = bindings.crypto_secretstream_xchacha20poly1305_keygen()
        start = bindings.crypto_secretstream_xchacha20poly1305_init_push(self._state, key)
        document = {
            "smartclocker-sealed": 1,
            "to": key_id(ledger),
            "key": base64.b64encode(SealedBox(sealing_key(ledger)).encrypt(key)).decode(),
            "header": base64.b64encode(start).decode(),
        }
        self._line = dump(document)
        self._waiting = bytearray()
        write(self._line + b"\n")

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


class Unsealer(io.RawIOBase):
    """The reader: the plaintext of a sealed stream. Every byte that it gives was written by the sealer, in this
    order.

    Reading raises ExportRefused where the stream is altered or ends early; the bytes before that are genuine.
    """

    def __init__(self, stream: BinaryIO, line: bytes, ledger: SigningKey) -> None:
        """`stream` is positioned after `line`, its first line. Raises ExportRefused when another key is needed."""
        super().__init__()
        self._stream, self._line = stream, line
        self._state = bindings.crypto_secretstream_xchacha20poly1305_state()
        self._waiting = b""
        self._ended = False
        to, sealed, start = _parse(line)
        try:
            key = SealedBox(ledger.to_curve25519_private_key()).decrypt(sealed)
            bindings.crypto_secretstream_xchacha20poly1305_init_pull(self._state, start, key)
        except (CryptoError, ValueError, TypeError) as error:
            ours = key_id(ledger.verify_key)
            raise ExportRefused(
                f"sealed to the ledger key {to}, and ours is {ours}; import it where that ledger is"
                if to != ours
                else "sealed to this ledger, but its first line was altered; export it again from the terminal"
            ) from error

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
            raise ExportRefused("cut off: the end of the sealed file is missing")
        try:
            data, tag = bindings.crypto_secretstream_xchacha20poly1305_pull(self._state, message, self._line)
        except (CryptoError, ValueError) as error:
            short = len(message) < CHUNK + _EXTRA
            raise ExportRefused(
                "cut off in the middle, or altered" if short else "altered: a part of it does not decrypt"
            ) from error
        self._waiting, self._ended = data, tag == _FINAL
        if self._ended and self._stream.read(1):
            raise ExportRefused("altered: something follows the end of the sealed file")


def _parse(line: bytes) -> tuple[str, bytes, bytes]:
    try:
        document = parse_object(line, MAX_HEADER)
        to, key, start = (document.get(name) for name in ("to", "key", "header"))
        if is_version(document, 1, "smartclocker-sealed") and isinstance(to, str):
            return to[:32], base64.b64decode(str(key), validate=True), base64.b64decode(str(start), validate=True)
    except (RecordError, binascii.Error, ValueError):
        pass
    raise ExportRefused("sealed, but its first line is malformed or of a newer version; export it again")
