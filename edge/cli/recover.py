"""`smartclocker journal recover`: what a damaged journal still holds, onto a stick."""

import argparse
import json
from pathlib import Path

from edge.cli import add_config, add_json
from edge.domain.wording import command


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The verb and its arguments."""
    recover = verbs.add_parser(
        "recover",
        help="save what verifies of a journal that was set aside",
        description="Search a damaged journal, its raw bytes too, for records whose signature verifies, and write "
        "them as exports, which `smartclocker central import` takes. The damaged files are only read.",
        epilog="A journal that was set aside lies in a folder of its own in quarantine/ beside the journal. Exit "
        "code 65 when nothing genuine was found, 0 otherwise: what is missing is named here and by `central gaps`.",
    )
    recover.add_argument("damaged", type=Path, metavar="FOLDER", help="the folder in quarantine/, or a journal.db")
    recover.add_argument("target", type=Path, metavar="DIR", help="where the exports go, a stick for instance")
    recover.add_argument("--seal", action="store_true", help="for the centre alone: sealed to the ledger's key")
    add_config(recover)
    add_json(recover)
    recover.set_defaults(call=run)


def run(arguments: argparse.Namespace) -> int:
    """Search, write, say."""
    from edge import config
    from edge.errors import ConfigError, JournalAltered, TransferError
    from edge.journal.envelope import key_id
    from edge.journal.salvage import Salvage, read_report
    from edge.journal.transfer import export_saved
    from edge.terminal import parts

    loaded = config.load(arguments.config).config
    secrets = parts.load_secrets(loaded)
    ledger = next(iter(secrets.ledger.values()), None)
    if arguments.seal and ledger is None:
        raise ConfigError(str(arguments.config), ["[uplink]: is missing: --seal needs the ledger's key"])
    if not arguments.target.is_dir():
        raise TransferError(f"{arguments.target}: no such directory; mount the stick, or make it")
    folder = arguments.damaged if arguments.damaged.is_dir() else arguments.damaged.parent
    journal = folder / "journal.db" if arguments.damaged.is_dir() else arguments.damaged
    public = secrets.identity.verify_key
    report = read_report(folder) or {}
    with Salvage(journal, {key_id(public): public}) as saved:
        epochs = saved.epochs()
        written = export_saved(
            saved,
            secrets.identity,
            arguments.target,
            created=parts.clock().evidence().utc,
            seal_to=ledger if arguments.seal else None,
        )
        unverified = saved.unverified
    rows = [
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
    if arguments.json:
        print(json.dumps({"epochs": rows, "unverified": unverified}))
    else:
        for row in rows:
            print("saved {records} records, {first} to {last}, of epoch {epoch}: {file}".format(**row))
            if row["missing"]:
                print(f"  {row['missing']} between or behind them are in nothing that verifies")
        names = [file.path.name for file in written]
        print(
            f"give it to the centre: {command('central', 'import', 'DIR', *names)}"
            if rows
            else "nothing genuine found"
        )
    return 0 if rows else JournalAltered.exit_code


def _beyond(epoch: str, last: int, report: dict[str, object]) -> int:
    """How many more there were, by the note of when it was set aside."""
    head = report.get("previous_head")
    return max(0, head - last) if report.get("previous_epoch") == epoch and isinstance(head, int) else 0
