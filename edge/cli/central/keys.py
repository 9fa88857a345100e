"""`smartclocker central issue`, `register`, `revoke`: certificates and identities of terminals."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli.central.authority import add_doing, book_of
from edge.cli.central.directory import LEDGER_DB, LEDGER_PUBLIC, moment, named, open_ledger, verb
from edge.cli.output.next_step import at_centre
from edge.domain.plural import command

if TYPE_CHECKING:
    from edge.central.broker.issued_certificates import Issued

_KEYID = re.compile(r"[0-9a-f]{32}")
_TO = "/etc/smartclocker"
_SHOWN = "give what `smartclocker keys show` prints at the terminal"


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the arguments of `issue`, `register` and `revoke`."""
    issue = verb(
        verbs,
        "issue",
        "issue a terminal's TLS certificate, or renew it; the files are then copied to it",
        run_issue,
    )
    issue.add_argument("terminal", type=named("terminal"), metavar="TERMINAL", help="the name of the terminal")
    add_doing(issue, why="a certificate is issued")

    register = verb(
        verbs, "register", "register a terminal's identity: its records are stored from now on", run_register
    )
    register.add_argument("site", type=named("site"), metavar="SITE", help="the site of the terminal")
    register.add_argument("terminal", type=named("terminal"), metavar="TERMINAL", help="the name of the terminal")
    register.add_argument(
        "key", type=Path, metavar="PEM", help="the public key that `smartclocker keys show` printed at the terminal"
    )
    add_doing(register, why="a terminal is set up")

    revoke = verb(
        verbs,
        "revoke",
        "revoke an identity and its certificates: nothing more of it is accepted; stored records stay",
        run_revoke,
    )
    revoke.add_argument(
        "keyid", metavar="KEYID",
        help=("the identity, as `central terminals` lists it; or a NAME: then only the certificates "
 "of that name are revoked"
),
    )  # fmt: skip
    revoke.add_argument(
        "--since", type=moment, metavar="TIME",
        help=("the hours mark as `unproven` what the ledger received from this moment on, in RFC "
 "3339 with Z or an offset; without it they mark everything of the identity as "
 "`revoked`. May be given later, and again"
),
    )  # fmt: skip
    add_doing(revoke, why="nobody said why")


def run_issue(arguments: argparse.Namespace) -> int:
    """Issues a certificate; prints where its files belong and what they replace."""
    from edge.central.authority import authority_key
    from edge.central.broker import certificates, revocation_list
    from edge.domain.protocol.audit_entry import Act

    base: Path = arguments.directory
    certificates.load_authority(base / "pki")  # raises, before anything is begun, if there is no CA
    former = revocation_list.valid(base / "pki", arguments.terminal)
    with book_of(arguments) as book, book.act(Act.CERTIFICATE_ISSUED, {"name": arguments.terminal}):
        files = certificates.issue_client(base / "pki", arguments.terminal)
    new = revocation_list.valid(base / "pki", arguments.terminal)[-1]
    print(f"certificate   {files.certificate}  (at the terminal: {_TO}/tls/terminal.pem; until {_day(new)})")
    print(f"key           {files.key}  (there: {_TO}/keys/tls-key; move it, keep no copy)")
    print(f"ca            {files.ca}  (there: {_TO}/tls/ca.pem)")
    print(f"ledger key    {base / LEDGER_PUBLIC}  (there: {_TO}/ledger.pem)")
    if (pinned := base / authority_key.PUBLIC).exists():
        print(f"authority     {pinned}  (there: {_TO}/authority.pem, which keys.authority names)")
    if former:
        print(
            f"replaces      that of {former[-1].begin:%Y-%m-%d}, which counts until {_day(former[-1])}; to end it\n"
            f"              at once, `{at_centre(arguments, 'revoke', arguments.terminal)}`, then issue again"
        )
    return 0


def run_register(arguments: argparse.Namespace) -> int:
    """Registers an identity."""
    from edge.central.authority import identities
    from edge.central.roster.schema import ROSTER_DB
    from edge.central.store.records import Store
    from edge.crypto.curve_points import sealing_key
    from edge.crypto.key_files import load_public
    from edge.domain.protocol.record import Origin
    from edge.errors import LedgerError

    key, origin = load_public(arguments.key, _SHOWN), Origin(arguments.site, arguments.terminal)
    sealing_key(key)  # refuses an invalid key before anything is begun
    if not any((arguments.directory / name).exists() for name in (LEDGER_PUBLIC, LEDGER_DB)):
        raise LedgerError(f"{arguments.directory}: no centre is here; name the directory that `central init` made")
    with Store(arguments.directory / LEDGER_DB) as store, book_of(arguments) as book:
        terminal = identities.register(store, book, origin, key)
    print(f"registered    {arguments.site}/{arguments.terminal} with key {terminal.keyid}")
    if (arguments.directory / ROSTER_DB).exists():  # the site key must be sealed to the new terminal
        print(f"next          {at_centre(arguments, 'roster publish', broker=True)}")
        print("              so that the terminal knows the people of its site")
    say_allowed(arguments.directory, origin.site)
    return 0


def say_allowed(base: Path, site: str) -> None:
    """Writes the ACL by which the terminals of a site read each other's punches, and says how it gets into use."""
    from edge.central.setup import allow_terminals

    allowed = allow_terminals(base)
    if allowed is None or sum(one.site == site for one in allowed) < 2:
        return
    print(f"acl           {base / 'acl'}  lets the terminals of {site} read each other's punches")
    print(f"next          {command('central', 'broker', base, '/etc/smartclocker/broker', root=True)}")
    print("              systemctl reload mosquitto")


def run_revoke(arguments: argparse.Namespace) -> int:
    """Revokes an identity and the certificates of its name, or only the certificates of a name."""
    if _KEYID.fullmatch(arguments.keyid) is None:
        return _revoke_name(arguments)
    return _revoke_identity(arguments)


def _revoke_identity(arguments: argparse.Namespace) -> int:
    from edge.central.authority import identities
    from edge.central.setup import allow_terminals

    identities.require_past(arguments.since)
    with open_ledger(arguments.directory) as store, book_of(arguments) as book:
        found = identities.revoke(store, book, arguments.keyid, arguments.since)
    origin = found.origin
    print(f"revoked       {arguments.keyid}  of {origin.site}/{origin.terminal}")
    if arguments.since is None:
        print("hours         all that rests on it is marked `revoked`; --since says from when on it is `unproven`")
    _say_revoked(arguments.directory, origin.terminal, found.gone, found.listed_in)
    allow_terminals(arguments.directory)
    for one in found.kept:
        print(
            f"kept          the certificate of {one.begin:%Y-%m-%d}: {found.successor} has this name and may "
            "speak;\n"
            f"              `{at_centre(arguments, 'revoke', origin.terminal)}` revokes it, too"
        )
    return 0


def _revoke_name(arguments: argparse.Namespace) -> int:
    from edge.central.authority import identities
    from edge.central.broker import certificates, revocation_list
    from edge.domain.protocol.audit_entry import Act
    from edge.errors import LedgerRefused, NameRefused

    base, name = arguments.directory, arguments.keyid
    if arguments.since is not None:
        raise NameRefused("--since is about an identity; give its KEYID, which `central terminals` lists")
    if name in {certificates.LEDGER, certificates.AUTHORITY} or name.startswith(f"{certificates.LEDGER}."):
        raise NameRefused(
            f"{name} is the centre's own; `{at_centre(arguments, 'init', '--renew')}` replaces and revokes it"
        )
    valid = revocation_list.valid(base / "pki", name)
    if not valid:
        raise LedgerRefused(
            f"no active identity and no certificate {name!r}; `smartclocker central terminals` lists the identities"
        )
    data = {"name": name, **identities.serials(valid)}
    with book_of(arguments) as book, book.act(Act.CERTIFICATES_REVOKED, data):
        path = revocation_list.revoke(base / "pki", valid)
    _say_revoked(base, name, valid, path)
    return 0


def _say_revoked(base: Path, name: str, which: "list[Issued]", path: Path | None) -> None:
    if path is None:
        print(f"certificates  none of {name} is left to revoke")
        return
    print(f"certificates  {len(which)} of {name} revoked in {path}")
    print(f"next          {command('central', 'broker', base, '/etc/smartclocker/broker', root=True)}")
    print("              systemctl restart mosquitto  (a reload refuses new connections, but ends no open one)")


def _day(one: "Issued") -> str:
    return f"{one.end:%Y-%m-%d}"
