"""`smartclocker central audit`: who did what with people's data, and why; verified, and entries by hand."""

import argparse
import json
from typing import Any

from edge.cli import add_json
from edge.cli.central_authority import add_doing, doing, open_registry
from edge.cli.central_dir import verb


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Arguments of `audit`."""
    audit = verb(verbs, "audit", "verify the audit log and print it; or enter a disclosure or a note", run_audit)
    audit.epilog = "Exit code 65 when the log does not verify. Write down the last line's digest elsewhere."
    audit.add_argument("--enter", choices=("disclosure", "note"), help="enter something instead of printing")
    audit.add_argument("--person", metavar="ID", help="whose data it was; the opaque id")
    audit.add_argument("--to", metavar="WHOM", help="of a disclosure: who was given the data")
    add_doing(audit, why="")
    add_json(audit)


def run_audit(arguments: argparse.Namespace) -> int:
    """Verify and print, or enter."""
    from edge.central import authority
    from edge.central.auditcheck import check
    from edge.domain.auditlog import Act
    from edge.errors import JournalAltered, LedgerError
    from edge.journal.keys import load_public

    present = load_public(arguments.directory / authority.PUBLIC)
    with open_registry(arguments.directory) as registry:
        if arguments.enter is not None:
            if not arguments.why or (arguments.enter == "disclosure") != (arguments.to is not None):
                raise LedgerError("an entry needs --why, and a disclosure --to, whom; give them")
            key = authority.load(arguments.directory)
            data = {} if arguments.to is None else {"to": arguments.to}
            entry = registry.enter(key, doing(arguments), Act(arguments.enter), data, arguments.person)
            print(f"entered as {entry.n}")
            return 0
        report = check(registry, present)
    if arguments.json:
        rows: list[dict[str, Any]] = [
            {"n": e.n, "at": e.at, "by": e.by, "act": e.act, "why": e.why, "person": e.person, "data": e.data}
            for e in report.entries
        ]
        print(json.dumps({"entries": rows, "head": report.head, "problem": report.problem}, indent=2))
    else:
        for e in report.entries:
            told = " ".join(f"{name}={value}" for name, value in e.data.items() if name not in {"key", "statement"})
            print(f"{e.n:>5}  {e.at}  {e.by}  {e.act}  {e.person or '-'}  {told}  ({e.why})")
        print(f"{len(report.entries)} entries verify; the last one's digest is {report.head}")
        if report.problem is not None:
            print(f"problem: {report.problem}")
    return 0 if report.problem is None else JournalAltered.exit_code
