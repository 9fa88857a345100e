"""`smartclocker central roster publish`: updates the roster by orders and records, and publishes it to the
broker.
"""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from edge.cli.central.authority import add_doing, turn_of
from edge.cli.central.directory import add_broker, open_ledger, open_roster, uplink, verb
from edge.cli.output.next_step import at_centre
from edge.cli.output.plain_text import say

if TYPE_CHECKING:
    from edge.central.authority.acting import OpenAuthority
    from edge.central.roster.adoption import Adopted
    from edge.central.roster.store import RosterStore, Sent
    from edge.central.store.records import Store
    from edge.domain.protocol.order import Order


def configure(roster: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the arguments of `publish`."""
    publish = verb(
        roster, "publish", "sign what changed, and make the broker's copy equal to the centre's", run_publish
    )
    publish.epilog = (
        "People who left, by an order, the audit log or a terminal's record, are removed first. If the broker has "
        "a newer roster, because DIR was restored from a backup, that is taken over, and the verb says so."
    )
    publish.add_argument("--site", help="publish to this site alone (default: every site with a roster)")
    publish.add_argument(
        "--forget-lost",
        action="store_true",
        help="after a restore: take out everybody whom the restored roster does not know",
    )
    publish.add_argument(
        "--trust-backup",
        action="store_true",
        help=("after a restore: publish although nothing here tells who left or withdrew since"),
    )
    publish.add_argument(
        "--above",
        type=int,
        metavar="VERSION",
        help=(
            "after a restore: go on from a version above this one, which terminals name with the "
            "alarm `roster-behind`; needs --site"
        ),
    )
    add_doing(publish, why="what was ordered and logged goes to the terminals")
    add_broker(publish)


def run_publish(arguments: argparse.Namespace) -> int:
    """Updates the roster, signs its messages, and publishes the difference to the broker."""
    from edge.central.authority import lock
    from edge.central.broker.certificates import AUTHORITY
    from edge.central.roster import version_lift
    from edge.central.roster.publisher import publish, retained
    from edge.errors import NameRefused

    if arguments.above is not None and not arguments.site:
        raise NameRefused("--above is about one site; give --site, too")
    made: list[Order] = []
    with (
        open_ledger(arguments.directory) as ledger,
        open_roster(arguments.directory) as store,
        lock.held(arguments.directory, lock=lock.PUBLISHING),
    ):
        with turn_of(arguments) as authority:
            _heal(authority, store, ledger)
            made += _follow(authority, store, ledger)
        to = uplink(arguments, AUTHORITY)
        for site in [arguments.site] if arguments.site else store.sites():
            there = retained(to, site)
            with turn_of(arguments) as authority:
                _adopt(authority, store, site, there, arguments)
                made += _follow(authority, store, ledger)
                known = version_lift.logged(authority, site)
                if arguments.above is not None:
                    before = version_lift.lift(authority, store, site, arguments.above)
                    say(f"{site}: the roster goes on from version {arguments.above}; ours was {before}")
                messages = _compose(authority, store, site, ledger)
                published = getattr(store.site(site), "version", known)
                _say_unnamed(site, ledger)
            done = publish(to, site, messages, there)
            say(
                f"{site}: {done.retained} messages at the broker; {done.sent} sent ({done.bytes:,} bytes), "
                f"{done.emptied} emptied"
            )
            if published < known:
                say(version_lift.advice(site, known, published))
                above = "roster publish", "--site", site, "--above", known
                say(f"next          {at_centre(arguments, *above, broker=True)}")
        with turn_of(arguments) as authority:
            _look(authority, store, ledger)
        _send(arguments, made)
    return 0


def _follow(authority: "OpenAuthority", store: "RosterStore", ledger: "Store") -> "list[Order]":
    """Removes people who left. Returns new orders for terminals that were registered after such an order was
    given.
    """
    from edge.central.roster import order_follower, pending_ends

    found = order_follower.leavers(authority.registry, ledger, store)
    for change in order_follower.follow(authority, store, found):
        say(f"{change.person}: {change.what} ({', '.join(change.sites)})")
    return pending_ends.order_again(authority, store, ledger, found)


def _look(authority: "OpenAuthority", store: "RosterStore", ledger: "Store") -> None:
    """Prints the people about whom an operator has to decide."""
    from edge.central.roster import order_follower

    found = order_follower.leavers(authority.registry, ledger, store)
    for person, terminal in sorted(found.doubtful.items()):
        say(
            f"{person}: was erased by hand at {terminal} at the employer's request, and stays in the roster; "
            "`central roster remove` if that was not about this terminal alone"
        )
    for person, terminal in sorted(found.unproven.items()):
        say(
            f"{person}: left, withdrew or objected by a record of {terminal}, which was revoked and is not "
            "trusted; if it is true, `central roster remove` or `withdraw`, or `central order … object`"
        )
    for person in sorted(order_follower.nowhere(store)):
        say(
            f"{person}: is kept in roster-people.db and belongs to no site, because a file was restored: "
            "`central roster remove` erases them, `central roster add` of their export takes them in"
        )


def _heal(authority: "OpenAuthority", store: "RosterStore", ledger: "Store") -> None:
    from edge.central.roster import order_follower
    from edge.central.roster.adoption import heal

    back, lost, altered = heal(authority, store, order_follower.leavers(authority.registry, ledger, store))
    if back:
        say(f"roster-people.db is older than roster.db: {len(back)} people are back from our own messages")
    for person in lost:
        say(f"{person}: was added since that backup, and is lost; export them again at a terminal and add them")
    for person in altered:
        say(
            f"{person}: their entry in roster-people.db was altered, so that no change of it can be sent; "
            "export them again at a terminal and add them, or `central roster remove` them"
        )


def _adopt(
    authority: "OpenAuthority",
    store: "RosterStore",
    site: str,
    there: dict[str, bytes],
    arguments: argparse.Namespace,
) -> "Adopted | None":
    from edge.central.roster import adoption, retained

    found = retained.read(site, there, authority.registry.keys())
    if found.strangers:
        say(
            f"{site}: the broker's roster has messages under keys that the log here does not name "
            f"({', '.join(sorted(found.strangers))}): they are replaced. If the authority's files came from a "
            "backup, restore a newer one"
        )
    if not adoption.is_ahead(store, site, found):
        return None
    done = adoption.adopt(
        authority, store, site, found, forget_lost=arguments.forget_lost, trust=arguments.trust_backup
    )
    say(
        f"{site}: the broker's roster is version {done.version}, and ours was {done.before}: restored from a "
        f"backup? It goes on from {done.version}; taken over: {len(done.taken)} people who came or changed since, "
        f"{len(done.left)} who left"
    )
    for person in done.lost:
        say(f"{person}: forgotten; no key that is here opens their entry")
    return done


def _compose(authority: "OpenAuthority", store: "RosterStore", site: str, ledger: "Store") -> "dict[str, Sent]":
    from edge.central.roster.messages import compose
    from edge.domain.protocol.audit_entry import Act

    with authority.act(Act.ROSTER_PUBLISHED) as act:
        return compose(
            store, site, ledger.terminals(), authority.key, begun=lambda said: act.begin({"site": site, **said})
        )


def _say_unnamed(site: str, ledger: "Store") -> None:
    """Says that a site has too many identities for its manifest, so that its terminals do not know each other."""
    from edge.domain.roster.messages import MAX_IDENTITIES

    count = sum(one.origin.site == site and one.revoked is None for one in ledger.terminals())
    if count > MAX_IDENTITIES:
        say(
            f"{site}: has {count} identities of terminals, and the manifest names {MAX_IDENTITIES} at most: each "
            "terminal knows its own punches alone. Revoke identities that are not in use, or divide the site"
        )


def _send(arguments: argparse.Namespace, made: "Sequence[Order]") -> None:
    """Sends pending ends of employments to terminals that did not get the order. An order that cannot be sent
    is kept.
    """
    from edge.central.authority import order_status
    from edge.central.broker.certificates import AUTHORITY
    from edge.cli.central.authority import open_registry
    from edge.errors import BrokerError

    if not made:
        return
    ids = {one.id for one in made}
    with open_registry(arguments.directory) as registry:
        which = [one for one in registry.addressed() if one.order.id in ids]
        try:
            order_status.send(registry, uplink(arguments, AUTHORITY), which)
        except BrokerError as error:
            say(f"not sent: {error}")
    names = ", ".join(sorted(f"{one.origin.site}/{one.origin.terminal}" for one in which))
    say(f"owed          the end of an employment, by {names}")
    say(f"next          {at_centre(arguments, 'orders', '--send', broker=True)}")
