"""What terminals' own signed records say of people's data: the audit beside the authority's log."""

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
"""Those about what was done with somebody's data; a punch is none."""


@dataclass(frozen=True, slots=True)
class Said:
    """One record of a terminal."""

    record: str
    """Its id; whoever has the ledger finds the signed bytes by it."""
    at: str
    """RFC 3339 UTC, by the terminal's clock."""
    synchronised: bool
    """Whether that clock followed a time server."""
    site: str
    kind: str
    person: str | None
    """None for the result of an order, which says whom; and for what was about everybody."""
    order: int | None
    """Of a result: the order's sequence number in the log; None for what nobody ordered of this terminal."""
    by: str | None
    """Who did it by hand at the terminal, by number; None for what nobody did, and for records of older ones."""
    data: Mapping[str, Any]
    """The fields that this version knows; what else the record says stands in its signed bytes."""
    doubt: str | None
    """`revoked` or `unproven` where the identity that signed it was revoked."""


def said(registry: OrderRegister, store: Store, person: str | None = None) -> list[Said]:
    """Every such record that the ledger holds, by time; of one person alone, with the results of orders about them.

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
    """Where the ledger's chains do not verify, one line each; empty when all do. Raises LedgerError."""
    found = []
    for chain in verify_all(store):
        if not chain.ok:
            where = f"{chain.origin.site}/{chain.origin.terminal}, epoch {chain.epoch}"
            why = f"record {chain.problem.seq}: {chain.problem.what}" if chain.problem else "contradicting records"
            found.append(f"{where}: {why}")
    return found
