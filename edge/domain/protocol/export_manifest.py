"""What an export says of itself: the header that opens the file, and the signed manifest that ends it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta

from edge.domain.protocol.document import Document, unpacked
from edge.domain.protocol.fields import Count, Epoch, Hash, Instant, KeyId, Whole
from edge.domain.protocol.record import Origin
from edge.errors import RecordError

MAX_HEADER = 2_048
"""Bytes of the first line, its end not counted; of a sealed export too."""
MAGIC = b'{"smartclocker-export":'
"""How an export begins."""
SEALED_MAGIC = b'{"smartclocker-sealed":'
"""How one begins that is sealed to the ledger."""
SUFFIX = ".scx"


class _Export(Document):
    __slots__ = ()
    NOUN = "export"
    OUTDATED = "not version 1; update this program"


@dataclass(frozen=True, slots=True)
class Header(_Export):
    """Whose records follow. It is not signed and proves nothing: it says which key to try."""

    MAX_PAYLOAD = MAX_HEADER
    VERSION = "smartclocker-export"

    origin: Origin
    epoch: Epoch
    keyid: KeyId
    receipted: Whole
    """`upto` of the receipt that follows the records; 0 when none does."""


@dataclass(frozen=True, slots=True)
class ExportManifest(_Export):
    """What the whole file holds, signed by the terminal: without it the file is truncated."""

    PAYLOAD_TYPE = "application/vnd.smartclocker.export+json"
    MAX_PAYLOAD = 2_048

    origin: Origin
    epoch: Epoch
    keyid: KeyId
    key: Annotated[bytes, Meta(min_length=32, max_length=32)]
    """The terminal's raw public key, 32 bytes, so that nothing else is needed to read the file. Trust comes from a
    key that was registered or pinned, never from this one."""
    first: Count
    last: Count
    """`seq` of the first and the last record."""
    count: Count
    """Records in the file: what was saved of a damaged journal may have holes, or two for one `seq`."""
    head: Hash
    """sha256 (hex) of the payload of record `last`."""
    created: Instant
    """RFC 3339 UTC by the terminal's clock."""
    sha256: Hash
    """Hex, over every byte of the file before the manifest's line."""

    @classmethod
    def _prepared(cls, said: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**said, "key": unpacked(said, "key")}

    def _judge(self) -> None:
        if self.first > self.last:
            raise RecordError("export: first and last contradict each other")


def file_name(origin: Origin, epoch: str, first: int, last: int) -> str:
    """`<site>-<terminal>-<8 digits of the epoch>-<first>-<last>.scx`."""
    return f"{origin.site}-{origin.terminal}-{epoch[:8]}-{first}-{last}{SUFFIX}"
