"""Applies an order about a person to the centre's own roster, which would otherwise bring the old state back.

An order concerns the person, not one terminal. So the roster of every site follows it, whichever terminals it
names.
"""

import argparse
import sys
from typing import TYPE_CHECKING

from edge.cli.output.next_step import at_centre

if TYPE_CHECKING:
    from edge.central.authority.acting import OpenAuthority
    from edge.central.roster.store import RosterStore
    from edge.central.store.records import Store
    from edge.domain.protocol.order import Order


def before(authority: "OpenAuthority", arguments: argparse.Namespace) -> None:
    """Corrects the name in the roster before the order is signed. The name is in no log, so it could not be found
    there later.

    Raises PeopleError.
    """
    from edge.central.roster import membership
    from edge.central.roster.store import RosterStore
    from edge.domain.protocol.audit_entry import Act

    if arguments.word != "rectify" or not _is_here(arguments):
        return
    with RosterStore(arguments.directory) as store, authority.act(Act.ROSTER_CHANGED, arguments.person) as act:
        sites = membership.rectify(
            store, arguments.person, arguments.name, begun=lambda at: act.begin({"sites": at, "what": "name"})
        )
    _say(arguments, sites, "has the name, too")


def follow(authority: "OpenAuthority", ledger: "Store", arguments: argparse.Namespace, made: "list[Order]") -> bool:
    """Applies the order after it was signed. Returns False if that failed; the next `publish` then does it.

    Standard output may be JSON, so the advice to publish is printed on standard error.
    """
    from edge.central.roster.store import RosterStore
    from edge.errors import SmartClockerError

    if not _is_here(arguments):
        return True
    try:
        with RosterStore(arguments.directory) as store:
            _changed(authority, store, ledger, arguments)
    except SmartClockerError as error:
        publish = at_centre(arguments, "roster publish", broker=True)
        again = "give this again" if arguments.word == "unrestrict" else f"`{publish}` does it first"
        sequence = made[0].sequence
        print(f"order {sequence} holds, and the roster does not follow it yet: {error}; {again}", file=sys.stderr)
        return False
    return True


def _changed(
    authority: "OpenAuthority", store: "RosterStore", ledger: "Store", arguments: argparse.Namespace
) -> None:
    from edge.central.roster import membership, order_follower
    from edge.domain.protocol.audit_entry import Act
    from edge.domain.protocol.order import Lifts
    from edge.domain.protocol.record_kinds import Restriction

    found = order_follower.leavers(authority.registry, ledger, store)
    for change in order_follower.follow(authority, store, found):
        _say(arguments, change.sites, f"follows at all its terminals: {change.person}: {change.what}")
    if arguments.word == "unrestrict":
        bars = {Lifts.OBJECTION: Restriction.OBJECTED, Lifts.RESTRICTION: Restriction.RESTRICTED}
        with authority.act(Act.ROSTER_CHANGED, arguments.person) as act:
            sites = membership.lift(
                store, arguments.person, bars[Lifts(arguments.lifts)],
                begun=lambda at: act.begin({"sites": at, "what": "lifted"}),
            )  # fmt: skip
        _say(arguments, sites, "says so, too")
    at = found.ending.get(arguments.person) if arguments.word == "employment-ended" else None
    here = sorted(membership.places(store, arguments.person)) if at is not None else []
    if here:
        print(
            f"the roster of {', '.join(here)} keeps them until {at}; give this command then to remove them\n"
            f"next          {at_centre(arguments, 'roster publish', broker=True)}",
            file=sys.stderr,
        )


def _is_here(arguments: argparse.Namespace) -> bool:
    from edge.central.roster.schema import ROSTER_PEOPLE

    return arguments.person is not None and (arguments.directory / ROSTER_PEOPLE).exists()


def _say(arguments: argparse.Namespace, sites: list[str], what: str) -> None:
    if sites:
        print(f"the roster of {', '.join(sites)} {what}", file=sys.stderr)
        print(f"next          {at_centre(arguments, 'roster publish', broker=True)}", file=sys.stderr)
