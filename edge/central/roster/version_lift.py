"""A roster that came from a backup beside a broker that lost its state: lifted above what terminals hold.

Nothing at the broker says then how far it was (`edge.central.roster.adoption`). The log may, and terminals do, in
theirs, with `roster-behind`.
"""

from dataclasses import replace

from edge.central.authority.acting import AuthoritySession
from edge.central.roster import membership
from edge.central.roster.store import RosterStore
from edge.domain.protocol.audit_entry import Act
from edge.domain.roster.topics import TopicPart, place_of
from edge.errors import LedgerRefused

FARTHEST = 1_000_000
"""By how much a version may be lifted: more than any site has changes, so that a slip of the hand does not use up
the numbers, which never go back."""


def logged(session: AuthoritySession, site: str) -> int:
    """The newest version of a site's roster that the log names; 0 for none."""
    said = [one.data for one in session.registry.entries() if one.act == Act.ROSTER_PUBLISHED]
    found = [one.get("version") for one in said if one.get("site") == site]
    return max((version for version in found if isinstance(version, int)), default=0)


def lift(session: AuthoritySession, store: RosterStore, site: str, above: int) -> int:
    """What is published next has a higher version than `above`; the version that was here before.

    Everybody is published anew, under another site key: terminals hear no entry and no key of an older number.
    Raises LedgerRefused for no roster, for a version that is below ours, and for one that is far beyond.
    """
    here = store.site(site)
    if here is None:
        raise LedgerRefused(f"{site}: has no roster; `central roster add DIR` begins one")
    if above < here.version:
        raise LedgerRefused(f"{site}: the roster here is version {here.version} already; leave --above out")
    if above > here.version + FARTHEST:
        raise LedgerRefused(
            f"{site}: --above {above} is more than {FARTHEST:,} beyond version {here.version}; give the version "
            "that the terminals' log names"
        )
    with session.act(Act.ROSTER_RESTORED) as act:
        act.begin({"site": site, "version": above, "before": here.version, "taken": 0, "left": 0, "lost": 0})
        with store.writing():
            membership.new_key(store, replace(here, version=above, keys=max(above, here.keys)))
            store.put_members(site, [replace(one, stale=True) for one in store.members(site).values()])
            lists = [
                topic
                for topic in store.messages(site)
                if (place := place_of(topic)) is not None and place.part in {TopicPart.PAGE, TopicPart.MANIFEST}
            ]
            store.put_messages(site, dict.fromkeys(lists))
    return here.version


def advice(site: str, known: int, version: int) -> str:
    """What to do where the log names a newer version than the one that was published."""
    return (
        f"{site}: version {known} of this roster was published once, and this is {version}: it came from a backup, "
        "and the broker has nothing newer. Terminals that hold a newer one hear nothing of it (`roster-behind`). "
        "Restore a newer backup, or add again whom `central roster list` lacks; then publish above it: whoever is "
        "not in it then is erased at the terminals"
    )
