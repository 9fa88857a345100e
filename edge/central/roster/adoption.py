"""Takes over those parts of a site's roster at the broker that are newer than the centre's own files.

A roster that was restored from a backup has an old version. Terminals ignore versions below the one that they have,
and people whom a newer manifest left out must not come back. So the messages that the broker retains are taken over
before anything is published. They are trusted because the authority signed them, not because of the broker.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from edge.central.authority.acting import OpenAuthority
from edge.central.roster import membership
from edge.central.roster.retained import Retained
from edge.central.roster.store import MemberRow, RosterStore, Sent, SiteRow
from edge.central.store.model import now
from edge.crypto import dsse, site_key
from edge.domain.people.consent import Policy
from edge.domain.protocol.audit_entry import Act
from edge.domain.roster import messages
from edge.domain.roster.leavers import Leavers
from edge.domain.roster.member import Member, decode_member
from edge.domain.roster.messages import PersonMessage
from edge.domain.roster.topics import Place, TopicPart, place_of
from edge.domain.vocabulary import ErasureReason
from edge.errors import LedgerRefused, RecordError
from edge.people.credentials import ANOTHERS


@dataclass(frozen=True, slots=True)
class Adopted:
    """What was taken over from the broker."""

    version: int
    """The version of the broker's roster; the centre's roster continues from it."""
    before: int
    taken: list[str]
    """People who were added or changed since the backup."""
    left: list[str]
    """People who left since the backup."""
    lost: list[str]
    """People whose entries only a missing site key opens."""


def is_ahead(store: RosterStore, site: str, found: Retained) -> bool:
    """Whether any part of the broker's roster is newer than the centre's, or is different under the same
    version.
    """
    here = store.site(site)
    if found.newest == 0 or here is None or found.newest > here.version:
        return found.newest > 0
    if found.manifest is None or found.manifest.version < here.version:
        return False
    ours = store.messages(site).get(Place(site, TopicPart.MANIFEST, "").topic)
    return ours is None or ours.sha256 != found.manifest_sha256


def adopt(
    authority: OpenAuthority,
    store: RosterStore,
    site: str,
    found: Retained,
    *,
    forget_lost: bool = False,
    trust: bool = False,
) -> Adopted:
    """Brings the centre's roster to the state of the broker's, if `is_ahead`. Doing it again is safe.

    Raises LedgerError and changes nothing in two cases. The first: a newer site key hides people who are not in
    these files, so that publishing would remove them everywhere; `forget_lost` accepts that. The second: parts of
    the broker's roster are missing or do not open, and the audit log is old, too, so that people who left or
    withdrew since would come back; with `trust` the centre's files count. Also raises PeopleError.
    """
    here = store.site(site)
    if here is None:
        raise LedgerRefused(f"{site}: has no roster; `central roster add DIR` begins one")
    news, left, lost, unread = _compare(store, here, found)
    if not trust:
        _refuse_untold(authority, site, found, unread)
    if lost and not forget_lost:
        raise LedgerRefused(
            f"{site}: the broker's roster has {len(lost)} people whom this directory does not know and cannot open "
            f"({', '.join(sorted(lost)[:3])}{' …' if len(lost) > 3 else ''}): restore a newer backup of roster.db "
            "and roster-people.db; or export them again at a terminal and add them; or --forget-lost, which takes "
            "them out at every terminal"
        )
    said = {"site": site, "version": found.newest, "before": here.version}
    with authority.act(Act.ROSTER_RESTORED) as act:
        act.begin({**said, "taken": len(news), "left": len(left), "lost": len(lost)})
        rows = store.members(site)
        with store.writing():  # people who came and left since the backup
            fresh = [
                MemberRow(person, 0, str(why), now(), stale=True) for person, why in left if person not in rows
            ]
            store.put_members(site, fresh)
        for person, reason in left:
            membership.remove(store, site, person, reason)
        taken = _take(store, site, rows, news)
        with store.writing():
            _go_on(store, here, found)
    return Adopted(found.newest, here.version, taken, sorted(person for person, _ in left), sorted(lost))


def _refuse_untold(authority: OpenAuthority, site: str, found: Retained, unread: list[str]) -> None:
    """Refuses a roster of the broker with missing parts or with entries that do not open here.

    The audit log names everybody who left or withdrew; if it is as new as the broker's roster, nothing is refused.
    """
    said = [one.data for one in authority.registry.entries() if one.act == Act.ROSTER_PUBLISHED]
    versions = [one.get("version") for one in said if one.get("site") == site]
    if any(isinstance(version, int) and version >= found.newest for version in versions):
        return
    cure = (
        "restore newer backups of roster.db, roster-people.db and authority.db; or --trust-backup, after you looked"
    )
    if not found.is_whole:
        raise LedgerRefused(
            f"{site}: the broker has only parts of a newer roster (version {found.newest}), and neither they nor "
            f"the log here say who left since: {cure}: people who left are then published again"
        )
    if unread:
        raise LedgerRefused(
            f"{site}: the site's key was replaced since this backup: {len(unread)} entries at the broker do not "
            f"open here, and the log is as old, so that it does not say who withdrew or objected since: {cure}: "
            "faces that were withdrawn are then published again"
        )


def heal(authority: OpenAuthority, store: RosterStore, leavers: Leavers) -> tuple[list[str], list[str], list[str]]:
    """Repairs people of `roster.db` who are missing in `roster-people.db`, are altered there, or are older there
    than the last signed message.

    Returns those who were restored from our own messages, those who are lost and of whom no terminal ever heard,
    and those who stay altered. Raises LedgerError if publishing would erase a person at the terminals who is only
    lost here; PeopleError.
    """
    back: list[str] = []
    lost: list[str] = []
    altered: list[str] = []
    known = store.people.enrolled()
    for site in store.sites():
        here, ours = store.site(site), store.messages(site)
        for row in [one for one in store.members(site).values() if one.gone is None]:
            person = row.person
            if here is None or leavers.of(site, person) is not None:
                continue
            sent = ours.get(Place(site, TopicPart.PERSON, person).topic)
            said = (
                None
                if sent is None
                else _opened(here, messages.PersonMessage.decode(dsse.parse(sent.wire).payload))
            )
            held = membership.readable(store, person)
            if held is not None and (row.stale or said is None or membership.same(held, said)):
                continue
            if person in known and said is None:
                altered.append(person)
                continue
            if sent is not None and said is None:
                raise LedgerRefused(
                    f"{person}: is in roster.db and not in roster-people.db; restore both from one backup, or "
                    "`central roster remove` them"
                )
            with authority.act(Act.ROSTER_RESTORED, person) as act:
                act.begin({"site": site, "taken": int(said is not None), "lost": int(said is None)})
                if said is not None:
                    store.people.receive({person: said}, membership.agreed(said))
                else:  # no message of this person was ever published
                    with store.writing():
                        store.forget_members(site, [person])
            (lost if said is None else back).append(person)
    return back, lost, altered


_News = dict[str, tuple[Member, Sent]]
_Left = list[tuple[str, ErasureReason]]


def _compare(store: RosterStore, here: SiteRow, found: Retained) -> tuple[_News, _Left, list[str], list[str]]:
    """Compares the broker's roster with ours: people who came or changed, people who left, unknown people whose
    entry does not open, and known people whose entry does not open.
    """
    rows, ours = store.members(here.site), store.messages(here.site)
    news: _News = {}
    left: _Left = []
    unread: list[str] = []
    lost = list(found.listed.keys() - found.people.keys() - rows.keys())
    for person, (message, sent) in found.people.items():
        row = rows.get(person)
        if message.gone is not None:
            if row is None or row.gone is None:
                left.append((person, message.gone))
        elif sent.topic in ours and ours[sent.topic].sha256 == sent.sha256:
            continue
        elif (member := _opened(here, message)) is not None:
            news[person] = member, sent
        elif row is None:
            lost.append(person)
        elif row.gone is None:
            unread.append(person)
    if found.is_whole:  # a person who is not listed left, and the tombstone was emptied since
        listed_once = [one for one in rows.values() if one.gone is None and not one.stale]
        left += [(one.person, ErasureReason.EMPLOYER) for one in listed_once if one.person not in found.listed]
    return news, left, lost, unread


def _said(here: SiteRow, sent: Sent) -> Member | None:
    return _opened(here, messages.PersonMessage.decode(dsse.parse(sent.wire).payload))


def _opened(here: SiteRow, message: PersonMessage) -> Member | None:
    if message.gone is not None or message.key != site_key.key_id(here.key):
        return None
    try:
        return decode_member(site_key.decrypt(here.key, message.sealed, message.line()))
    except RecordError:
        return None


def _take(store: RosterStore, site: str, rows: Mapping[str, MemberRow], news: _News) -> list[str]:
    """Takes in the new entries. People who were changed here since the restore stay as they are; nobody who was
    erased comes back.

    A badge may have passed from one person to another. It is free once the other person's entry is taken in.
    """
    taken: list[str] = []
    waiting = [
        one for one in sorted(news) if (row := rows.get(one)) is None or (row.gone is None and not row.stale)
    ]
    while waiting:
        found = {person: store.people.judge(person, news[person][0], _agreed(news, person)) for person in waiting}
        contested = [person for person, why in found.items() if why is not None and why.startswith(ANOTHERS)]
        free = [person for person, why in found.items() if why is None]
        if not free:  # each has a badge or number of another: take all in, then again
            free, contested = contested, []
            for person in free:
                store.people.receive({person: news[person][0]}, _agreed(news, person))
        for person in free:
            _take_one(store, site, person, news)
        taken += free
        waiting = contested
    return sorted(taken)


def _agreed(news: _News, person: str) -> Policy:
    return membership.agreed(news[person][0])


def _take_one(store: RosterStore, site: str, person: str, news: _News) -> None:
    member, sent = news[person]
    store.people.receive({person: member}, membership.agreed(member))
    with store.writing():
        store.put_members(site, [MemberRow(person, member.content, None, None, stale=False)])
        store.put_messages(site, {sent.topic: sent})


def _go_on(store: RosterStore, here: SiteRow, found: Retained) -> None:
    """Continues from the broker's numbers, so that terminals accept the next messages. A site key that is not here
    is replaced.
    """
    newest = max((one.version for one in found.keys), default=0)
    strange = any(one.version >= here.keys and one.key != site_key.key_id(here.key) for one in found.keys)
    floor = replace(here, version=max(found.newest, here.version), keys=max(newest, here.keys))
    if strange or newest > here.keys:
        membership.new_key(store, floor)
    else:
        store.put_site(floor)
    ours = store.messages(here.site)
    for person, row in store.members(here.site).items():
        sent, entry = ours.get(Place(here.site, TopicPart.PERSON, person).topic), found.listed.get(person)
        if sent is None or entry is None or sent.sha256 != entry.sha256:  # our tombstone may be the older one, too
            store.put_members(here.site, [replace(row, stale=True)])
    lists = [
        topic for topic in ours if (place := place_of(topic)) and place.part in {TopicPart.PAGE, TopicPart.MANIFEST}
    ]
    store.put_messages(here.site, dict.fromkeys(lists))
