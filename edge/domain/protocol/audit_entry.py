"""The centre's log of who did what with people's data, and why: signed, chained entries that never change."""

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
    """What was done. Readers take other words, too."""

    AUTHORITY_MADE = "authority-made"
    AUTHORITY_ROTATED = "authority-rotated"
    ORDER = "order"
    ORDER_CANCELLED = "order-cancelled"
    """An order is not sent again; who has it may obey it all the same."""
    RIGHT_OPENED = "right-opened"
    RIGHT_REFUSED = "right-refused"
    RIGHT_CLOSED = "right-closed"
    ROSTER_ADDED = "roster-added"
    ROSTER_REMOVED = "roster-removed"
    ROSTER_WITHDRAWN = "roster-withdrawn"
    """The face went, and badge and PIN stayed."""
    ROSTER_CHANGED = "roster-changed"
    """A name, restriction or objection, as an order says."""
    ROSTER_PUBLISHED = "roster-published"
    """A new version of a site's was signed."""
    ROSTER_RESTORED = "roster-restored"
    """The broker's was newer than ours, which came from a backup: it was taken over."""
    ROSTER_KEY = "roster-key"
    """A site got another key."""
    EVIDENCE_OPENED = "evidence-opened"
    """Images that a terminal released were opened with the private key."""
    IDENTITY_REGISTERED = "identity-registered"
    IDENTITY_REVOKED = "identity-revoked"
    """With its name's certificates, or the day from which on it is unproven was said."""
    CERTIFICATE_ISSUED = "certificate-issued"
    CERTIFICATES_REVOKED = "certificates-revoked"
    GAP_ACKNOWLEDGED = "gap-acknowledged"
    """The beginning of an epoch was looked into."""
    GAP_TAKEN_BACK = "gap-taken-back"
    """It was not, after all."""
    DISCLOSURE = "disclosure"
    """Data went to somebody by law."""
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class AuditEntry(Document):
    """One thing that somebody did."""

    NOUN = "audit entry"
    PAYLOAD_TYPE = "application/vnd.smartclocker.audit+json"
    MAX_PAYLOAD = 32_768
    FAULTS: ClassVar[Mapping[str, str]] = {
        **{name: f"audit entry: {name} is missing, or not one line of 1 to 200 characters" for name in _LINES},
        **dict.fromkeys(("at", "data"), "audit entry: at or data is missing or malformed"),
        "person": "audit entry: person is not an opaque id; never write a name there",
    }

    n: Count
    """From 1, without gaps."""
    prev: Hash
    """sha256 (hex) of the payload before; FIRST for the first."""
    at: Instant
    """RFC 3339 UTC with milliseconds and Z."""
    by: Word
    """Who: a name or staff number."""
    act: Annotated[str, whole(_ACT)]
    """An `Act`, or a word that a newer version knows."""
    why: Word
    person: Person | None
    """Whose data, by the opaque id; never a name."""
    data: Mapping[str, Any]

    @classmethod
    def _prepared(cls, said: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"person": None, **said}


def digest(payload: bytes) -> str:
    """The `prev` of the entry that follows."""
    return hashlib.sha256(payload).hexdigest()
