"""A stream of bytes that only the ledger can read, because a stick may be lost with the file on it.

A random key encrypts the stream (`secret_stream`). That key is sealed to the X25519 form of the ledger's Ed25519
key.
"""

import base64
import binascii
from collections.abc import Callable
from typing import BinaryIO

from nacl import bindings
from nacl.exceptions import CryptoError
from nacl.public import SealedBox
from nacl.signing import SigningKey, VerifyKey

from edge.crypto.curve_points import sealing_key
from edge.crypto.dsse import key_id
from edge.crypto.secret_stream import StreamDecryptor, StreamEncryptor
from edge.domain.protocol.export_manifest import MAX_HEADER
from edge.domain.strict_json import dump, is_version, parse_object
from edge.errors import ExportRefused, RecordError


class Sealer(StreamEncryptor):
    """The writer."""

    def __init__(self, write: Callable[[bytes], None], ledger: VerifyKey) -> None:
        """`write` receives the ciphertext; it is called immediately, with the first line."""
        key = bindings.crypto_secretstream_xchacha20poly1305_keygen()
        super().__init__(write, key)
        document = {
            "smartclocker-sealed": 1,
            "to": key_id(ledger),
            "key": base64.b64encode(SealedBox(sealing_key(ledger)).encrypt(key)).decode(),
            "header": base64.b64encode(self.header).decode(),
        }
        self.begin(dump(document))


class Unsealer(StreamDecryptor):
    """The reader: the plaintext of a sealed stream. Reading raises ExportRefused."""

    def __init__(self, stream: BinaryIO, line: bytes, ledger: SigningKey) -> None:
        """`stream` is positioned after `line`, its first line. Raises ExportRefused when another key is needed."""
        to, sealed, start = _parse(line)
        try:
            key = SealedBox(ledger.to_curve25519_private_key()).decrypt(sealed)
            super().__init__(stream, line, start, key, ExportRefused)
        except (CryptoError, ValueError, TypeError) as error:
            ours = key_id(ledger.verify_key)
            raise ExportRefused(
                f"sealed to the ledger key {to}, and ours is {ours}; import it where that ledger is"
                if to != ours
                else "sealed to this ledger, but its first line was altered; export it again from the terminal"
            ) from error


def _parse(line: bytes) -> tuple[str, bytes, bytes]:
    try:
        document = parse_object(line, MAX_HEADER)
        to, key, start = (document.get(name) for name in ("to", "key", "header"))
        if is_version(document, 1, "smartclocker-sealed") and isinstance(to, str):
            return to[:32], base64.b64decode(str(key), validate=True), base64.b64decode(str(start), validate=True)
    except (RecordError, binascii.Error, ValueError):
        pass
    raise ExportRefused("sealed, but its first line is malformed or of a newer version; export it again")
