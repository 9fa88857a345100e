"""The centre's audit log: who did what with people's data, and why, in signed, chained entries that never
change.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from edge.domain.protocol.document import Document
from edge.domain.protocol.fields import Count, Hash, Instant, Person, Word, whole

FIRST = "0" * 64
"""`prev` of the first entry."""
_LINES = ("prev", "by", "act", "why")
_ACT = re.compile(r"[a-z][a-z-]{0,39}")


class Act(StrEnum):
    """The acts that this version writes. Readers accept other names too."""

    AUTHORITY_MADE = "authority-made"
    AUTHORITY_ROTATED = "authority-rotated"
    ORDER = "order"
    ORDER_CANCELLED = "order-cancelled"
    """An order is not sent again. A terminal that has it already may still obey it."""
    RIGHT_OPENED = "right-opened"
    RIGHT_REFUSED = "right-refused"
    RIGHT_CLOSED = "right-closed"
    ROSTER_ADDED = "roster-added"
    ROSTER_REMOVED = "roster-removed"
    ROSTER_WITHDRAWN = "roster-withdrawn"
    """A person's face was removed; badge and PIN stayed."""
    ROSTER_CHANGED = "roster-changed"
    """A name, restriction or objection was changed, as an order says."""
    ROSTER_PUBLISHED = "roster-published"
    """A new version of a site's roster was signed."""
    ROSTER_RESTORED = "roster-restored"
    """The broker's roster was newer than the centre's, which came from a backup: the broker's was taken over."""
    ROSTER_KEY = "roster-key"
    """A site got a new site key."""
    EVIDENCE_OPENED = "evidence-opened"
    """Images that a terminal released were opened with the private key."""
    CLAIM_OPENED = "claim-opened"
    """A token was made, by which one terminal may become the one that it names."""
    IDENTITY_REGISTERED = "identity-registered"
    IDENTITY_REVOKED = "identity-revoked"
    """A terminal's identity was revoked with the certificates of its name, or the day from which it is not believed
    was set.
    """
    CERTIFICATE_ISSUED = "certificate-issued"
    CERTIFICATES_REVOKED = "certificates-revoked"
    GAP_ACKNOWLEDGED = "gap-acknowledged"
    """Somebody looked into the beginning of an epoch."""
    GAP_TAKEN_BACK = "gap-taken-back"
    """An earlier `gap-acknowledged` was taken back."""
    BACKUP = "backup"
    """A backup of the whole centre was begun. It is entered before, so that each backup names itself."""
    CENTRE_RESTORED = "centre-restored"
    """The centre's directory was made from a backup; what the log had after that backup is lost."""
    DISCLOSURE = "disclosure"
    """Data were disclosed to somebody because the law requires it."""
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class AuditEntry(Document):
    """One entry: one act of one person."""

    NOUN = "audit entry"
    PAYLOAD_TYPE = "application/vnd.smartclocker.audit+json"
    MAX_PAYLOAD = 32_768
    FAULTS: ClassVar[Mapping[str, str]] = {
        **{name: f"audit entry: {name} is missing, or not one line of 1 to 200 characters" for name in _LINES},
        **dict.fromkeys(("at", "data"), "audit entry: at or data is missing or malformed"),
        "person": "audit entry: person is not an opaque id; never write a name there",
    }

    n: Count
    """Number of the entry, from 1, without gaps."""
    prev: Hash
    """sha256 (hex) of the payload of the entry before; FIRST for the first."""
    at: Instant
    """RFC 3339 UTC with milliseconds and Z."""
    by: Word
    """The name or staff number of the person who acted."""
    act: Annotated[str, whole(_ACT)]
    """An `Act`, or a name that a newer version knows."""
    why: Word
    person: Person | None
    """The opaque id of the person whose data it is about; never a name."""
    data: Mapping[str, Any]

    @classmethod
    def _prepared(cls, said: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"person": None, **said}


def digest(payload: bytes) -> str:
    """The value of `prev` for the next entry."""
    return hashlib.sha256(payload).hexdigest()
