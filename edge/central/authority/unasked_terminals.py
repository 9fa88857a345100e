"""Finds terminals that know a person by their own records and got no order for the person's request."""

from collections.abc import Collection

from edge.central.store.model import RegisteredTerminal
from edge.central.store.records import Store
from edge.domain.protocol.record import Origin
from edge.domain.protocol.record_kinds import Kind


def unasked(store: Store, person: str, ordered: Collection[Origin]) -> list[Origin]:
    """The registered terminals that know this person and are not in `ordered`. Raises LedgerError.

    A terminal whose last record about the person says that they were erased is left out.
    """
    by_id = {one.id: one for one in store.terminals()}
    owners = {chain.id: by_id[chain.terminal] for chain in store.chains()}
    active = {one.origin for one in by_id.values() if one.revoked is None}
    last: dict[Origin, str] = {}
    for chain, kind in store.select(_SAID, (person, Kind.PUNCH, Kind.ENROLLED, Kind.CONSENT, Kind.ERASED)):
        owner: RegisteredTerminal | None = owners.get(chain)
        if owner is not None and owner.revoked is None:  # an SD card that was replaced no longer holds anybody
            last[owner.origin] = kind
    known = {origin for origin, kind in last.items() if kind != Kind.ERASED}
    return sorted(known & active - set(ordered), key=lambda one: (one.site, one.terminal))


_SAID = "SELECT chain, kind FROM records WHERE person = ? AND kind IN (?, ?, ?, ?) ORDER BY id"
