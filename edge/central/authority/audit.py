"""Verifies the audit log: every entry is signed by the authority's key of its time and linked to the one before.

Only the authority's present public key must be trusted. Verification cannot show that entries at the end were cut
off; compare the number and digest of the last entry with a copy kept elsewhere.
"""

import base64
from dataclasses import dataclass
from pathlib import Path

from nacl.signing import VerifyKey

from edge.central.authority import authority_key
from edge.central.authority.register import OrderRegister
from edge.crypto import dsse
from edge.crypto.dsse import key_id
from edge.crypto.key_files import load_public
from edge.domain.protocol import audit_entry
from edge.domain.protocol.audit_entry import FIRST, Act, AuditEntry
from edge.domain.protocol.order import Order
from edge.errors import JournalAltered, RecordError


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The result of verifying the log."""

    entries: list[AuditEntry]
    """The entries that verify, from the first."""
    head: str
    """The digest of the last entry that verifies."""
    problem: str | None


def check(registry: OrderRegister, present: VerifyKey) -> AuditReport:
    """Verifies the whole log. Raises LedgerError if the file cannot be read."""
    entries: list[AuditEntry] = []
    head, key = FIRST, None
    for signed in registry.signed():
        try:
            entry = AuditEntry.decode(signed.payload)
            following = _key_of(entry, key)
            dsse.verify(signed, AuditEntry.PAYLOAD_TYPE, {key_id(following): following})
        except RecordError as error:
            return AuditReport(entries, head, f"entry {len(entries) + 1}: {error}")
        if (entry.n, entry.prev) != (len(entries) + 1, head):
            return AuditReport(entries, head, f"entry {len(entries) + 1}: does not follow the one before it")
        entries.append(entry)
        head, key = audit_entry.digest(signed.payload), following
    if key is None:
        return AuditReport(
            entries, head, "it is empty, though the authority has a key; restore it from your backup"
        )
    if key != present:
        return AuditReport(entries, head, "it ends under another key than the authority's present one")
    return AuditReport(entries, head, None)


def present_key(directory: Path) -> VerifyKey:
    """The authority's public key, which terminals pin. Raises KeyFileError."""
    if not (directory / authority_key.PUBLIC).exists():
        authority_key.refuse_none(directory)
    origin = "`smartclocker central authority init DIR` writes it again from the key"
    return load_public(directory / authority_key.PUBLIC, origin)


def verified(registry: OrderRegister) -> list[AuditEntry]:
    """The entries of the audit log, if all of them verify. Raises JournalAltered otherwise, so that no decision
    rests on an altered log.
    """
    report = check(registry, present_key(registry.path.parent))
    if report.problem is not None:
        raise JournalAltered(f"{registry.path}: {report.problem}; keep the file and restore it from your backup")
    return report.entries


def _key_of(entry: AuditEntry, key: VerifyKey | None) -> VerifyKey:
    """The key that must have signed the entry. Raises RecordError."""
    if key is not None and entry.act != Act.AUTHORITY_ROTATED:
        return key
    if key is None and entry.act != Act.AUTHORITY_MADE:
        raise RecordError("the log does not begin with the authority's first key")
    try:
        named = VerifyKey(base64.b64decode(str(entry.data["key"]), validate=True))
        if key is not None:
            statement = dsse.parse(str(entry.data["statement"]).encode())
            order = dsse.open(statement, Order, {key_id(key): key})
            if order.fields.get("key") != entry.data["key"]:
                raise RecordError("the key before did not name this one")
    except (KeyError, ValueError, TypeError) as error:  # RecordError and binascii.Error are ValueErrors
        raise RecordError(f"names no key that counts ({error})") from error
    return named
