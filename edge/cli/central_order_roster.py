"""What an order about a person changes in the centre's own roster, which would bring the old state back."""

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.central.roster_store import RosterStore

_SAID = {
    "rectify": "has the name, too",
    "withdraw": "has their face no more (badge and PIN stay; without one they are taken out)",
    "restrict": "says so, too",
    "object": "says so, too",
    "unrestrict": "says so, too",
}


def follow(arguments: argparse.Namespace) -> None:
    """After the order was signed. Standard output may be JSON: what is to be published is said beside it."""
    from edge.central.roster_store import ROSTER_PEOPLE, RosterStore
    from edge.errors import LedgerError

    if arguments.word not in _SAID or not (arguments.directory / ROSTER_PEOPLE).exists():
        return
    with RosterStore(arguments.directory) as store:
        try:
            sites = _changed(store, arguments)
        except LedgerError as error:
            print(f"the roster is as it was: {error}", file=sys.stderr)
            return
    if sites:
        said = f"the roster of {', '.join(sites)} {_SAID[arguments.word]}; `central roster publish` sends it"
        print(said, file=sys.stderr)


def _changed(store: "RosterStore", arguments: argparse.Namespace) -> list[str]:
    from edge.central import roster
    from edge.domain.kinds import Restriction
    from edge.domain.orders import Lifts, Word

    match Word(arguments.word):
        case Word.RECTIFY:
            return roster.rectify(store, arguments.person, arguments.name)
        case Word.WITHDRAW:
            return roster.withdraw(store, arguments.person, or_remove=True)
        case Word.RESTRICT:
            return roster.restrict(store, arguments.person, Restriction.RESTRICTED)
        case Word.OBJECT:
            return roster.restrict(store, arguments.person, Restriction.OBJECTED)
        case _:
            bars = {Lifts.OBJECTION: Restriction.OBJECTED, Lifts.RESTRICTION: Restriction.RESTRICTED}
            return roster.lift(store, arguments.person, bars[Lifts(arguments.lifts)])
