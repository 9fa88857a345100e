"""One evidence image, sealed to the employer's key: its header and JPEG are inside, and only the private key
opens it.
"""

import json
from dataclasses import dataclass

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox

from edge.errors import ExportRefused

MAGIC = b"SCE1"
MAX_IMAGE = 200_000
"""Bytes of the JPEG: about ten times what one face takes."""
_LENGTH = 2
"""Bytes of the header's length, big-endian."""


@dataclass(frozen=True, slots=True)
class OpenedImage:
    """The content of a sealed image."""

    record: str
    """The id of the punch."""
    person: str
    utc: str
    """The moment by the clock of the terminal; RFC 3339."""
    jpeg: bytes


def seal(record: str, person: str, utc: str, jpeg: bytes, key: PublicKey) -> bytes:
    """A libsodium sealed box for `key` (X25519): MAGIC, the header's length, the header as JSON, the JPEG."""
    header = json.dumps({"record": record, "person": person, "utc": utc}, separators=(",", ":")).encode()
    return SealedBox(key).encrypt(MAGIC + len(header).to_bytes(_LENGTH, "big") + header + jpeg)


def open_sealed(sealed: bytes, key: PrivateKey) -> OpenedImage:
    """Open a sealed image. Raises ExportRefused when it was sealed to another key, was altered, or is something
    else.
    """
    try:
        plain = SealedBox(key).decrypt(sealed)
    except (CryptoError, ValueError) as error:
        raise ExportRefused(
            "an image is sealed to another key, or altered; give its terminal's evidence key, or fetch it again"
        ) from error
    begin = len(MAGIC) + _LENGTH
    end = begin + int.from_bytes(plain[len(MAGIC) : begin], "big")
    try:
        header = json.loads(plain[begin:end])
        found = OpenedImage(str(header["record"]), str(header["person"]), str(header["utc"]), plain[end:])
    except (ValueError, KeyError, TypeError) as error:
        raise ExportRefused("what was sealed is no image of a punch; ask where it came from") from error
    if not plain.startswith(MAGIC):
        raise ExportRefused("what was sealed is no image of a punch; ask where it came from")
    return found
