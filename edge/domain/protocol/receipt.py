"""The ledger's signed answer: everything of this epoch up to here is stored. Only it releases retention.

With `upto` 0 it says that the ledger holds nothing that follows the beginning of this epoch, and releases nothing.
"""

import re
from dataclasses import dataclass
from typing import Annotated

from edge.domain.protocol.document import Document
from edge.domain.protocol.fields import Epoch, Hash, Whole, whole
from edge.domain.protocol.record import GENESIS, Origin
from edge.errors import RecordError

_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|\+00:00)")


@dataclass(frozen=True, slots=True)
class Receipt(Document):
    """Cumulative: it covers every record of `epoch` with seq ≤ `upto`."""

    NOUN = "receipt"
    PAYLOAD_TYPE = "application/vnd.smartclocker.receipt+json"
    MAX_PAYLOAD = 2_048

    origin: Origin
    epoch: Epoch
    upto: Whole
    """0: none."""
    head: Hash
    """sha256 (hex) of the payload of record `upto`, GENESIS at 0; not the same as the terminal's: a fork."""
    issued: Annotated[str, whole(_INSTANT)]
    """RFC 3339 UTC by the ledger's clock: information, never trusted for order."""

    def _judge(self) -> None:
        if self.upto == 0 and self.head != GENESIS:
            raise RecordError("receipt: of nothing, with the head of something")
