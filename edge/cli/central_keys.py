"""`smartclocker central init`, `issue`, `register`, `revoke`: who may speak, and by which keys."""

import argparse
from pathlib import Path

from edge.cli.central_dir import LEDGER_DB, LEDGER_KEY, LEDGER_PUBLIC, moment, open_ledger, verb


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Arguments of the four."""
    init = verb(verbs, "init", "make the authority, the ledger's keys and the broker's configuration", run_init)
    init.add_argument(
        "--host", action="append", required=True, help="a name or address of the broker; may be repeated"
    )
    init.add_argument("--site", action="append", required=True, help="a site that it serves; may be repeated")
    init.add_argument("--listen", default="0.0.0.0", help="the address that the broker listens on")  # noqa: S104 - terminals are elsewhere
    init.add_argument("--port", type=int, default=8883)

    issue = verb(verbs, "issue", "issue a terminal's TLS certificate; the files are then copied to it", run_issue)
    issue.add_argument("terminal", metavar="TERMINAL")

    register = verb(
        verbs, "register", "let a terminal's identity speak: its records count from now on", run_register
    )
    register.add_argument("site", metavar="SITE")
    register.add_argument("terminal", metavar="TERMINAL")
    register.add_argument("key", type=Path, metavar="PEM", help="what `smartclocker keys show` printed there")

    revoke = verb(verbs, "revoke", "accept nothing more from an identity; what is stored stays", run_revoke)
    revoke.add_argument("keyid", metavar="KEYID", help="as `central terminals` lists it")
    revoke.add_argument(
        "--since", type=moment, metavar="TIME",
        help="what the ledger received from then on is marked `unproven` in the hours; without it all of the "
        "identity's is marked `revoked`. It may be said later, and again: RFC 3339 with Z or an offset",
    )  # fmt: skip


def run_init(arguments: argparse.Namespace) -> int:
    """Make what is missing; keys that exist are kept."""
    from edge.central import broker, pki, roster_store
    from edge.journal import keys

    base: Path = arguments.directory
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = base / "pki"
    pki.create_authority(authority)
    server = pki.issue_server(authority, arguments.host)
    pki.issue_client(authority, pki.LEDGER)
    pki.issue_client(authority, pki.AUTHORITY)
    if not (base / LEDGER_KEY).exists():
        keys.create_identity(base / LEDGER_KEY)
    public = keys.load_identity(base / LEDGER_KEY).verify_key
    (base / LEDGER_PUBLIC).write_text(keys.public_pem(public), encoding="ascii")
    (base / "acl").write_text(broker.render_acl(arguments.site), encoding="ascii")
    settings = broker.BrokerSettings(
        address=arguments.listen,
        port=arguments.port,
        credentials=server,
        acl=base / "acl",
        state=Path("/var/lib/mosquitto"),
        sites=arguments.site,
    )
    (base / "mosquitto.conf").write_text(broker.render_configuration(settings), encoding="utf-8")
    print(f"authority     {authority / 'ca.crt'}  (every terminal gets a copy)")
    roster_store.ensure_key(base)
    print(f"ledger key    {base / LEDGER_PUBLIC}  (every terminal pins it: keys.ledger)")
    print(f"roster key    {base / roster_store.ROSTER_PUBLIC}  (terminals seal to it: people export --to)")
    print(
        f"broker        {base / 'mosquitto.conf'} and {base / 'acl'}: install them as provisioning/mosquitto says"
    )
    print(f"next          smartclocker central issue {base} TERMINAL; smartclocker central register {base} …")
    return 0


def run_issue(arguments: argparse.Namespace) -> int:
    """Issue and say where the files are."""
    from edge.central import pki

    files = pki.issue_client(arguments.directory / "pki", arguments.terminal)
    print(f"certificate   {files.certificate}\nkey           {files.key}  (move it to the terminal; keep no copy)")
    print(f"authority     {files.ca}")
    return 0


def run_register(arguments: argparse.Namespace) -> int:
    """Register an identity."""
    from edge.central.store import Store
    from edge.domain.records import Origin
    from edge.journal.keys import load_public

    with Store(arguments.directory / LEDGER_DB) as store:
        terminal = store.register(Origin(arguments.site, arguments.terminal), load_public(arguments.key))
    print(f"registered    {arguments.site}/{arguments.terminal} with key {terminal.keyid}")
    return 0


def run_revoke(arguments: argparse.Namespace) -> int:
    """Revoke an identity."""
    from edge.errors import LedgerError

    with open_ledger(arguments.directory) as store:
        if not store.revoke(arguments.keyid, arguments.since):
            raise LedgerError(f"no active identity {arguments.keyid}; `smartclocker central terminals` lists them")
    print(f"revoked       {arguments.keyid}")
    if arguments.since is None:
        print("hours         all that rests on it is marked `revoked`; --since says from when on it is `unproven`")
    return 0
