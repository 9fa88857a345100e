"""The centre's side of the roster: who is added, changed and removed, and which key a site's entries are under.

Changes are noted here; `edge.central.roster_compose` makes them into signed messages.
"""

from dataclasses import replace

import numpy as np

from edge.central.roster_store import MemberRow, RosterStore, SiteRow
from edge.central.rows import now
from edge.domain.consent import Policy, ended, last_word
from edge.domain.kinds import ErasureReason, Restriction
from edge.domain.roster import MAX_PEOPLE
from edge.domain.roster_member import Member, contradiction
from edge.domain.roster_topics import Part, Place
from edge.errors import LedgerError
from edge.roster import sitekey


def add(store: RosterStore, site: str, person: str, member: Member) -> bool:
    """Put somebody into a site's roster, or change them; False when all of it is there already.

    Raises LedgerError for somebody who was removed, whose consent does not hold, or for a roster that is full.
    """
    rows = store.members(site)
    row = rows.get(person)
    if row is not None and row.gone is not None:
        raise LedgerError(f"{person}: was removed ({row.gone}); whoever comes back enrols again, under a new id")
    if row is None and sum(one.gone is None for one in rows.values()) >= MAX_PEOPLE:
        raise LedgerError(f"{site}: {MAX_PEOPLE} people are in its roster, and no more fit; divide the site")
    if row is not None and _same(store.people.member(person), member):
        return False
    agreed = _agreed(member)
    reason = store.people.judge(person, member, agreed)
    if reason is not None:
        raise LedgerError(f"{person}: not added: {reason}")
    store.people.receive({person: member}, agreed)
    with store.writing():
        store.put_site(store.site(site) or SiteRow(site, 0, 1, sitekey.new_key()))
        store.put_members(site, [MemberRow(person, 1 if row is None else row.content + 1, None, None, stale=True)])
        for other in store.sites():
            there = store.members(other).get(person)
            if other != site and there is not None and there.gone is None:
                store.put_members(other, [replace(there, content=there.content + 1, stale=True)])
    return True


def rectify(store: RosterStore, person: str, name: str) -> list[str]:
    """Give somebody their right name in every roster; the sites for which `publish` is due. Raises PeopleError.

    Whoever is in none, or has that name here already, is left as they are.
    """
    places = _places(store, person)
    if not places or store.people.member(person).name == name.strip():
        return []
    _change(store, places)
    store.people.rectify(person, name)
    return sorted(places)


def withdraw(store: RosterStore, person: str, *, or_remove: bool = False) -> list[str]:
    """End the use of somebody's face in every roster: templates and key go, name, badge and PIN stay.

    The sites for which `publish` is due; none where there is no face. Raises PeopleError, and LedgerError for who
    would have nothing left to clock in with; with `or_remove` they are taken out instead.
    """
    places = _places(store, person)
    if not places:
        return []
    member = store.people.member(person)
    if member.consent is None or member.consent.withdrawn_at:
        return []
    left = replace(member, consent=ended(member.consent, now()), templates={})
    if contradiction(left) is not None:
        if or_remove:
            for site in places:
                remove(store, site, person, ErasureReason.WITHDRAWN)
            return sorted(places)
        raise LedgerError(
            f"{person}: has no badge and no PIN in the roster, so that nothing would be left of them: `central "
            "roster remove --reason withdrawn`; or give them one at a terminal and export them again, then withdraw"
        )
    _change(store, places)
    with store.writing():
        for site in places:
            store.put_messages(site, {Place(site, Part.PERSON, person).topic: None})
    store.people.receive({person: left}, _agreed(left))
    store.rewrite()
    return sorted(places)


def restrict(store: RosterStore, person: str, restriction: Restriction) -> list[str]:
    """Keep somebody without matching them, in every roster; the sites for which `publish` is due.

    An objection outlasts a restriction. Raises PeopleError.
    """
    places = _places(store, person)
    if not places or store.people.restriction(person) in {restriction, Restriction.OBJECTED}:
        return []
    return _restrict(store, person, places, restriction)


def lift(store: RosterStore, person: str, restriction: Restriction) -> list[str]:
    """End this very bar; as `restrict`. Terminals that have it go by the order alone. Raises PeopleError."""
    places = _places(store, person)
    if not places or store.people.restriction(person) is not restriction:
        return []
    return _restrict(store, person, places, None)


def _restrict(
    store: RosterStore, person: str, places: dict[str, MemberRow], restriction: Restriction | None
) -> list[str]:
    _change(store, places)
    store.people.restrict(person, restriction)
    return sorted(places)


def remove(store: RosterStore, site: str, person: str, reason: ErasureReason) -> None:
    """Take somebody out of a site; out of the last one, they are erased here, too. Doing it again is safe.

    Raises LedgerError, PeopleError.
    """
    row = store.members(site).get(person)
    if row is None:
        raise LedgerError(f"{person}: is not in the roster of {site}; `central roster list DIR` shows who is")
    if row.gone is None:
        with store.writing():
            store.put_members(site, [MemberRow(person, row.content, str(reason), now(), stale=True)])
            store.put_messages(
                site, {Place(site, Part.PERSON, person).topic: None}
            )  # the tombstone takes its place
    places = [there for one in store.sites() if (there := store.members(one).get(person)) is not None]
    if all(there.gone is not None for there in places) and person in store.people.known():
        store.people.erase(person, now(), str(reason))
        store.people.settled(person)
    store.rewrite()


def rotate(store: RosterStore, site: str) -> int:
    """Another key for a site, under which everybody is encrypted anew; its number. Raises LedgerError."""
    here = store.site(site)
    if here is None:
        raise LedgerError(f"{site}: has no roster; `central roster add DIR` begins one")
    with store.writing():
        return new_key(store, here).keys


def new_key(store: RosterStore, here: SiteRow) -> SiteRow:
    """Inside of a transaction: another key, that nobody holds yet."""
    rotated = replace(here, keys=here.keys + 1, key=sitekey.new_key())
    store.put_site(rotated)
    rows = [replace(one, stale=True) for one in store.members(here.site).values() if one.gone is None]
    store.put_members(here.site, rows)
    terminals = store.holders(here.site)
    store.put_messages(here.site, {Place(here.site, Part.KEY, one).topic: None for one in terminals})
    store.put_holders(here.site, {})
    return rotated


def _change(store: RosterStore, places: dict[str, MemberRow]) -> None:
    """Their messages are to be made anew. Noted before the change: an interruption loses none."""
    with store.writing():
        for site, row in places.items():
            store.put_members(site, [replace(row, content=row.content + 1, stale=True)])


def _places(store: RosterStore, person: str) -> dict[str, MemberRow]:
    """Where somebody belongs, by site."""
    rows = {site: store.members(site).get(person) for site in store.sites()}
    return {site: row for site, row in rows.items() if row is not None and row.gone is None}


def _agreed(member: Member) -> Policy:
    """The policy that a person agreed to counts as the one in force: each terminal judges by its own."""
    given = member.consent
    return Policy("", "") if given is None else Policy(given.policy_version, given.policy_sha256)


def _same(held: Member, given: Member) -> bool:
    return (
        held.name == given.name.strip()
        and held.restricted >= given.restricted
        and held.objected >= given.objected
        and held.consent == last_word(held.consent, given.consent)
        and (sorted(held.tokens), held.pin) == (sorted(given.tokens), given.pin)
        and held.templates.keys() == given.templates.keys()
        and all(np.array_equal(matrix, given.templates[model]) for model, matrix in held.templates.items())
    )
