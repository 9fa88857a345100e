"""`smartclocker central …`: thin over `edge.central`."""

import argparse
import json
import logging
import signal
from pathlib import Path
from typing import Any

from edge.cli import add_json, central_import

LEDGER_KEY, LEDGER_PUBLIC, LEDGER_DB = "ledger.key", "ledger.pem", "ledger.db"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `central`."""
    parser.epilog = "DIR holds everything of the centre. Back it up: it holds the certificate authority's key."
    verbs = parser.add_subparsers(metavar="VERB", required=True)

    init = _verb(verbs, "init", "make the authority, the ledger's keys and the broker's configuration", run_init)
    init.add_argument(
        "--host", action="append", required=True, help="a name or address of the broker; may be repeated"
    )
    init.add_argument("--site", action="append", required=True, help="a site that it serves; may be repeated")
    init.add_argument("--listen", default="0.0.0.0", help="the address that the broker listens on")  # noqa: S104 - terminals are elsewhere
    init.add_argument("--port", type=int, default=8883)

    issue = _verb(verbs, "issue", "issue a terminal's TLS certificate; the files are then copied to it", run_issue)
    issue.add_argument("terminal", metavar="TERMINAL")

    register = _verb(
        verbs, "register", "let a terminal's identity speak: its records count from now on", run_register
    )
    register.add_argument("site", metavar="SITE")
    register.add_argument("terminal", metavar="TERMINAL")
    register.add_argument("key", type=Path, metavar="PEM", help="what `smartclocker keys show` printed there")

    revoke = _verb(verbs, "revoke", "accept nothing more from an identity; what is stored stays", run_revoke)
    revoke.add_argument("keyid", metavar="KEYID", help="as `central terminals` lists it")

    add_json(
        _verb(verbs, "terminals", "list the registered identities and how far each is receipted", run_terminals)
    )
    add_json(_verb(verbs, "verify", "check every stored record again, with public keys alone", run_verify))

    central_import.configure(verbs)

    run = _verb(verbs, "run", "run the ledger: store each record exactly once, answer with receipts", run_ledger)
    run.add_argument("--host", default="localhost", help="the broker, by a name in its certificate")
    run.add_argument("--port", type=int, default=8883)
    run.set_defaults(log_level=logging.INFO)


def _verb(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str, call: object
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.set_defaults(call=call)
    return parser


def run_init(arguments: argparse.Namespace) -> int:
    """Make what is missing; keys that exist are kept."""
    from edge.central import broker, pki
    from edge.journal import keys

    base: Path = arguments.directory
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = base / "pki"
    pki.create_authority(authority)
    server = pki.issue_server(authority, arguments.host)
    pki.issue_client(authority, "ledger")
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
    print(f"ledger key    {base / LEDGER_PUBLIC}  (every terminal pins it: keys.ledger)")
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
    from edge.central.store import Store
    from edge.errors import LedgerError

    with Store(arguments.directory / LEDGER_DB) as store:
        if not store.revoke(arguments.keyid):
            raise LedgerError(f"no active identity {arguments.keyid}; `smartclocker central terminals` lists them")
    print(f"revoked       {arguments.keyid}")
    return 0


def run_terminals(arguments: argparse.Namespace) -> int:
    """List identities and their chains."""
    from edge.central.store import Store

    with Store(arguments.directory / LEDGER_DB) as store:
        upto: dict[int, list[dict[str, object]]] = {}
        for chain in store.chains():
            upto.setdefault(chain.terminal, []).append({"epoch": chain.epoch, "upto": chain.upto})
        rows: list[dict[str, Any]] = [
            {
                "site": terminal.origin.site,
                "terminal": terminal.origin.terminal,
                "keyid": terminal.keyid,
                "registered": terminal.registered,
                "revoked": terminal.revoked,
                "chains": upto.get(terminal.id, []),
            }
            for terminal in store.terminals()
        ]
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return 0
    for row in rows:
        state = f"revoked {row['revoked']}" if row["revoked"] else f"registered {row['registered']}"
        print(f"{row['site']}/{row['terminal']}  {row['keyid']}  {state}")
        for chain in row["chains"]:
            print(f"    epoch {chain['epoch']}  receipted to {chain['upto']}")
    return 0


def run_verify(arguments: argparse.Namespace) -> int:
    """Audit the whole ledger."""
    from edge.central.audit import verify_all
    from edge.central.store import Store
    from edge.errors import JournalAltered

    with Store(arguments.directory / LEDGER_DB) as store:
        reports = verify_all(store)
    bad = [report for report in reports if not report.ok]
    if arguments.json:
        print(
            json.dumps(
                {
                    "chain": "broken" if bad else "ok",
                    "records": sum(report.records for report in reports),
                    "problems": [
                        f"{r.origin.site}/{r.origin.terminal} {r.epoch}: "
                        + (f"record {r.problem.seq}: {r.problem.what}" if r.problem else f"{r.conflicts} conflicts")
                        for r in bad
                    ],
                }
            )
        )
    else:
        for report in reports:
            said = "ok" if report.ok else f"{report.conflicts} conflicts"
            said = said if report.problem is None else f"bad record {report.problem.seq}: {report.problem.what}"
            name = f"{report.origin.site}/{report.origin.terminal}"
            print(f"{name}  {report.epoch}  {report.records} records  {said}")
    return JournalAltered.exit_code if bad else 0


def run_ledger(arguments: argparse.Namespace) -> int:
    """Until SIGTERM or SIGINT."""
    from edge.adapters.mqtt_tls import UplinkSettings
    from edge.central.service import LedgerService, LedgerSettings

    base: Path = arguments.directory
    pki = base / "pki"
    uplink = UplinkSettings(
        arguments.host, arguments.port, pki / "ca.crt", pki / "client-ledger.crt", pki / "client-ledger.key"
    )
    service = LedgerService(LedgerSettings(uplink, base / LEDGER_DB, base / LEDGER_KEY))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: service.stop())
    service.run()
    return 0
