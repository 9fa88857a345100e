"""The ledger's signed answer: everything of this epoch up to here is stored. Only it releases retention.

With `upto` 0 it says that the ledger holds nothing that follows the beginning of this epoch, and releases nothing.
"""

import re
from dataclasses import dataclass

from edge.domain.protocol.record import GENESIS, NAME, Origin
from edge.domain.protocol.record_kinds import EPOCH
from edge.domain.strict_json import dump, is_version, parse_object
from edge.errors import RecordError

RECEIPT_TYPE = "application/vnd.smartclocker.receipt+json"
"""The DSSE payload type of a receipt."""
MAX_PAYLOAD = 2_048
_HASH = re.compile(r"[0-9a-f]{64}")
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|\+00:00)")


@dataclass(frozen=True, slots=True)
class Receipt:
    """Cumulative: it covers every record of `epoch` with seq ≤ `upto`."""

    origin: Origin
    epoch: str
    upto: int
    """0: none."""
    head: str
    """sha256 (hex) of the payload of record `upto`, GENESIS at 0; not the same as the terminal's: a fork."""
    issued: str
    """RFC 3339 UTC by the ledger's clock: information, never trusted for order."""


def encode_receipt(receipt: Receipt) -> bytes:
    """The payload to sign. Raises RecordError for what no reader would accept."""
    document = {
        "v": 1,
        "site": receipt.origin.site,
        "terminal": receipt.origin.terminal,
        "epoch": receipt.epoch,
        "upto": receipt.upto,
        "head": receipt.head,
        "issued": receipt.issued,
    }
    payload = dump(document)
    decode_receipt(payload)
    return payload


def decode_receipt(payload: bytes) -> Receipt:
    """Read a receipt's payload. Raises RecordError for anything malformed or of another version."""
    document = parse_object(payload, MAX_PAYLOAD)
    if not is_version(document):
        raise RecordError("receipt: not version 1")
    for name, pattern in (("site", NAME), ("terminal", NAME), ("epoch", EPOCH), ("head", _HASH)):
        value = document.get(name)
        if not isinstance(value, str) or pattern.fullmatch(value) is None:
            raise RecordError(f"receipt: {name} is missing or malformed")
    upto, issued = document.get("upto"), document.get("issued")
    if not isinstance(upto, int) or isinstance(upto, bool) or upto < 0:
        raise RecordError("receipt: upto is missing or malformed")
    if upto == 0 and document["head"] != GENESIS:
        raise RecordError("receipt: of nothing, with the head of something")
    if not isinstance(issued, str) or _INSTANT.fullmatch(issued) is None:
        raise RecordError("receipt: issued is missing or malformed")
    return Receipt(
        Origin(document["site"], document["terminal"]), document["epoch"], upto, document["head"], issued
    )
