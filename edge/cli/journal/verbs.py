"""`smartclocker journal verify|show`; the other verbs of the group have their own modules."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli import add_json
from edge.cli.journal import correct, recover, transfer
from edge.cli.number_argument import number
from edge.cli.output.plain_text import shown
from edge.domain.plural import counted

if TYPE_CHECKING:
    from nacl.signing import VerifyKey


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `journal`."""
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    verify = verbs.add_parser(
        "verify",
        help="check every signature and the chain; name the first bad record",
        description="Check every record's signature, its place and the hash chain, with public keys alone. "
        "Nothing is written. Exit code 65 when a record is bad: the first one is named.",
    )
    verify.add_argument(
        "journal",
        type=Path,
        nargs="?",
        metavar="JOURNAL",
        help=("a journal.db, in use or a copy, or an export (default: the journal of the configuration)"),
    )
    verify.add_argument(
        "--key",
        type=Path,
        action="append",
        default=[],
        metavar="PEM",
        help=(
            "the public key of the terminal; may be repeated: with the ledger's public key the "
            "receipt is checked, too"
        ),
    )
    verify.add_argument(
        "--config", type=Path, metavar="FILE", help="take the journal and the keys that this configuration names"
    )
    add_json(verify)
    verify.set_defaults(call=run_verify)
    show = verbs.add_parser(
        "show",
        help="print records as JSON, one on each line",
        description="Print the payloads as they were signed, one JSON document on each line. Nothing is written.",
    )
    show.add_argument("journal", type=Path, metavar="JOURNAL", help="a journal.db, in use or a copy")
    show.add_argument("--after", type=number, default=0, metavar="SEQ", help="print only records with a higher seq")
    show.set_defaults(call=run_show)
    transfer.add(verbs)
    correct.add(verbs)
    recover.add(verbs)


def run_verify(arguments: argparse.Namespace) -> int:
    """Verifies the journal or export, and prints the result."""
    from edge.crypto.dsse import key_id
    from edge.errors import JournalAltered
    from edge.journal.export_reader import Form, form_of
    from edge.journal.verify import verify_file
    from edge.journal.verify_export import verify_export

    path, given = _what_to_verify(arguments)
    exported = path.is_file() and form_of(path) is not Form.OTHER
    report = (verify_export if exported else verify_file)(path, {key_id(key): key for key in given})
    if arguments.json:
        problem = None if report.problem is None else {"seq": report.problem.seq, "what": report.problem.what}
        print(
            json.dumps(
                {
                    "chain": "ok" if report.ok else "broken",
                    "epoch": report.epoch,
                    "records": report.records,
                    "first": report.first_seq,
                    "last": report.last_seq,
                    "head": report.head,
                    "receipted": report.receipted,
                    "receipt_verified": report.receipt_verified,
                    "problem": problem,
                }
            )
        )
    elif report.problem is not None:
        print(f"bad record {report.problem.seq}: {report.problem.what}")
        print(
            f"{counted(report.records, 'record')} before it verified; keep this file as it is, and a copy elsewhere"
        )
    else:
        covered = f"receipted to {report.receipted}" if report.receipted else "not receipted yet"
        if report.receipted and not report.receipt_verified:
            covered += " (give --key with the ledger's key to check the receipt)"
        print(f"ok: {counted(report.records, 'record')}, {report.first_seq} to {report.last_seq}, {covered}")
    return 0 if report.ok else JournalAltered.exit_code


def _what_to_verify(arguments: argparse.Namespace) -> "tuple[Path, list[VerifyKey]]":
    """The journal, and the public keys to verify it with."""
    from edge import config
    from edge.crypto.key_files import load_public
    from edge.errors import KeyFileError
    from edge.terminal import installed

    keys = [load_public(path) for path in arguments.key]
    path: Path | None = arguments.journal
    if arguments.config is not None:
        loaded = config.load(arguments.config).config
        secrets = installed.load_secrets(loaded)
        keys += [secrets.identity.verify_key, *secrets.ledger.values()]
        path = path or installed.journal_path(loaded)
    if path is None or not keys:
        raise KeyFileError(
            "nothing to verify with: give JOURNAL and --key PEM (the terminal's public key), or --config FILE"
        )
    return path, keys


def run_show(arguments: argparse.Namespace) -> int:
    """Prints the payloads."""
    from edge.journal.verify import read_payloads

    for payload in read_payloads(arguments.journal, arguments.after):
        text = payload.decode(errors="backslashreplace")
        sys.stdout.write((shown(text) if sys.stdout.isatty() else text) + "\n")
    return 0
