"""The ledger's signed receipt: all records of an epoch up to one of them are stored. Only a receipt allows
eviction.

With `upto` 0 it means that the ledger holds no record that follows the beginning of this epoch; it allows nothing.
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
    """A receipt is cumulative: it covers every record of `epoch` with seq ≤ `upto`."""

    NOUN = "receipt"
    PAYLOAD_TYPE = "application/vnd.smartclocker.receipt+json"
    MAX_PAYLOAD = 2_048

    origin: Origin
    epoch: Epoch
    upto: Whole
    """The last record that it covers; 0 for none."""
    head: Hash
    """sha256 (hex) of the payload of record `upto`; GENESIS when that is 0. If it differs from the terminal's,
    there is a fork.
    """
    issued: Annotated[str, whole(_INSTANT)]
    """RFC 3339 UTC by the ledger's clock. It is information only, and never decides an order of events."""

    def _judge(self) -> None:
        if self.upto == 0 and self.head != GENESIS:
            raise RecordError("receipt: upto is 0, but head is not that of an empty chain")
