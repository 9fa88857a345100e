"""`smartclocker central rights key`, `read`: makes the key for access reports, and opens the sealed reports."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli.central.directory import open_ledger
from edge.cli.central.rights import next_orders

if TYPE_CHECKING:
    from edge.central.authority import access_reports


def configure(own: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the arguments of `key` and `read`."""
    key = own.add_parser("key", help="make a key that an answer to `access` is sealed to; give it to the person")
    key.add_argument("file", type=Path, metavar="FILE", help="the new file for the key")
    key.set_defaults(call=run_key)
    read = own.add_parser("read", help="open sealed answers with their key, into one data.json and one page.html")
    read.add_argument(
        "files",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="the answers about one person, one file of each terminal",
    )
    read.add_argument(
        "--key", type=Path, required=True, metavar="FILE", help="the key that `central rights key` made"
    )
    read.add_argument(
        "--into",
        type=Path,
        required=True,
        metavar="DIR",
        help="the folder for the two files, neither of which may be there yet",
    )
    proof = read.add_mutually_exclusive_group(required=True)
    proof.add_argument(
        "--ledger",
        type=Path,
        metavar="DIR",
        help=("DIR of the centre: each answer must be the file that its terminal signed for"),
    )
    proof.add_argument(
        "--unverified", action="store_true", help="read the answers without a ledger; anybody may have sealed them"
    )
    read.set_defaults(call=run_read)


def run_key(arguments: argparse.Namespace) -> int:
    """Makes the key."""
    from edge.crypto.key_files import create_secret

    create_secret(arguments.file)
    print(f"key           {arguments.file}")
    print(f"next          {next_orders.template(arguments.file)}")
    return 0


def run_read(arguments: argparse.Namespace) -> int:
    """Opens the reports, compares them with the ledger, and writes both files, readable by their owner only."""
    from edge.central.authority import access_reports
    from edge.crypto.key_files import load_secret
    from edge.domain.privacy.access_page import JSON_NAME, PAGE_NAME
    from edge.errors import ExportRefused
    from edge.storage.durable_file import NewFile

    key = load_secret(arguments.key, "`smartclocker central rights key` makes one")
    answers = [_opened(file, key, arguments.ledger) for file in arguments.files]
    texts = dict(zip((JSON_NAME, PAGE_NAME), access_reports.together(answers), strict=True))
    written: list[Path] = []
    try:
        for name, text in texts.items():
            with NewFile(arguments.into / name, ExportRefused) as file:
                file.write(text.encode())
            written.append(arguments.into / name)
    except ExportRefused:
        for path in written:  # either both files are written or none
            path.unlink(missing_ok=True)
        raise
    for path in written:
        print(f"wrote         {path}")
    if arguments.ledger is None:
        print("unverified    no signature proves what is in it")
    return 0


def _opened(file: Path, key: bytes, ledger: Path | None) -> "access_reports.AccessReport":
    """One access report. If a ledger is given, a signed record of the terminal must name it. Raises
    ExportRefused.
    """
    from edge.central.authority import access_reports
    from edge.errors import ExportRefused
    from edge.storage.bounded_read import read_file

    try:
        answer = access_reports.read(read_file(file, access_reports.MAX_BYTES), key)
    except ExportRefused as error:
        raise ExportRefused(f"{file}: {error}") from error
    except OSError as error:
        raise ExportRefused(f"{file}: {error.strerror}; name the answer as it was fetched") from error
    if ledger is None:
        return answer
    with open_ledger(ledger) as store:
        if access_reports.vouched(answer, store):
            return answer
    where = f"{answer.data['site']}/{answer.data['terminal']}"
    raise ExportRefused(
        f"{file}: no trusted signed record in the ledger says that {where} made this file about "
        f"{answer.data['person']}; wait for that record (`central orders`), or fetch the file again"
    )
