"""What the ledger may ask of a terminal: to send a range of its records again (docs/adr/0004-resend-commands.md).

A command is signed, names one terminal, ends by itself, and is taken once. What became of it is a record.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from edge.domain.protocol import lifetime
from edge.domain.protocol.record import NAME, Origin
from edge.domain.protocol.record_kinds import EPOCH
from edge.domain.strict_json import dump, is_version, parse_object
from edge.errors import RecordError

PAYLOAD_TYPE = "application/vnd.smartclocker.command+json"
"""The DSSE payload type of a command."""
MAX_PAYLOAD = 2_048
MAX_RANGE = 10_000
"""Records that one command may ask for."""
MAX_LIFETIME = timedelta(days=7)
"""From `issued` to `expires`: as long as the broker keeps a session, and shorter than a terminal remembers ids."""
RESEND = "resend"
"""The command's word."""
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Resend:
    """Send the records `first` to `last` of `epoch` again, both included, as far as they are still kept."""

    id: str
    """32 hex digits, random: a terminal takes each once."""
    origin: Origin
    """The one terminal that it is for."""
    issued: str
    expires: str
    """Both RFC 3339 UTC with milliseconds and Z, by the ledger's clock."""
    epoch: str
    first: int
    last: int


def encode(command: Resend) -> bytes:
    """The payload to sign. Raises RecordError for what no terminal would take."""
    document = {
        "v": 1,
        "id": command.id,
        "site": command.origin.site,
        "terminal": command.origin.terminal,
        "issued": command.issued,
        "expires": command.expires,
        "command": RESEND,
        "epoch": command.epoch,
        "first": command.first,
        "last": command.last,
    }
    payload = dump(document)
    decode(payload)
    return payload


def decode(payload: bytes) -> Resend:
    """Read a command's payload. Raises RecordError for anything malformed, of another version or another word."""
    document = parse_object(payload, MAX_PAYLOAD)
    if not is_version(document):
        raise RecordError("command: not version 1")
    if document.get("command") != RESEND:
        raise RecordError("command: of a word that this version does not know; upgrade the terminal first")
    for name, pattern in (("id", _ID), ("site", NAME), ("terminal", NAME), ("epoch", EPOCH)):
        value = document.get(name)
        if not isinstance(value, str) or pattern.fullmatch(value) is None:
            raise RecordError(f"command: {name} is missing or malformed")
    first, last = _range(document)
    issued, expires = lifetime.read(document, "command", MAX_LIFETIME)
    origin = Origin(document["site"], document["terminal"])
    return Resend(document["id"], origin, issued, expires, document["epoch"], first, last)


def expired(command: Resend, utc: str) -> bool:
    """Whether it has ended at `utc` (RFC 3339 UTC with milliseconds and Z)."""
    return utc >= command.expires  # one form, so that text compares as time does


def _range(document: dict[str, Any]) -> tuple[int, int]:
    first, last = document.get("first"), document.get("last")
    for name, value in (("first", first), ("last", last)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise RecordError(f"command: {name} is missing or malformed")
    if not isinstance(first, int) or not isinstance(last, int) or last < first:
        raise RecordError("command: last comes before first")
    if last - first >= MAX_RANGE:
        raise RecordError(f"command: asks for {last - first + 1} records; ask for {MAX_RANGE} at most, in parts")
    return first, last
