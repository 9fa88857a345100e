"""`smartclocker central audit`: verifies and prints who did what with personal data and why; enters acts by
hand.
"""

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from edge.cli import add_json
from edge.cli.central.authority import add_doing, open_registry, turn_of
from edge.cli.central.directory import LEDGER_DB, open_ledger, reason, verb
from edge.cli.output.plain_text import say
from edge.domain.plural import counted
from edge.domain.protocol.audit_entry import Act

if TYPE_CHECKING:
    from edge.central.authority.register import OrderRegister
    from edge.central.authority.terminal_audit import Said
    from edge.domain.protocol.audit_entry import AuditEntry


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the arguments of `audit`."""
    audit = verb(verbs, "audit", "verify the audit log and print it; or enter a disclosure or a note", run_audit)
    audit.epilog = (
        "Exit code 65 when the log, or with --terminals the ledger, does not verify. Write down the last line's "
        "digest elsewhere."
    )
    by_hand = [str(Act.DISCLOSURE), str(Act.NOTE)]
    audit.add_argument("--enter", choices=by_hand, help="enter this into the log instead of printing it")
    audit.add_argument(
        "--person",
        metavar="ID",
        help=("the person: print only entries about them; with `--enter`: the person whose data it was"),
    )
    audit.add_argument(
        "--terminals",
        action="store_true",
        help=(
            "print what the signed records of terminals say, too: enrolments, consents, "
            "restrictions, erasures, corrections, results of orders, and operators by number; the "
            "whole ledger is verified"
        ),
    )
    audit.add_argument("--to", type=reason, metavar="WHOM", help="with a disclosure: who was given the data")
    audit.add_argument(
        "--force",
        action="store_true",
        help=("with `--enter`: take the id although neither a record nor the roster names it"),
    )
    add_doing(audit, why="")
    add_json(audit)


def run_audit(arguments: argparse.Namespace) -> int:
    """Verifies and prints the log, or enters an act."""
    from edge.central.authority.audit import check, present_key
    from edge.errors import JournalAltered

    present = present_key(arguments.directory)
    if arguments.enter is not None:
        return _enter(arguments)
    with open_registry(arguments.directory) as registry:
        report, begun = check(registry, present), registry.begun()
        entries = _asked_for(report.entries, arguments)
        records, bad = _terminals(arguments, registry) if arguments.terminals else (None, [])
    if arguments.json:
        rows: list[dict[str, Any]] = [
            {"n": e.n, "at": e.at, "by": e.by, "act": e.act, "why": e.why, "person": e.person, "data": e.data}
            for e in entries
        ]
        document: dict[str, Any] = {
            "entries": rows,
            "head": report.head,
            "problem": report.problem,
            "begun": begun,
        }
        if records is not None:
            document |= {"records": [asdict(one) for one in records], "ledger_problems": bad}
        print(json.dumps(document, indent=2))
    else:
        for e in entries:
            told = " ".join(f"{name}={value}" for name, value in e.data.items() if name not in {"key", "statement"})
            say(f"{e.n:>5}  {e.at}  {e.by}  {e.act}  {e.person or '-'}  {told}  ({e.why})")
        print(f"{len(report.entries)} entries verify; the last one's digest is {report.head}")
        if begun:
            print(
                f"{begun} acts were begun and are not entered yet: a command is running, or was interrupted; "
                "the next command that acts enters them"
            )
        if report.problem is not None:
            say(f"problem: {report.problem}")
        for one in records or ():
            told = " ".join(f"{name}={value}" for name, value in one.data.items() if name != "command_id")
            doubt = f"  [{one.doubt}]" if one.doubt else ""
            how = f"order {one.order}" if one.order is not None else f"by {one.by}" if one.by else "-"
            say(f"{one.record}  {one.at}  {one.kind}  {one.person or '-'}  {how}  {told}{doubt}")
        if records is not None:
            print(
                f"{counted(len(records), 'record')} of terminals; "
                + ("the ledger verifies" if not bad else "problems:")
            )
        for line in bad:
            say(f"  {line}")
    return 0 if report.problem is None and not bad else JournalAltered.exit_code


def _enter(arguments: argparse.Namespace) -> int:
    from edge.errors import LedgerRefused

    wrong = [] if arguments.why else ["an entry needs --why; give it"]
    if arguments.enter == Act.DISCLOSURE and not (arguments.to or "").strip():
        wrong.append("a disclosure needs --to, who was given the data; give it")
    if arguments.enter != Act.DISCLOSURE and arguments.to is not None:
        wrong.append("--to belongs to a disclosure; leave it out, or give --enter disclosure")
    if wrong:
        raise LedgerRefused("; ".join(wrong))
    if not arguments.force:
        _refuse_unknown(arguments, "nothing was entered. --force enters it all the same")
    with turn_of(arguments) as authority:
        data = {} if arguments.to is None else {"to": arguments.to}
        entry = authority.registry.enter(
            authority.key, authority.doing, Act(arguments.enter), data, arguments.person
        )
    print(f"entered as {entry.n}")
    return 0


def _asked_for(entries: "list[AuditEntry]", arguments: argparse.Namespace) -> "list[AuditEntry]":
    found = [one for one in entries if arguments.person in {None, one.person}]
    if not found:
        _refuse_unknown(arguments, "nothing can be on record about them")
    return found


def _refuse_unknown(arguments: argparse.Namespace, instead: str) -> None:
    """Refuses an unknown person id, if there is a ledger in DIR; the ledger may be on another machine.

    Raises QuestionError.
    """
    from edge.central.attendance.unanswerable import refuse_unknown

    if (arguments.directory / LEDGER_DB).exists():
        with open_ledger(arguments.directory) as store:
            refuse_unknown(store, arguments.person, instead)


def _terminals(arguments: argparse.Namespace, registry: "OrderRegister") -> "tuple[list[Said], list[str]]":
    from edge.central.authority.terminal_audit import problems, said

    with open_ledger(arguments.directory) as store:
        return said(registry, store, arguments.person), problems(store)
