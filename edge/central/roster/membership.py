"""The members of the centre's roster: adding, changing and removing people, and the key under which a site's
entries are encrypted.

The changes are stored here; `edge.central.roster.messages` makes signed messages of them.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from edge.central.roster.store import MemberRow, RosterStore, SiteRow
from edge.central.store.model import now
from edge.crypto import site_key
from edge.domain.people.consent import Policy, ended_consent, last_word
from edge.domain.protocol.record_kinds import Restriction
from edge.domain.roster.member import Member, contradiction
from edge.domain.roster.messages import MAX_PEOPLE
from edge.domain.roster.topics import Place, TopicPart
from edge.domain.vocabulary import ErasureReason
from edge.errors import LedgerRefused, PeopleError, PeopleUnavailable

_CHANCE_BITS = 20
_LAST_SECOND = 1 << 32
"""The largest second, for a clock that is centuries ahead: the number still fits `strictjson.MAX_INTEGER` and can
still grow.
"""
Begun = Callable[[list[str]], object]
"""Called with the sites that change, after all checks and before the first change."""


def _unheard(_sites: list[str]) -> None:
    pass


def add(store: RosterStore, site: str, person: str, member: Member) -> bool:
    """Adds a person to a site's roster, or changes the person's entry. Returns False if nothing is new.

    Raises LedgerError if the person was removed, if the consent does not hold, or if the roster is full.
    """
    if not is_news(store, site, person, member):
        return False
    row = store.members(site).get(person)
    with store.writing():  # first, because only a listed person can be removed again
        store.put_site(store.site(site) or SiteRow(site, 0, 1, site_key.new_key()))
        store.put_members(site, [MemberRow(person, _content(row), None, None, stale=True)])
        for other, there in places(store, person).items():
            if other != site:
                store.put_members(other, [replace(there, content=_content(there), stale=True)])
    store.people.receive({person: member}, agreed(member))
    return True


def is_news(store: RosterStore, site: str, person: str, member: Member) -> bool:
    """Whether `add` would change anything. Changes nothing itself. Raises as `add` does."""
    rows = store.members(site)
    row = rows.get(person)
    if row is not None and row.gone is not None:
        raise LedgerRefused(
            f"{person}: was removed ({row.gone}); a person who comes back is enrolled again, under a new id"
        )
    if row is None and sum(one.gone is None for one in rows.values()) >= MAX_PEOPLE:
        raise LedgerRefused(f"{site}: {MAX_PEOPLE} people are in its roster, which is full; divide the site")
    held = None if row is None else readable(store, person)
    if held is not None and same(held, member):
        return False
    reason = store.people.judge(person, member, agreed(member))
    if reason is not None:
        raise LedgerRefused(f"{person}: not added: {reason}")
    return True


def rectify(store: RosterStore, person: str, name: str, begun: Begun = _unheard) -> list[str]:
    """Corrects a person's name in every roster. Returns the sites that are to be published. Raises PeopleError.

    Nothing changes if the person is in no roster or has that name already.
    """
    here = places(store, person)
    if not here or store.people.member(person).name == name.strip():
        return []
    begun(sorted(here))
    _change(store, here)
    store.people.rectify(person, name)
    return sorted(here)


def withdraw(store: RosterStore, person: str, *, or_remove: bool = False, begun: Begun = _unheard) -> list[str]:
    """Ends the use of a person's face in every roster: templates and their key are deleted; name, badge and PIN
    stay.

    Returns the sites that are to be published; none if there is no face. Raises PeopleError, and LedgerError if the
    person would have no way left to clock in; with `or_remove` the person is removed instead.
    """
    here = places(store, person)
    if not here:
        return []
    member = store.people.member(person)
    if member.consent is None or member.consent.withdrawn_at:
        return []
    left = replace(member, consent=ended_consent(member.consent, now()), templates={})
    if contradiction(left) is not None:
        if or_remove:
            begun(sorted(here))
            for site in here:
                remove(store, site, person, ErasureReason.WITHDRAWN)
            return sorted(here)
        raise LedgerRefused(
            f"{person}: has no badge and no PIN in the roster, so no way to clock in would be left: `central "
            "roster remove --reason withdrawn`; or give them one at a terminal and export them again, then withdraw"
        )
    begun(sorted(here))
    _change(store, here)
    with store.writing():
        for site in here:
            store.put_messages(site, {Place(site, TopicPart.PERSON, person).topic: None})
    store.people.receive({person: left}, agreed(left))
    store.rewrite()
    return sorted(here)


def restrict(store: RosterStore, person: str, restriction: Restriction, begun: Begun = _unheard) -> list[str]:
    """Keeps a person without matching them, in every roster. Returns the sites that are to be published.

    A restriction does not replace an objection. Raises PeopleError.
    """
    here = places(store, person)
    if not here or store.people.restriction(person) in {restriction, Restriction.OBJECTED}:
        return []
    return _restrict(store, person, here, restriction, begun)


def lift(store: RosterStore, person: str, restriction: Restriction, begun: Begun = _unheard) -> list[str]:
    """Ends this restriction or objection. Returns as `restrict` does. Terminals end it only by the order. Raises
    PeopleError.
    """
    here = places(store, person)
    if not here or store.people.restriction(person) is not restriction:
        return []
    return _restrict(store, person, here, None, begun)


def _restrict(
    store: RosterStore, person: str, here: dict[str, MemberRow], restriction: Restriction | None, begun: Begun
) -> list[str]:
    begun(sorted(here))
    _change(store, here)
    store.people.restrict(person, restriction)
    return sorted(here)


def remove(store: RosterStore, site: str, person: str, reason: ErasureReason) -> None:
    """Removes a person from a site. A person who then belongs to no site is erased here, too. Doing it again is
    safe.

    Raises LedgerError, PeopleError.
    """
    row = store.members(site).get(person)
    if row is None:
        raise LedgerRefused(f"{person}: is not in the roster of {site}; `central roster list DIR` shows who is")
    if row.gone is None:
        with store.writing():
            store.put_members(site, [MemberRow(person, row.content, str(reason), now(), stale=True)])
            store.put_messages(
                site, {Place(site, TopicPart.PERSON, person).topic: None}
            )  # a tombstone will replace it
    if not places(store, person) and person in store.people.known():
        erase(store, person, reason)
    store.rewrite()


def erase(store: RosterStore, person: str, reason: ErasureReason) -> None:
    """Erases a person who belongs to no site from the people file. Doing it again is safe. Raises PeopleError."""
    store.people.erase(person, now(), str(reason))
    store.people.rewrite()
    store.people.erasure_over(person)


def rotate(store: RosterStore, site: str, begun: Begun = _unheard) -> int:
    """Replaces a site's key, under which everybody is then encrypted again. Returns the key's number. Raises
    LedgerError.
    """
    here = store.site(site)
    if here is None:
        raise LedgerRefused(f"{site}: has no roster; `central roster add DIR` begins one")
    begun([site])
    with store.writing():
        return new_key(store, here).keys


def new_key(store: RosterStore, here: SiteRow) -> SiteRow:
    """Replaces the site's key by one that no terminal has yet. Call it inside a transaction."""
    rotated = replace(here, keys=here.keys + 1, key=site_key.new_key())
    store.put_site(rotated)
    rows = [replace(one, stale=True) for one in store.members(here.site).values() if one.gone is None]
    store.put_members(here.site, rows)
    terminals = store.holders(here.site)
    store.put_messages(here.site, {Place(here.site, TopicPart.KEY, one).topic: None for one in terminals})
    store.put_holders(here.site, {})
    return rotated


def _change(store: RosterStore, here: dict[str, MemberRow]) -> None:
    """Marks the person's messages as stale. This is stored before the change, so that an interruption loses no
    message.
    """
    with store.writing():
        for site, row in here.items():
            store.put_members(site, [replace(row, content=_content(row), stale=True)])


def _content(row: MemberRow | None) -> int:
    """The next number of a person's content: greater than the one before, and not the number of another content.

    It begins with the time in seconds, so that it still grows after a backup was restored; a counter would repeat.
    The rest is random: after a restore within the same second, or with a clock that was set back, another content
    still gets another number, so that terminals take it.
    """
    chance = secrets.randbelow(1 << _CHANCE_BITS)
    this = min(int(time.time()), _LAST_SECOND) << _CHANCE_BITS | chance
    return this if row is None or this > row.content else row.content + 1 + chance


def places(store: RosterStore, person: str) -> dict[str, MemberRow]:
    """The sites to which a person belongs, each with the person's row."""
    rows = {site: store.members(site).get(person) for site in store.sites()}
    return {site: row for site, row in rows.items() if row is not None and row.gone is None}


def agreed(member: Member) -> Policy:
    """The policy that a person agreed to, taken as the one in force. Each terminal checks consent against its own
    policy.
    """
    given = member.consent
    return Policy("", "") if given is None else Policy(given.policy_version, given.policy_sha256)


def readable(store: RosterStore, person: str) -> Member | None:
    """A person in the people file; None if the person is not there or the entry is altered. Raises
    PeopleUnavailable.
    """
    try:
        return store.people.member(person)
    except PeopleUnavailable:
        raise
    except PeopleError:
        return None


def same(held: Member, given: Member) -> bool:
    """Whether taking in `given` would change nothing of `held`."""
    return (
        held.name == given.name.strip()
        and held.restricted >= given.restricted
        and held.objected >= given.objected
        and held.consent == last_word(held.consent, given.consent)
        and (sorted(held.tokens), held.pin) == (sorted(given.tokens), given.pin)
        and held.templates.keys() == given.templates.keys()
        and all(np.array_equal(matrix, given.templates[model]) for model, matrix in held.templates.items())
    )
