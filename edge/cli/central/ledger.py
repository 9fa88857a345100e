"""`smartclocker central run`, `terminals`, `verify`: runs the ledger, lists its terminals, verifies its records."""

import argparse
import json
import logging
import signal
from typing import TYPE_CHECKING, Any

from edge.cli import add_json
from edge.cli.central.directory import LEDGER_DB, LEDGER_KEY, add_broker, open_ledger, uplink, verb
from edge.cli.output.next_step import at_centre
from edge.domain.plural import counted

if TYPE_CHECKING:
    from edge.central.ledger.terminal_claims import Claim


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the arguments of `run`, `terminals` and `verify`."""
    run = verb(verbs, "run", "run the ledger: store each record exactly once, answer with receipts", run_ledger)
    add_broker(run)
    run.add_argument(
        "--instance",
        metavar="NAME",
        help=(
            "the name of this ledger, where several run on one database: each has a session of "
            "its own at the broker"
        ),
    )
    run.add_argument(
        "--daily-mb",
        type=int,
        metavar="N",
        help="megabytes that one terminal may have stored in a day (default: 256)",
    )
    run.set_defaults(log_level=logging.INFO)

    terminals = verb(
        verbs,
        "terminals",
        "list the registered identities, how far each is receipted, and why it refuses people",
        run_terminals,
    )
    terminals.epilog = (
        "The counters are what the terminal reports, unsigned, since its program started; --json prints all."
    )
    terminals.add_argument(
        "--pem", metavar="KEYID", help="print the public key of this identity instead, also of a revoked one"
    )
    add_json(terminals, array=True)
    add_json(verb(verbs, "verify", "check every stored record again, with public keys alone", run_verify))


def run_terminals(arguments: argparse.Namespace) -> int:
    """Lists identities and their chains, or prints the public key of one."""
    from edge.central.ledger.terminal_claims import claims

    if arguments.pem is not None:
        return _print_key(arguments)
    with open_ledger(arguments.directory) as store:
        said = claims(store)
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
                "doubted_since": terminal.doubted_since,
                "chains": upto.get(terminal.id, []),
                "counters": None if terminal.revoked else _counters(said.get(terminal.origin)),
            }
            for terminal in store.terminals()
        ]
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return 0
    for row in rows:
        state = f"revoked {row['revoked']}" if row["revoked"] else f"registered {row['registered']}"
        state += f", unproven since {row['doubted_since']}" if row["doubted_since"] else ""
        print(f"{row['site']}/{row['terminal']}  {row['keyid']}  {state}")
        for chain in row["chains"]:
            print(f"    epoch {chain['epoch']}  receipted to {chain['upto']}")
        counters = (row["counters"] or {}).items()
        back = [f"{name.removeprefix(_BACK)} {n}" for name, n in counters if name.startswith(_BACK)]
        if back:
            print(f"    people refused since it started, by reason: {', '.join(back)}")
    return 0


def _print_key(arguments: argparse.Namespace) -> int:
    from edge.crypto.key_files import public_pem
    from edge.errors import LedgerRefused

    with open_ledger(arguments.directory) as store:
        terminal = store.terminal(arguments.pem)
    if terminal is None:
        raise LedgerRefused(f"no identity {arguments.pem} was ever registered; `central terminals` lists them")
    print(public_pem(terminal.key), end="")
    return 0


_BACK = "refused_"
"""Prefix of the counters of refused people; the rest of the name is the reason."""


def _counters(claim: "Claim | None") -> dict[str, int] | None:
    return dict(claim.counters) if claim is not None and claim.epoch is not None else None


def run_verify(arguments: argparse.Namespace) -> int:
    """Verifies the whole ledger."""
    from edge.central.ledger.recheck import verify_all
    from edge.errors import JournalAltered

    with open_ledger(arguments.directory) as store:
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
                        + (
                            f"record {r.problem.seq}: {r.problem.what}"
                            if r.problem
                            else counted(r.conflicts, "conflict")
                        )
                        for r in bad
                    ],
                }
            )
        )
    else:
        for report in reports:
            said = "ok" if report.ok else counted(report.conflicts, "conflict")
            said = said if report.problem is None else f"bad record {report.problem.seq}: {report.problem.what}"
            name = f"{report.origin.site}/{report.origin.terminal}"
            print(f"{name}  {report.epoch}  {counted(report.records, 'record')}  {said}")
    return JournalAltered.exit_code if bad else 0


def run_ledger(arguments: argparse.Namespace) -> int:
    """Runs the ledger until SIGTERM or SIGINT."""
    from edge.central.broker.client import client_id
    from edge.central.ledger.quota import DAILY
    from edge.central.ledger.service import LedgerService, LedgerSettings
    from edge.errors import KeyFileError, NameRefused

    base = arguments.directory
    link = uplink(arguments, client_id(arguments.instance))
    if arguments.instance is not None and not link.certificate.exists():
        raise KeyFileError(
            f"{link.certificate}: this instance has no certificate; "
            f"`{at_centre(arguments, 'init', '--instance', arguments.instance)}`, and give the broker its ACL "
            "(`central broker`)"
        )
    daily = DAILY if arguments.daily_mb is None else arguments.daily_mb * 1_000_000
    if daily <= 0:
        raise NameRefused(f"--daily-mb {arguments.daily_mb}: stores nothing; give a number from 1 on")
    settings = LedgerSettings(link, base / LEDGER_DB, base / LEDGER_KEY, arguments.instance, daily)
    service = LedgerService(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: service.stop())
    service.run()
    return 0
