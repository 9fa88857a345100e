"""The centre's log of who did what with people's data, and why: signed, chained entries that never change."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from edge.domain.protocol.record_kinds import HASH, PERSON, WORD, is_instant
from edge.domain.strict_json import MAX_INTEGER, dump, is_version, parse_object
from edge.errors import RecordError

PAYLOAD_TYPE = "application/vnd.smartclocker.audit+json"
"""The DSSE payload type of an entry."""
MAX_PAYLOAD = 32_768
FIRST = "0" * 64
"""`prev` of the first entry."""
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
class AuditEntry:
    """One thing that somebody did."""

    n: int
    """From 1, without gaps."""
    prev: str
    """sha256 (hex) of the payload before; FIRST for the first."""
    at: str
    """RFC 3339 UTC with milliseconds and Z."""
    by: str
    """Who: a name or staff number."""
    act: str
    """An `Act`, or a word that a newer version knows."""
    why: str
    person: str | None
    """Whose data, by the opaque id; never a name."""
    data: Mapping[str, Any]


def digest(payload: bytes) -> str:
    """The `prev` of the entry that follows."""
    return hashlib.sha256(payload).hexdigest()


def encode(entry: AuditEntry) -> bytes:
    """The payload to sign. Raises RecordError for what no reader would take."""
    payload = dump(
        {
            "v": 1,
            "n": entry.n,
            "prev": entry.prev,
            "at": entry.at,
            "by": entry.by,
            "act": entry.act,
            "why": entry.why,
            "person": entry.person,
            "data": entry.data,
        }
    )
    decode(payload)
    return payload


def decode(payload: bytes) -> AuditEntry:
    """Read an entry. Raises RecordError for anything malformed."""
    document = parse_object(payload, MAX_PAYLOAD)
    if not is_version(document):
        raise RecordError("audit entry: not version 1")
    n, person = document.get("n"), document.get("person")
    if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= MAX_INTEGER:
        raise RecordError("audit entry: n is missing or malformed")
    for name, pattern in (("prev", HASH), ("by", WORD), ("act", _ACT), ("why", WORD)):
        value = document.get(name)
        if not isinstance(value, str) or pattern.fullmatch(value) is None:
            raise RecordError(f"audit entry: {name} is missing, or not one line of 1 to 200 characters")
    if not is_instant(document.get("at")) or not isinstance(document.get("data"), dict):
        raise RecordError("audit entry: at or data is missing or malformed")
    if person is not None and (not isinstance(person, str) or PERSON.fullmatch(person) is None):
        raise RecordError("audit entry: person is not an opaque id; never write a name there")
    prev, at, by, act, why = (str(document[name]) for name in ("prev", "at", "by", "act", "why"))
    return AuditEntry(n, prev, at, by, act, why, person, document["data"])
