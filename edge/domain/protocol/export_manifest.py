"""What an export says of itself: the header that opens the file, and the signed manifest that ends it."""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

from edge.domain.protocol.record import NAME, Origin
from edge.domain.protocol.record_kinds import EPOCH, HASH, is_instant
from edge.domain.strict_json import MAX_INTEGER, dump, is_version, parse_object
from edge.errors import RecordError

PAYLOAD_TYPE = "application/vnd.smartclocker.export+json"
"""The DSSE payload type of a manifest."""
MAX_PAYLOAD = 2_048
MAX_HEADER = 2_048
"""Bytes of the first line, its end not counted; of a sealed export too."""
MAGIC = b'{"smartclocker-export":'
"""How an export begins."""
SEALED_MAGIC = b'{"smartclocker-sealed":'
"""How one begins that is sealed to the ledger."""
SUFFIX = ".scx"


@dataclass(frozen=True, slots=True)
class Header:
    """Whose records follow. It is not signed and proves nothing: it says which key to try."""

    origin: Origin
    epoch: str
    keyid: str
    receipted: int
    """`upto` of the receipt that follows the records; 0 when none does."""


@dataclass(frozen=True, slots=True)
class ExportManifest:
    """What the whole file holds, signed by the terminal: without it the file is truncated."""

    origin: Origin
    epoch: str
    keyid: str
    key: bytes
    """The terminal's raw public key, 32 bytes, so that nothing else is needed to read the file. Trust comes from a
    key that was registered or pinned, never from this one."""
    first: int
    last: int
    """`seq` of the first and the last record."""
    count: int
    """Records in the file: what was saved of a damaged journal may have holes, or two for one `seq`."""
    head: str
    """sha256 (hex) of the payload of record `last`."""
    created: str
    """RFC 3339 UTC by the terminal's clock."""
    sha256: str
    """Hex, over every byte of the file before the manifest's line."""


def file_name(origin: Origin, epoch: str, first: int, last: int) -> str:
    """`<site>-<terminal>-<8 digits of the epoch>-<first>-<last>.scx`."""
    return f"{origin.site}-{origin.terminal}-{epoch[:8]}-{first}-{last}{SUFFIX}"


def encode_header(header: Header) -> bytes:
    """The first line, its end not included."""
    place = {"site": header.origin.site, "terminal": header.origin.terminal, "epoch": header.epoch}
    return dump({"smartclocker-export": 1, **place, "keyid": header.keyid, "receipted": header.receipted})


def decode_header(line: bytes) -> Header:
    """Read the first line. Raises RecordError when it is not the header of an export of version 1."""
    document = parse_object(line, MAX_HEADER)
    origin, epoch, keyid = _whose(document, "smartclocker-export")
    return Header(origin, epoch, keyid, _integer(document, "receipted", 0))


def encode(manifest: ExportManifest) -> bytes:
    """The payload to sign. Raises RecordError for what no reader would accept."""
    payload = dump(
        {
            "v": 1,
            "site": manifest.origin.site,
            "terminal": manifest.origin.terminal,
            "epoch": manifest.epoch,
            "keyid": manifest.keyid,
            "key": base64.b64encode(manifest.key).decode(),
            "first": manifest.first,
            "last": manifest.last,
            "count": manifest.count,
            "head": manifest.head,
            "created": manifest.created,
            "sha256": manifest.sha256,
        }
    )
    decode(payload)
    return payload


def decode(payload: bytes) -> ExportManifest:
    """Read a manifest's payload. Raises RecordError for anything malformed or of another version."""
    document = parse_object(payload, MAX_PAYLOAD)
    origin, epoch, keyid = _whose(document, "v")
    created, key = document.get("created"), document.get("key")
    if not isinstance(created, str) or not is_instant(created):
        raise RecordError("export: created is missing or malformed")
    try:
        raw = base64.b64decode(key, validate=True) if isinstance(key, str) else b""
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 32:
        raise RecordError("export: key is missing or malformed")
    first, last, count = (_integer(document, name, 1) for name in ("first", "last", "count"))
    if first > last:
        raise RecordError("export: first and last contradict each other")
    return ExportManifest(
        origin=origin,
        epoch=epoch,
        keyid=keyid,
        key=raw,
        first=first,
        last=last,
        count=count,
        head=_text(document, "head", HASH),
        created=created,
        sha256=_text(document, "sha256", HASH),
    )


def _whose(document: dict[str, Any], version: str) -> tuple[Origin, str, str]:
    if not is_version(document, 1, version):
        raise RecordError("export: not version 1; update this program")
    origin = Origin(_text(document, "site", NAME), _text(document, "terminal", NAME))
    return origin, _text(document, "epoch", EPOCH), _text(document, "keyid", EPOCH)


def _text(document: dict[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value = document.get(name)
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise RecordError(f"export: {name} is missing or malformed")
    return value


def _integer(document: dict[str, Any], name: str, least: int) -> int:
    value = document.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= MAX_INTEGER:
        raise RecordError(f"export: {name} is missing or malformed")
    return value
