"""`smartclocker central authority init|show|rotate`: the key whose orders terminals obey."""

import argparse
import contextlib
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli.central.directory import duration, open_ledger, reason, verb
from edge.cli.output.next_step import at_centre
from edge.domain.plural import counted

if TYPE_CHECKING:
    from edge.central.authority.acting import Book, OpenAuthority
    from edge.central.authority.register import Actor, OrderRegister


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the arguments of `init`, `show` and `rotate`."""
    group = verbs.add_parser("authority", help="the key whose orders terminals obey: make, show or replace it")
    own = group.add_subparsers(metavar="VERB", required=True)
    init = verb(own, "init", "make the authority's key, and begin its audit log; existing ones are kept", run_init)
    add_doing(init, why="the authority is set up")
    verb(own, "show", "print the public key, which terminals pin (keys.authority)", run_show)
    rotate = verb(own, "rotate", "replace the key: the old key signs an order that names the new one", run_rotate)
    rotate.epilog = (
        "The order is stored. `smartclocker central orders DIR --send` sends it, again until each has answered."
    )
    rotate.add_argument(
        "--overlap", type=duration, default=timedelta(days=30), metavar="TIME",
        help=("how long the old key counts beside the new one (default: 30d, 92d at most); a "
 "terminal that is away for longer must be given the new key by hand"
),
    )  # fmt: skip
    add_doing(rotate)


def add_doing(parser: argparse.ArgumentParser, why: str | None = None) -> None:
    """Adds `--by` and `--why`: who acts and why, for the audit log."""
    parser.add_argument(
        "--by", type=reason, metavar="WHO", default=None,
        help=("name of the person who does it, for the audit log (default: the name of this login); "
 "the number of the login is kept beside it"
),
    )  # fmt: skip
    parser.add_argument(
        "--why",
        type=reason,
        metavar="TEXT",
        default=why or None,
        required=why is None,
        help="the reason, one line for the audit log",
    )


def doing(arguments: argparse.Namespace) -> "Actor":
    """The values of `add_doing`, and the number of the login, which nobody can choose."""
    from edge.adapters.linux.login_uid import name_of, uid
    from edge.central.authority.register import Actor

    login = uid()
    return Actor(arguments.by or name_of(login), arguments.why, login)


def turn_of(arguments: argparse.Namespace) -> "contextlib.AbstractContextManager[OpenAuthority]":
    """Opens the authority for this command; see `edge.central.authority.acting`."""
    from edge.central.authority import acting

    return acting.turn_of(arguments.directory, doing(arguments))


def book_of(arguments: argparse.Namespace) -> "contextlib.AbstractContextManager[Book]":
    """The audit log for this command. Without an authority there is no log, and nothing is entered."""
    from edge.central.authority import acting

    return acting.book_of(arguments.directory, doing(arguments))


def open_registry(directory: Path) -> "OrderRegister":
    """The register of the authority, for reading. Does not create one in a wrong DIR. Raises LedgerError."""
    from edge.central.authority import authority_key
    from edge.central.authority.register import OrderRegister
    from edge.errors import LedgerError

    path = directory / authority_key.DB
    if not path.exists():
        raise LedgerError(f"{path}: no authority is here; name the directory that `central authority init` made")
    return OrderRegister(path)


def run_init(arguments: argparse.Namespace) -> int:
    """Makes the key and the log if they are missing."""
    from edge.central.authority import authority_key
    from edge.crypto.dsse import key_id

    arguments.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = authority_key.init(arguments.directory, doing(arguments))
    print(f"authority     {arguments.directory / authority_key.PUBLIC}  (every terminal pins it: keys.authority)")
    kept = arguments.directory / authority_key.KEY
    print(f"key           {key_id(key.verify_key)}; keep {kept} closed and backed up")
    return 0


def run_show(arguments: argparse.Namespace) -> int:
    """Prints the public key as PEM."""
    from edge.central.authority import authority_key
    from edge.crypto.key_files import public_pem

    print(public_pem(authority_key.load(arguments.directory).verify_key), end="")
    return 0


def run_rotate(arguments: argparse.Namespace) -> int:
    """Makes the next key and the orders that announce it."""
    from datetime import UTC, datetime

    from edge.central.authority import authority_key
    from edge.errors import LedgerRefused

    if arguments.overlap > authority_key.ROTATION_VALID:
        raise LedgerRefused(f"--overlap is longer than {authority_key.ROTATION_VALID.days}d; give a shorter one")
    sites: dict[str, list[str]] = {}
    with open_ledger(arguments.directory) as store:
        for one in store.terminals():
            names = sites.setdefault(one.origin.site, [])
            if one.revoked is None and one.origin.terminal not in names:
                names.append(one.origin.terminal)
    sites = {site: names for site, names in sites.items() if names}
    made = authority_key.rotate(
        arguments.directory, doing(arguments), sites, overlap=arguments.overlap, start=datetime.now(UTC)
    )
    print(f"rotated       the key {made.keyid} signs from now on; the old one is valid until {made.until}")
    print(f"owed          {counted(sum(map(len, sites.values())), 'terminal')} still to learn it")
    print(f"next          {at_centre(arguments, 'orders', '--send', broker=True)}")
    return 0
