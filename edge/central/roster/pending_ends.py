"""Future ends of employments, for terminals that were registered after the end was ordered.

The roster brings such a terminal the person. Only the order tells it on which day the person leaves.
"""

from datetime import timedelta

from edge.central.authority.acting import OpenAuthority
from edge.central.roster import membership
from edge.central.roster.store import RosterStore
from edge.central.store.records import Store
from edge.domain.protocol.order import Order, Word
from edge.domain.roster.leavers import Leavers

VALID = timedelta(days=92)


def order_again(authority: OpenAuthority, store: RosterStore, ledger: Store, found: Leavers) -> list[Order]:
    """Orders each pending end again at those active terminals of the person's sites that did not get the order.

    Raises LedgerError.
    """
    if not found.ending:
        return []
    told = [
        one
        for one in authority.registry.addressed()
        if one.order.word is Word.EMPLOYMENT_ENDED and not one.cancelled
    ]
    made = []
    for person, at in sorted(found.ending.items()):
        for site in membership.places(store, person):
            active = {
                one.origin.terminal: one
                for one in ledger.terminals()
                if one.origin.site == site and one.revoked is None
            }
            knows = {
                one.origin.terminal
                for one in told
                if one.origin.site == site
                and (one.order.person, one.order.fields["at"]) == (person, at)
                and one.origin.terminal in active
                and one.order.issued >= active[one.origin.terminal].registered
            }
            new = sorted(active.keys() - knows)
            if new:
                fields = {"person": person, "at": at}
                made.append(
                    authority.registry.issue(
                        authority.key, authority.doing, site, new, Word.EMPLOYMENT_ENDED, fields, valid=VALID
                    )
                )
    return made
