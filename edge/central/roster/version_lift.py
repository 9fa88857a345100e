"""Raises the version of a restored roster above the versions that terminals have, if the broker lost its state,
too.

The broker then cannot say how far the roster was (`edge.central.roster.adoption`). The audit log may say it, and
the terminals' logs do, with `roster-behind`.
"""

from dataclasses import replace

from edge.central.authority.acting import OpenAuthority
from edge.central.roster import membership
from edge.central.roster.store import RosterStore
from edge.domain.protocol.audit_entry import Act
from edge.domain.roster.topics import TopicPart, place_of
from edge.errors import LedgerRefused

FARTHEST = 1_000_000
"""A version may be raised by this much at most. No site has so many changes, and a typing error must not use up the
numbers, which never go back.
"""


def logged(authority: OpenAuthority, site: str) -> int:
    """The newest version of a site's roster that the audit log names; 0 if it names none."""
    said = [one.data for one in authority.registry.entries() if one.act == Act.ROSTER_PUBLISHED]
    found = [one.get("version") for one in said if one.get("site") == site]
    return max((version for version in found if isinstance(version, int)), default=0)


def lift(authority: OpenAuthority, store: RosterStore, site: str, above: int) -> int:
    """Makes the next published version higher than `above`. Returns the version that was here before.

    Everybody is published again under a new site key, because terminals ignore entries and keys of an older number.
    Raises LedgerRefused if there is no roster, if `above` is below the version here, or if it is too far above it.
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
    with authority.act(Act.ROSTER_RESTORED) as act:
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
    """The advice for a roster whose newest version in the audit log is above the published one."""
    return (
        f"{site}: version {known} of this roster was published once, and this is {version}: it came from a backup, "
        "and the broker has nothing newer. Terminals with a newer version ignore it (`roster-behind`). Restore a "
        "newer backup, or add the people again that `central roster list` does not show; then publish above it: "
        "people who are not in it then are erased at the terminals"
    )
