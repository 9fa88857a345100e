"""The header at the beginning of an export and the signed manifest at its end."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta

from edge.domain.protocol.document import Document, unpacked
from edge.domain.protocol.fields import Count, Epoch, Hash, Instant, KeyId, Whole
from edge.domain.protocol.record import Origin
from edge.errors import RecordError

MAX_HEADER = 2_048
"""Bytes of the first line without its line end, also in a sealed export."""
MAGIC = b'{"smartclocker-export":'
"""The first bytes of an export."""
SEALED_MAGIC = b'{"smartclocker-sealed":'
"""The first bytes of an export that is sealed to the ledger."""
SUFFIX = ".scx"


class _Export(Document):
    __slots__ = ()
    NOUN = "export"
    OUTDATED = "not version 1; update this program"


@dataclass(frozen=True, slots=True)
class Header(_Export):
    """The origin of the records that follow. It is not signed and proves nothing; it tells which key to try."""

    MAX_PAYLOAD = MAX_HEADER
    VERSION = "smartclocker-export"

    origin: Origin
    epoch: Epoch
    keyid: KeyId
    receipted: Whole
    """`upto` of the receipt that follows the records; 0 when there is none."""


@dataclass(frozen=True, slots=True)
class ExportManifest(_Export):
    """The summary of the whole file, signed by the terminal. A file without it is truncated."""

    PAYLOAD_TYPE = "application/vnd.smartclocker.export+json"
    MAX_PAYLOAD = 2_048

    origin: Origin
    epoch: Epoch
    keyid: KeyId
    key: Annotated[bytes, Meta(min_length=32, max_length=32)]
    """The terminal's raw public key, 32 bytes, so that the file can be read without anything else. Trust comes from
    a key that was registered or pinned, never from this one.
    """
    first: Count
    last: Count
    """`seq` of the first and the last record."""
    count: Count
    """Number of records in the file. A recovered journal may lack some, or have two with the same `seq`."""
    head: Hash
    """sha256 (hex) of the payload of record `last`."""
    created: Instant
    """RFC 3339 UTC by the terminal's clock."""
    sha256: Hash
    """sha256 (hex) over every byte of the file before the manifest's line."""

    @classmethod
    def _prepared(cls, said: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**said, "key": unpacked(said, "key")}

    def _judge(self) -> None:
        if self.first > self.last:
            raise RecordError("export: first and last contradict each other")


def file_name(origin: Origin, epoch: str, first: int, last: int) -> str:
    """The name of the file: `<site>-<terminal>-<8 digits of the epoch>-<first>-<last>.scx`."""
    return f"{origin.site}-{origin.terminal}-{epoch[:8]}-{first}-{last}{SUFFIX}"
