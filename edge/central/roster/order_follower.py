"""Updates the centre's roster by the orders, the audit log and the terminals' records, however old its files are.

An act is logged before the roster is changed, and the roster may come from a backup. So every command that adds or
publishes calls this first, and nobody who left is published again.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from edge.central.authority.acting import OpenAuthority
from edge.central.authority.register import OrderRegister
from edge.central.roster import membership
from edge.central.roster.store import RosterStore
from edge.central.store.model import now
from edge.central.store.records import Store
from edge.domain.protocol.audit_entry import Act
from edge.domain.protocol.record import Record, decode
from edge.domain.protocol.record_kinds import Restriction
from edge.domain.roster.leavers import Leavers, Left
from edge.domain.vocabulary import ErasureReason


@dataclass(frozen=True, slots=True)
class RosterChange:
    """A change of one person's entries."""

    person: str
    sites: list[str]
    what: str
    """One short line."""


def leavers(registry: OrderRegister, ledger: Store, store: RosterStore) -> Leavers:
    """Everybody who left, by the orders, the audit log and the ledger. Raises LedgerError."""
    found = Leavers()
    entries = registry.entries()
    cancelled = {str(one.data["id"]): one.at for one in entries if one.act == Act.ORDER_CANCELLED}
    found.hear_orders(registry.orders(), cancelled, now())
    found.hear_log(entries)
    belonging = _belonging(store)
    found.hear_terminals(_records(ledger, _BELIEVED), belonging)
    found.hear_doubted(_records(ledger, f"NOT ({_BELIEVED})"), belonging)
    return found


def follow(authority: OpenAuthority, store: RosterStore, found: Leavers) -> list[RosterChange]:
    """Removes people who left, ends the use of faces and restricts people. Each change is in the audit log.

    Raises LedgerError, PeopleError.
    """
    changes = []
    belonging = _belonging(store)
    for person in sorted({one for people in belonging.values() for one in people}):
        sites = {site: left for site in belonging if person in belonging[site] and (left := found.of(site, person))}
        if sites:
            changes.append(_remove(authority, store, person, sites))
        if len(sites) < sum(person in people for people in belonging.values()):
            changes += [*_withdraw(authority, store, person, found), *_restrict(authority, store, person, found)]
    _finish(store, found)
    return changes


def nowhere(store: RosterStore) -> set[str]:
    """The people in the people file who belong to no site. Raises LedgerError, PeopleError."""
    return set(store.people.enrolled()).difference(*_belonging(store).values())


def _remove(authority: OpenAuthority, store: RosterStore, person: str, sites: dict[str, Left]) -> RosterChange:
    left = next(iter(sites.values()))
    with authority.act(Act.ROSTER_REMOVED, person) as act:
        act.begin({"sites": sorted(sites), "reason": str(left.reason), "because": left.by})
        for site, one in sites.items():
            membership.remove(store, site, person, one.reason)
    return RosterChange(person, sorted(sites), f"taken out: {left.reason}, as {left.by} says")


def _withdraw(authority: OpenAuthority, store: RosterStore, person: str, found: Leavers) -> Iterator[RosterChange]:
    if person not in found.faces:
        return
    held = membership.readable(store, person)
    if held is None:  # the entry is altered, so that the face cannot be removed alone
        left = Left(ErasureReason.WITHDRAWN, found.faces[person].by)
        yield _remove(authority, store, person, dict.fromkeys(membership.places(store, person), left))
        return
    given = held.consent
    ended = None if given is None or given.withdrawn_at else found.face_ended(person, given.given_at)
    if ended is None:
        return
    with authority.act(Act.ROSTER_WITHDRAWN, person) as act:
        sites = membership.withdraw(
            store, person, or_remove=True, begun=lambda at: act.begin({"sites": at, "because": ended.by})
        )
    yield RosterChange(
        person,
        sites,
        f"their face is gone, as {ended.by} says (badge and PIN stay; without one they are taken out)",
    )


def _restrict(authority: OpenAuthority, store: RosterStore, person: str, found: Leavers) -> Iterator[RosterChange]:
    """Restricts a person. A restriction is never lifted here; only the order itself lifts it."""
    bar = found.bars.get(person)
    if bar is None or not membership.places(store, person):
        return
    if store.people.restriction(person) in {bar, Restriction.OBJECTED}:
        return
    with authority.act(Act.ROSTER_CHANGED, person) as act:
        sites = membership.restrict(store, person, bar, begun=lambda at: act.begin({"sites": at, "what": str(bar)}))
    yield RosterChange(person, sites, f"{bar}, as an order says")


def _finish(store: RosterStore, found: Leavers) -> None:
    """Erases people who left every site and are still in the people file: an older file was restored, or an erasure
    was interrupted.
    """
    here = {person for people in _belonging(store).values() for person in people}
    gone = {person for site in store.sites() for person, row in store.members(site).items() if row.gone}
    for person in sorted(store.people.enrolled() - here):
        left = found.everywhere.get(person) or next(
            (one for (_, who), one in found.somewhere.items() if who == person), None
        )
        if left is not None or person in gone:
            store.people.erase(person, now(), str(left.reason if left else ErasureReason.EMPLOYER))
        elif person in found.faces:
            store.people.erase(person, now(), str(ErasureReason.WITHDRAWN))
    for person, _ in store.people.erasures():
        store.people.rewrite()
        store.people.erasure_over(person)


def _belonging(store: RosterStore) -> dict[str, set[str]]:
    return {
        site: {person for person, row in store.members(site).items() if row.gone is None} for site in store.sites()
    }


_BELIEVED = "revoked IS NULL OR received < coalesce(doubted_since, revoked)"
"""Records that were received before the identity was revoked or, if that instant is given, before it was
doubted.
"""


def _records(ledger: Store, which: str) -> Iterator[tuple[Record, str]]:
    query = (
        "SELECT payload, received FROM records JOIN chains ON chains.id = chain JOIN terminals ON "  # noqa: S608
        "terminals.id = chains.terminal WHERE (kind = 'erased' OR kind = 'consent' OR kind = 'restricted') AND "
        f"({which}) ORDER BY records.id"  # one of two constants of this module
    )
    for payload, received in ledger.select(query):
        yield decode(payload), received
