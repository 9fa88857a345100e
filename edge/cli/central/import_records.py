"""`smartclocker central import`: takes records from files, for example on a USB stick."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.cli import add_json
from edge.cli.output.plain_text import say

if TYPE_CHECKING:
    from edge.central.ledger.importer import FileReport


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the arguments of `import`."""
    parser = verbs.add_parser(
        "import",
        help="take records from files that `journal export` wrote, by the same rules as from the network",
        description="Store the genuine records of each FILE exactly once, also if they come by the network, too. "
        "Sealed files are opened with the ledger's key. Exit code 65 when a file was incomplete or a record was "
        "rejected; the genuine records are stored anyway.",
    )
    parser.add_argument("directory", type=Path, metavar="DIR", help="the directory of the centre")
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="files that `journal export` wrote")
    parser.add_argument(
        "--receipts",
        type=Path,
        metavar="FILE",
        help=("write the signed receipts into this new file, which `journal receipt` takes at the terminal"),
    )
    add_json(parser)
    parser.set_defaults(call=run_import)


def run_import(arguments: argparse.Namespace) -> int:
    """Imports every file, and writes the receipts."""
    import time

    from edge.central.ledger.importer import Importer, write_receipts
    from edge.central.store.records import Store
    from edge.cli.central.directory import LEDGER_DB, LEDGER_KEY
    from edge.crypto.key_files import load_identity
    from edge.errors import ExportRefused, TransferError

    key = load_identity(arguments.directory / LEDGER_KEY)  # first, so that a wrong DIR gets no new ledger
    with Store(arguments.directory / LEDGER_DB) as store:
        importer = Importer(store, key)
        reports = [importer.take(path) for path in arguments.files]
        wires = importer.receipts(time.monotonic_ns())
        if arguments.receipts is not None and wires:
            write_receipts(arguments.receipts, wires)
    if arguments.json:
        print(json.dumps({"files": [_as_json(report) for report in reports], "receipts": len(wires)}, indent=2))
    else:
        for report in reports:
            _say(report)
        if arguments.receipts is not None:
            print(f"receipts      {arguments.receipts}: {len(wires)}" if wires else "receipts      none to give")
    if any(report.unread for report in reports):
        return TransferError.exit_code
    return 0 if all(report.ok for report in reports) else ExportRefused.exit_code


def _counts(report: "FileReport") -> dict[str, int]:
    from edge.central.ledger.intake import Outcome

    return {outcome.value: report.outcomes[outcome] for outcome in Outcome}


def _as_json(report: "FileReport") -> dict[str, Any]:
    header = report.header
    return {
        "file": str(report.path),
        "site": None if header is None else header.origin.site,
        "terminal": None if header is None else header.origin.terminal,
        "epoch": None if header is None else header.epoch,
        **_counts(report),
        "reasons": {reason.value: count for reason, count in report.reasons.items()},
        "unreadable": report.unreadable,
        "upto": report.upto,
        "problems": report.problems,
    }


def _say(report: "FileReport") -> None:
    counts = ", ".join(f"{count} {word}" for word, count in _counts(report).items() if count or word == "stored")
    say(f"{'imported' if report.ok else 'incomplete':<13} {report.path}: {counts}; held up to {report.upto}")
    for problem in report.problems:
        say(f"              {problem}")
