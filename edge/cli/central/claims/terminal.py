"""`smartclocker central terminal add|remove`: makes a claim token for a new terminal, and removes a terminal."""

import argparse
import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli import add_json
from edge.cli.central.authority import add_doing, book_of, doing
from edge.cli.central.directory import LEDGER_DB, duration, moment, verb
from edge.domain.plural import command, counted

if TYPE_CHECKING:
    from edge.domain.protocol.record import Origin

_BROKER = "/etc/smartclocker/broker"


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the arguments of `terminal add` and `terminal remove`."""
    group = verbs.add_parser("terminal", help="add a terminal by a token that it claims, or remove one")
    own = group.add_subparsers(metavar="VERB", required=True)
    add = verb(own, "add", "make a claim token: with it a new terminal gets this name, once", run_add)
    add.epilog = (
        "The token is a secret: read it to whoever stands at the terminal, or let them type it from this screen. "
        "`smartclocker central claims DIR` must run until the terminal has claimed."
    )
    _add_name(add)
    add.add_argument(
        "--valid", type=duration, default=timedelta(hours=1), metavar="TIME",
        help="how long the token counts (default: 1h; 1m to 7d)",
    )  # fmt: skip
    add.add_argument(
        "--at", type=_place, metavar="HOST[:PORT]",
        help="where the terminal finds the claim server; printed with the command to give there",
    )  # fmt: skip
    add.add_argument(
        "--again", action="store_true",
        help="the name has an identity or an open token already, and this terminal takes its place",
    )  # fmt: skip
    add.add_argument(
        "--request", type=Path, metavar="FILE",
        help="without a network: the file that `smartclocker claim --request` made; no token is needed then",
    )  # fmt: skip
    add.add_argument(
        "--answer", type=Path, metavar="FILE",
        help="with --request: the new file for `smartclocker claim --answer` at the terminal",
    )  # fmt: skip
    add_json(add)
    add_doing(add, why="a terminal is added")

    remove = verb(
        own, "remove", "revoke a terminal's identity and certificates, and end its open tokens", run_remove
    )
    _add_name(remove)
    remove.add_argument(
        "--since", type=moment, metavar="TIME",
        help="as in `central revoke`: from when on somebody else may have had the key",
    )  # fmt: skip
    add_doing(remove, why="a terminal is removed")


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("terminal", type=_origin, metavar="SITE/NAME", help="the site and the name of the terminal")


def _origin(text: str) -> "Origin":
    """`main/gate-1` as the type of an argument."""
    from edge.domain.protocol import names
    from edge.domain.protocol.record import Origin

    site, slash, terminal = text.partition("/")
    if not slash:
        raise argparse.ArgumentTypeError(f"{text!r} is no SITE/NAME; write main/gate-1, for example")
    try:
        return Origin(names.site(site), names.terminal(terminal))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _place(text: str) -> str:
    """`HOST` or `HOST:PORT` as the type of an argument."""
    from edge.domain.claim.address import read_address

    try:
        read_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _centre(arguments: argparse.Namespace) -> Path:
    """The directory of the centre. Raises LedgerError if it is none, before anything is made in it."""
    from edge.errors import LedgerError

    base: Path = arguments.directory
    if not (base / "pki" / "ca.key").exists():
        raise LedgerError(f"{base}: no centre is here; name the directory that `central init` made")
    return base


def run_add(arguments: argparse.Namespace) -> int:
    """Makes a token and prints it, or answers a request that came as a file."""
    from edge.central.claims import tokens
    from edge.errors import NameRefused

    base = _centre(arguments)
    if (arguments.request is None) != (arguments.answer is None):
        raise NameRefused("--request and --answer belong together: the file that came, and the one to carry back")
    if arguments.request is not None:
        return _answer(arguments, base)
    origin: Origin = arguments.terminal
    with book_of(arguments) as book:
        made = tokens.make_token(base, book, doing(arguments), origin, arguments.valid, again=arguments.again)
    text, there = made.token.written(), command("claim", arguments.at or "HOST", root=True)
    if arguments.json:
        print(json.dumps({"token": text, "expires": made.expires, "at": arguments.at}))
        return 0
    print(f"token         {text}")
    print(f"counts        once, for {origin.site}/{origin.terminal}, until {made.expires}")
    if made.replaced:
        print(f"ended         {counted(made.replaced, 'earlier token')} of this name")
    print(f"here          {command('central', 'claims', base)}  (until the terminal has claimed)")
    print(f"there         {there}  (it asks for the token)")
    return 0


def _answer(arguments: argparse.Namespace, base: Path) -> int:
    """Admits the terminal of a request's file, and writes the answer's file."""
    from edge.central.claims import by_file
    from edge.central.roster.schema import ROSTER_DB
    from edge.cli.central.keys import say_allowed
    from edge.cli.output.next_step import at_centre
    from edge.domain.claim import messages
    from edge.errors import ClaimRefused
    from edge.storage.bounded_read import read_file
    from edge.storage.durable_file import NewFile

    origin: Origin = arguments.terminal
    try:
        content = read_file(arguments.request, messages.MOST_REQUEST)
    except OSError as error:
        raise ClaimRefused(
            f"{arguments.request}: cannot be read ({error.strerror}); give the file's path"
        ) from error
    with NewFile(arguments.answer, ClaimRefused) as file, book_of(arguments) as book:
        answer, keyid = by_file.admit(base, book, origin, content, again=arguments.again)
        file.write(messages.write_message(answer))
    if arguments.json:
        print(json.dumps({"keyid": keyid, "answer": str(arguments.answer)}))
        return 0
    print(f"registered    {origin.site}/{origin.terminal} with key {keyid}  (the terminal printed the same)")
    print(f"answer        {arguments.answer}  (there: {command('claim', '--answer', 'FILE', root=True)})")
    if (base / ROSTER_DB).exists():
        print(f"next          {at_centre(arguments, 'roster publish', broker=True)}")
    say_allowed(base, origin.site)
    return 0


def run_remove(arguments: argparse.Namespace) -> int:
    """Removes a terminal, and prints what the broker still needs."""
    from edge.central.claims import removal
    from edge.central.roster.schema import ROSTER_DB
    from edge.central.store.records import Store
    from edge.cli.output.next_step import at_centre

    base, origin = _centre(arguments), arguments.terminal
    with Store(base / LEDGER_DB) as store, book_of(arguments) as book:
        removed = removal.remove(base, store, book, origin, arguments.since)
    for keyid in removed.keyids:
        print(f"revoked       {keyid}  of {origin.site}/{origin.terminal}")
    if removed.tokens:
        print(f"ended         {counted(removed.tokens, 'token')} of this name")
    if removed.listed_in is None:
        print(f"certificates  none of {origin.terminal} is left to revoke")
        return 0
    print(f"certificates  {removed.certificates} of {origin.terminal} revoked in {removed.listed_in}")
    print("now           the ledger takes nothing more of it; the broker still lets it in, until you give:")
    print(f"next          {command('central', 'broker', base, _BROKER, root=True)}")
    print("              systemctl restart mosquitto  (a reload refuses new connections, but ends no open one)")
    if (base / ROSTER_DB).exists():
        print(f"              {at_centre(arguments, 'roster publish', broker=True)}  (a new site key, without it)")
    return 0
