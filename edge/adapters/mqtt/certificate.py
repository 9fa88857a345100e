"""Reading a PEM certificate: its name, and the time for which it is valid.

The standard library reads only certificates that a peer presented, and a terminal has no other library for them.
Therefore this module reads the few DER elements of RFC 5280 that lead to these fields. It verifies nothing; TLS
does.
"""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edge.errors import KeyFileError
from edge.storage.bounded_read import read_at_most

_SEQUENCE, _SET, _OID, _VERSION = 0x30, 0x31, 0x06, 0xA0
_TIMES = {0x17: "%y%m%d%H%M%SZ", 0x18: "%Y%m%d%H%M%SZ"}
_COMMON_NAME = bytes.fromhex("550403")
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_MAX_FILE = 65_536


@dataclass(frozen=True, slots=True)
class Certificate:
    """The fields of a certificate that the terminal looks at."""

    name: str
    """The common name; empty if there is none."""
    begin: datetime
    end: datetime


def read(path: Path) -> Certificate:
    """The first certificate in a PEM file. Raises KeyFileError."""
    try:
        text = read_at_most(path, _MAX_FILE).decode("ascii", "replace")
        start = text.index(_BEGIN)
        der = ssl.PEM_cert_to_DER_cert(text[start : text.index(_END, start) + len(_END)] + "\n")
        return _parse(der)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read ({error.strerror}); correct its path") from error
    except (ValueError, IndexError) as error:
        raise KeyFileError(
            f"{path}: not a PEM certificate, or a damaged one; copy it from the centre again"
        ) from error


def _parse(der: bytes) -> Certificate:
    fields = _elements(_only(_only(der, _SEQUENCE), _SEQUENCE))
    if fields[0][0] == _VERSION:
        fields = fields[1:]
    _serial, _algorithm, _issuer, (_, validity), (_, subject) = fields[:5]
    begin, end = (_instant(*one) for one in _elements(validity)[:2])
    return Certificate(_common_name(subject), begin, end)


def _common_name(subject: bytes) -> str:
    for _, relative in _elements(subject):
        for _, pair in _elements(relative):
            (kind, oid), (_, value) = _elements(pair)[:2]
            if kind == _OID and oid == _COMMON_NAME:
                return value.decode("utf-8", "replace")
    return ""


def _instant(kind: int, text: bytes) -> datetime:
    if kind not in _TIMES:
        raise ValueError("no time")
    return datetime.strptime(text.decode("ascii"), _TIMES[kind]).replace(tzinfo=UTC)


def _only(der: bytes, kind: int) -> bytes:
    """The content of the first element. Raises ValueError if it is of another kind."""
    found = _elements(der)
    if found[0][0] != kind:
        raise ValueError("another element")
    return found[0][1]


def _elements(der: bytes) -> list[tuple[int, bytes]]:
    """Tag and content of each element. A length may have up to four bytes."""
    found, at = [], 0
    while at < len(der):
        kind, length, at = der[at], der[at + 1], at + 2
        if length & 0x80:
            width = length & 0x7F
            if not 1 <= width <= 4:
                raise ValueError("no length")
            length, at = int.from_bytes(der[at : at + width]), at + width
        if at + length > len(der):
            raise ValueError("cut off")
        found.append((kind, der[at : at + length]))
        at += length
    return found
