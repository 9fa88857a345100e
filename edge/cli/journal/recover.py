"""`smartclocker journal recover`: exports the records that a damaged journal still holds."""

import argparse
import json
from collections.abc import Collection
from pathlib import Path

from edge.cli import add_config, add_json
from edge.domain.plural import command, counted


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the verb and its arguments."""
    recover = verbs.add_parser(
        "recover",
        help="export the records of a journal that was set aside, as far as they verify",
        description="Search a damaged journal, its raw bytes too, for records whose signature verifies, and write "
        "them as exports, which `smartclocker central import` takes. The damaged files are only read.",
        epilog="A journal that was set aside is in its own folder in quarantine/ beside the journal. If an earlier "
        "identity signed it, give the public key of that identity. Exit code 65 when nothing genuine was found, 0 "
        "otherwise. This verb and `central gaps` name missing records.",
    )
    recover.add_argument("damaged", type=Path, metavar="FOLDER", help="the folder in quarantine/, or a journal.db")
    recover.add_argument(
        "target", type=Path, metavar="DIR", help="the folder for the exports, for example on a stick"
    )
    recover.add_argument(
        "--key", type=Path, action="append", default=[], metavar="PEM",
        help=("the public key of an earlier identity of this terminal, whose records are wanted, "
 "too; may be repeated"
),
    )  # fmt: skip
    recover.add_argument(
        "--seal",
        action="store_true",
        help="seal the export to the ledger's key, so that only the centre can open it",
    )
    add_config(recover)
    add_json(recover)
    recover.set_defaults(call=run)


def run(arguments: argparse.Namespace) -> int:
    """Searches the journal, writes the exports, and reports."""
    from edge import config
    from edge.crypto.dsse import key_id
    from edge.crypto.key_files import load_public
    from edge.errors import ConfigError, TransferError
    from edge.journal.export import export_saved
    from edge.journal.recovery import Salvage, files_of, read_report, written_by
    from edge.terminal import adapters, installed

    loaded = config.load(arguments.config).config
    secrets = installed.load_secrets(loaded)
    ledger = next(iter(secrets.ledger.values()), None)
    if arguments.seal and ledger is None:
        raise ConfigError(str(arguments.config), ["[uplink]: is missing: --seal needs the ledger's key"])
    if not arguments.target.is_dir():
        raise TransferError(f"{arguments.target}: no such directory; mount the stick, or make it")
    folder = arguments.damaged if arguments.damaged.is_dir() else arguments.damaged.parent
    journal = folder / "journal.db" if arguments.damaged.is_dir() else arguments.damaged
    public = secrets.identity.verify_key
    keys = {key_id(key): key for key in (public, *map(load_public, arguments.key))}
    report = read_report(folder) or {}
    gone = report.get("cause") == "missing" and not journal.exists()
    if gone and not files_of(journal):
        return _say(arguments, [], 0, [_GONE])
    with Salvage(journal, keys) as saved:
        epochs = saved.epochs()
        written = export_saved(
            saved,
            secrets.identity,
            arguments.target,
            created=adapters.clock().evidence().utc,
            seal_to=ledger if arguments.seal else None,
        )
        unverified = saved.unverified
    rows: list[dict[str, object]] = [
        {
            "epoch": epoch.epoch,
            "records": epoch.records,
            "first": epoch.first_seq,
            "last": epoch.last_seq,
            "missing": epoch.missing + _beyond(epoch.epoch, epoch.last_seq, report),
            "file": str(file.path),
        }
        for epoch, file in zip(epochs, written, strict=True)
    ]
    words = [_GONE] if gone and not rows else []
    signer = written_by(journal)
    if signer is not None and signer not in keys:
        words.append(_another(signer, keys))
    elif unverified and not rows:
        words.append(_not_ours(unverified, keys))
    return _say(arguments, rows, unverified, words)


def _say(arguments: argparse.Namespace, rows: list[dict[str, object]], unverified: int, words: list[str]) -> int:
    """Prints the report. Returns the exit code."""
    from edge.errors import JournalAltered

    if arguments.json:
        print(json.dumps({"epochs": rows, "unverified": unverified, "notes": words}))
    else:
        for row in rows:
            print("saved {records} records, {first} to {last}, of epoch {epoch}: {file}".format(**row))
            if row["missing"]:
                print(f"  {row['missing']} between or after them are missing: no copy of them verifies")
        if rows:
            names = [Path(str(row["file"])).name for row in rows]
            print(f"give it to the centre: {command('central', 'import', 'DIR', *names)}")
        elif not words:
            print("nothing genuine found")
        for word in words:
            print(word)
    return 0 if rows else JournalAltered.exit_code


_GONE = (
    "this journal was missing when the terminal began a new one: only a report of that is here, and nothing to "
    "recover. Look for journal.db or a copy of it, and recover that. When that is done, or there is none, "
    "acknowledge it at the centre: smartclocker central acknowledge DIR SITE/TERMINAL EPOCH --why TEXT, as "
    "`central gaps` prints it"
)


def _another(signer: str, keys: Collection[str]) -> str:
    return (
        f"this journal says that the key {signer} signed it, but the keys here are {_either(keys)}: that key is of "
        "an earlier identity, or of another terminal. If it was this terminal's, give that identity's public "
        f"key with --key PEM (`smartclocker central terminals DIR --pem {signer}` at the centre prints it)"
    )


def _not_ours(unverified: int, keys: Collection[str]) -> str:
    return (
        f"nothing genuine found: of {counted(unverified, 'place')} that can be read as a record "
        f"none was signed by {_either(keys)}. They were altered, or another identity signed them: then "
        "give its public key with --key PEM"
    )


def _either(keys: Collection[str]) -> str:
    return " or ".join(keys)


def _beyond(epoch: str, last: int, report: dict[str, object]) -> int:
    """Number of records after the last recovered one, by the report from when the journal was set aside."""
    head = report.get("previous_head")
    return max(0, head - last) if report.get("previous_epoch") == epoch and isinstance(head, int) else 0
