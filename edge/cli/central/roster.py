"""`smartclocker central roster add|withdraw|remove|list|publish|rotate`: the people whom the terminals of a
site know.
"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.cli import add_json
from edge.cli.central import roster_publish
from edge.cli.central.authority import add_doing, turn_of
from edge.cli.central.directory import open_ledger, open_roster, verb
from edge.cli.output.next_step import at_centre
from edge.cli.output.plain_text import say
from edge.domain.plural import counted
from edge.domain.vocabulary import ErasureReason

if TYPE_CHECKING:
    from edge.central.roster.store import RosterStore
    from edge.central.store.records import Store


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the arguments of all verbs."""
    roster = verbs.add_parser(
        "roster",
        help="the people whom the terminals of a site know: add, remove, publish to the broker, encrypted",
        description="The roster of a site: what terminals enrolled and exported, sent to all terminals of the site "
        "through the broker, encrypted and signed. Changes reach the broker by `publish`.",
    ).add_subparsers(metavar="VERB", required=True)
    add = verb(roster, "add", "take people in from what `smartclocker people export` wrote", run_add)
    add.add_argument("files", nargs="+", type=Path, metavar="FILE", help="files that `people export` wrote")
    add.add_argument("--site", action="append", default=[], help="a further site of the person; may be repeated")
    add_doing(add, why="enrolled at a terminal")
    withdraw = verb(
        roster, "withdraw", "end the use of somebody's face; their badge and PIN stay in the roster", run_withdraw
    )
    withdraw.add_argument("person", metavar="PERSON", help="the id that `central roster list` shows")
    withdraw.epilog = (
        "`central order … withdraw` does this, too, and terminals obey it before the roster reaches them."
    )
    add_doing(withdraw)
    remove = verb(
        roster, "remove", "remove a person from a site; a person without a site is erased here, too", run_remove
    )
    remove.add_argument("person", metavar="PERSON", help="the id that `central roster list` shows")
    remove.add_argument("--site", help="the site (default: every site of the person)")
    remove.add_argument(
        "--reason",
        choices=list(map(str, ErasureReason)),
        required=True,
        help="why, for each terminal's record of the erasure",
    )
    add_doing(remove)
    listing = verb(roster, "list", "list who belongs to which site, and what is not published yet", run_list)
    listing.add_argument("--names", action="store_true", help="decrypt the names and print them, too")
    add_json(listing, array=True)
    roster_publish.configure(roster)
    rotate = verb(
        roster, "rotate", "replace the key of a site: `publish` then encrypts everybody again", run_rotate
    )
    rotate.add_argument("site", metavar="SITE", help="the site")
    add_doing(rotate)


def run_add(arguments: argparse.Namespace) -> int:
    """Takes in each file. A file that is refused does not stop the others."""
    from edge.errors import ExportRefused

    refused = 0
    with open_ledger(arguments.directory) as ledger, open_roster(arguments.directory, new=True) as store:
        _follow(arguments, store, ledger)
        for path in arguments.files:
            try:
                say(f"{path}: {_take(path, arguments, store, ledger)}")
            except ExportRefused as error:
                refused += 1
                say(f"{path}: {error}")
        _follow(arguments, store, ledger)
    if refused < len(arguments.files):
        _say_publish(arguments)
    if refused:
        raise ExportRefused(f"{refused} of {len(arguments.files)} files were not taken; each line above says why")
    return 0


def _say_publish(arguments: argparse.Namespace) -> None:
    print(f"next          {at_centre(arguments, 'roster publish', broker=True)}")


def _follow(arguments: argparse.Namespace, store: "RosterStore", ledger: "Store") -> None:
    """Updates the roster by orders and records: before the files, so that each is compared with the present state,
    and after them, because a file may bring back an older state.
    """
    from edge.central.roster import order_follower

    with turn_of(arguments) as authority:  # without an authority this raises
        found = order_follower.leavers(authority.registry, ledger, store)
        for change in order_follower.follow(authority, store, found):
            say(f"{change.person}: {change.what}")


def _take(path: Path, arguments: argparse.Namespace, store: "RosterStore", ledger: "Store") -> str:
    """Takes in one file, as one act of the authority. Returns what changed, in words. Raises ExportRefused."""
    from edge.central.roster import enrolment_intake, order_follower
    from edge.domain.protocol.audit_entry import Act
    from edge.errors import ExportRefused
    from edge.storage.bounded_read import read_file

    try:
        raw = read_file(path, _MOST)
    except OSError as error:
        raise ExportRefused(f"cannot be read ({error.strerror})") from error
    with turn_of(arguments) as authority:
        found = order_follower.leavers(authority.registry, ledger, store)
        with authority.act(Act.ROSTER_ADDED) as act:
            taken = enrolment_intake.take(
                store, raw, ledger.terminals(), arguments.site, leavers=found, begun=act.begin_about
            )
    if taken.older:
        return f"{taken.person} is older than an export that was taken; nothing was changed"
    if not taken.changed:
        return f"{taken.person} is there already, unchanged"
    if taken.changed == ("person",):
        return f"{taken.person} added, enrolled at {taken.terminal}"
    return f"{taken.person} changed by {taken.terminal}: {', '.join(taken.changed)}"


def run_withdraw(arguments: argparse.Namespace) -> int:
    """Ends the use of a person's face."""
    from edge.central.roster import membership
    from edge.domain.protocol.audit_entry import Act
    from edge.errors import LedgerRefused

    with (
        open_roster(arguments.directory) as store,
        turn_of(arguments) as authority,
        authority.act(Act.ROSTER_WITHDRAWN, arguments.person) as act,
    ):
        if not any(arguments.person in store.members(site) for site in store.sites()):
            raise LedgerRefused(f"{arguments.person}: is in no roster; `central roster list DIR` shows who is")
        sites = membership.withdraw(store, arguments.person, begun=lambda at: act.begin({"sites": at}))
    if not sites:
        print(f"{arguments.person}: the roster has no face of this person")
        return 0
    print(f"withdrawn     the face of {arguments.person} from {', '.join(sites)}; badge and PIN stay")
    _say_publish(arguments)
    return 0


def run_remove(arguments: argparse.Namespace) -> int:
    """Removes a person."""
    from edge.central.roster import membership, order_follower
    from edge.domain.protocol.audit_entry import Act
    from edge.errors import LedgerRefused

    with open_roster(arguments.directory) as store, turn_of(arguments) as authority:
        sites = [arguments.site] if arguments.site else store.sites()
        sites = [site for site in sites if arguments.person in store.members(site)]
        if not sites and arguments.person not in order_follower.nowhere(store):
            raise LedgerRefused(f"{arguments.person}: is in no roster; `central roster list DIR` shows who is")
        with authority.act(Act.ROSTER_REMOVED, arguments.person) as act:
            everywhere = set(membership.places(store, arguments.person)) <= set(sites)
            act.begin({"sites": sites, "reason": arguments.reason, "everywhere": everywhere})
            for site in sites:
                membership.remove(store, site, arguments.person, ErasureReason(arguments.reason))
            if not sites:
                membership.erase(store, arguments.person, ErasureReason(arguments.reason))
    print(f"removed       {arguments.person} from {', '.join(sites) or 'the people file; no site had them'}")
    _say_publish(arguments)
    return 0


def _numbers(store: "RosterStore", person: str) -> object:
    """The staff numbers of a person, by which payroll may know them; none if the entry is damaged."""
    from edge.errors import PeopleError

    try:
        return store.people.credentials.held(person)["staff_numbers"]
    except PeopleError:
        return []


def run_list(arguments: argparse.Namespace) -> int:
    """Lists the members of every site."""
    with open_roster(arguments.directory) as store:
        names = {one.id: one.name for one in store.people.list()} if arguments.names else {}
        numbers = {one: _numbers(store, one) for one in names}
        rows: list[dict[str, Any]] = [
            {
                "site": site,
                "person": row.person,
                "name": names.get(row.person),
                "staff_numbers": numbers.get(row.person, []),
                "state": "removed" if row.gone else "belongs",
                "reason": row.gone,
                "published": not row.stale,
            }
            for site in store.sites()
            for row in store.members(site).values()
        ]
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return 0
    for row in rows:
        state = f"removed ({row['reason']})" if row["reason"] else "belongs"
        pending = "" if row["published"] else "  not published yet"
        say(f"{row['site']:<12}  {row['person']}  {row['name'] or '-':<24}  {state}{pending}")
    print(counted(sum(row["state"] == "belongs" for row in rows), "person", "people"))
    return 0


def run_rotate(arguments: argparse.Namespace) -> int:
    """Replaces the key of a site."""
    from edge.central.roster import membership
    from edge.domain.protocol.audit_entry import Act

    with (
        open_roster(arguments.directory) as store,
        turn_of(arguments) as authority,
        authority.act(Act.ROSTER_KEY) as act,
    ):
        number = membership.rotate(store, arguments.site, begun=lambda at: act.begin({"site": at[0]}))
    print(f"{arguments.site}: key {number} is made")
    _say_publish(arguments)
    return 0


_MOST = 65_536
