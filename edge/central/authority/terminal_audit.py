"""The terminals' own signed records about personal data; they complete the authority's audit log."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge.central.authority.register import OrderRegister
from edge.central.ledger.recheck import verify_all
from edge.central.store.doubted_identities import Signers
from edge.central.store.records import Store
from edge.domain.protocol.record import decode
from edge.domain.protocol.record_kinds import FIELDS, OPTIONAL, Kind

KINDS = (Kind.ENROLLED, Kind.CONSENT, Kind.RESTRICTED, Kind.ERASED, Kind.CORRECTION, Kind.COMMAND_RESULT)
"""The kinds of records about the handling of personal data. Punches are not among them."""


@dataclass(frozen=True, slots=True)
class Said:
    """One record of a terminal about personal data."""

    record: str
    """The record's id, by which the signed bytes can be found in the ledger."""
    at: str
    """RFC 3339 UTC, by the terminal's clock."""
    synchronised: bool
    """Whether that clock followed a time server."""
    site: str
    kind: str
    person: str | None
    """None for the result of an order, because the order names the person, and for a record about everybody."""
    order: int | None
    """For a result: the order's sequence number in the log; None if the order is not in the log."""
    by: str | None
    """The operator who acted by hand at the terminal, by login or staff number; None if nobody did, and for records
    of older versions.
    """
    data: Mapping[str, Any]
    """The fields that this version knows. Other fields are only in the signed bytes."""
    doubt: str | None
    """`revoked` or `unproven` if the identity that signed the record was revoked."""


def said(registry: OrderRegister, store: Store, person: str | None = None) -> list[Said]:
    """All such records in the ledger, by time. With `person` only that person's records and the results of orders
    about them.

    Raises LedgerError.
    """
    orders = {(one.origin, one.order.id): one.order for one in registry.addressed()}
    signers = Signers(store)
    marks = ", ".join("?" * len(KINDS))
    query = f"SELECT payload, chain, received FROM records WHERE kind IN ({marks}) ORDER BY id"  # noqa: S608 (marks only)
    found = []
    for payload, chain, received in store.select(query, [str(kind) for kind in KINDS]):
        record = decode(payload)
        order = orders.get((record.origin, str(record.data.get("command_id"))))
        whom = record.data.get("person")
        if person is not None and person not in {whom, None if order is None else order.person}:
            continue
        known = {*FIELDS[record.kind], *OPTIONAL.get(record.kind, {})} - {"person", "by"}
        rest = {name: value for name, value in record.data.items() if name in known}
        place = record.origin.site, record.kind, whom, None if order is None else order.sequence
        by, doubt = record.data.get("by"), signers.doubt(chain, received)
        found.append(Said(record.id, record.time.utc, record.time.synchronised, *place, by, rest, doubt))
    return sorted(found, key=lambda one: one.at)


def problems(store: Store) -> list[str]:
    """One line for each chain of the ledger that does not verify; empty if all do. Raises LedgerError."""
    found = []
    for chain in verify_all(store):
        if not chain.ok:
            where = f"{chain.origin.site}/{chain.origin.terminal}, epoch {chain.epoch}"
            why = f"record {chain.problem.seq}: {chain.problem.what}" if chain.problem else "contradicting records"
            found.append(f"{where}: {why}")
    return found
