"""`smartclocker journal export|receipt`: moves records to the centre, and receipts back, without a network."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli import add_config, add_json
from edge.cli.number_argument import number
from edge.domain.plural import command, counted

if TYPE_CHECKING:
    from nacl.signing import SigningKey, VerifyKey

    from edge.config_schema import Config


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the verbs and their arguments."""
    export = verbs.add_parser(
        "export",
        help="write the records that no receipt covers to a file; the service may run meanwhile",
        description="Write records to a new file that `smartclocker central import` takes: signed as a whole, and "
        "durable once this ends with 0. The journal is only read. Without options: records that no receipt covers.",
    )
    export.add_argument(
        "target", type=Path, metavar="TARGET", help="a new file; or a directory, where the verb chooses the name"
    )
    export.add_argument(
        "journal", type=Path, nargs="?", metavar="JOURNAL", help="another journal.db than that of the configuration"
    )
    export.add_argument(
        "--identity",
        type=Path,
        metavar="PEM",
        help="the identity that wrote the journal (default: the configuration's)",
    )
    chosen = export.add_mutually_exclusive_group()
    chosen.add_argument("--all", action="store_true", help="export every record that is still kept here")
    chosen.add_argument("--after", type=number, metavar="SEQ", help="export the records with a higher seq")
    export.add_argument(
        "--seal",
        action="store_true",
        help="seal the export to the ledger's key, so that only the centre can open it",
    )
    export.add_argument(
        "--ledger",
        type=Path,
        metavar="PEM",
        help="the ledger's public key (default: the configuration's keys.ledger)",
    )
    add_config(export)
    add_json(export)
    export.set_defaults(call=run_export)

    receipt = verbs.add_parser(
        "receipt",
        help="take the ledger's receipts from a file: the records that they cover may then be evicted",
        description="Take a file that `smartclocker central import --receipts` wrote. Each receipt is checked "
        "against the pinned ledger key and this journal's own records. Exit code 65 when none of them counts here.",
    )
    receipt.add_argument("file", type=Path, metavar="FILE", help="the file that `central import --receipts` wrote")
    add_config(receipt)
    add_json(receipt)
    receipt.set_defaults(call=run_receipt)


def run_export(arguments: argparse.Namespace) -> int:
    """Writes the export, and prints what it holds."""
    from edge.cli.output.progress import progress
    from edge.journal.export import export
    from edge.terminal import adapters

    journal, identity, ledger = _whose(arguments)
    after = 0 if arguments.all else arguments.after
    with progress("records") as told:
        written = export(
            journal,
            identity,
            arguments.target,
            created=adapters.clock().evidence().utc,
            after=after,
            seal_to=ledger,
            progress=told,
        )
    if written is None:
        said = "nothing to export: " + (
            "every record is receipted" if after is None else "no such record is kept here"
        )
        print(json.dumps({"file": None, "records": 0}) if arguments.json else said)
        return 0
    manifest = written.manifest
    if arguments.json:
        row = {"file": str(written.path), "records": manifest.count, "first": manifest.first, "last": manifest.last}
        print(json.dumps({**row, "epoch": manifest.epoch, "bytes": written.size, "sealed": written.sealed}))
    else:
        sealed = ", sealed to the ledger" if written.sealed else ""
        print(
            f"exported {counted(manifest.count, 'record')}, {manifest.first} to {manifest.last}{sealed}: "
            f"{written.path}"
        )
        print(f"give it to the centre: {command('central', 'import', 'DIR', written.path.name)}")
    return 0


def run_receipt(arguments: argparse.Namespace) -> int:
    """Takes every genuine receipt of the file."""
    from collections import Counter

    from edge import config
    from edge.errors import ExportRefused
    from edge.journal.export_reader import acknowledge, envelopes
    from edge.journal.journal import ReceiptEffect
    from edge.terminal import installed

    loaded = config.load(arguments.config).config
    secrets = installed.load_secrets(loaded)
    ledger = _pinned(loaded)
    counts: Counter[ReceiptEffect | None] = Counter()
    with envelopes(arguments.file) as lines, installed.open_journal(loaded, secrets) as journal:
        before = journal.watermark()
        counts.update(acknowledge(line, ledger, journal) for line in lines)
        after, head = journal.watermark(), journal.head().seq
    fork, ours = counts[ReceiptEffect.FORK], counts[ReceiptEffect.ADVANCED] + counts[ReceiptEffect.STALE]
    row = {"watermark": after, "head": head, "taken": ours, "foreign": counts[ReceiptEffect.FOREIGN]}
    if arguments.json:
        print(json.dumps({**row, "not_genuine": counts[None], "fork": fork}))
    elif ours:
        print(f"receipted to {after} (before: {before}); {head - after} records wait for a receipt")
    else:
        print(
            f"{arguments.file}: no receipt in it counts for this journal ({row['foreign']} of other terminals or "
            f"epochs, {counts[None]} not signed by the pinned ledger); nothing was changed"
        )
    if fork:
        raise ExportRefused(
            f"{arguments.file}: the ledger's chain is not ours: this journal was copied, restored or altered, or "
            "the ledger was. No record was released for eviction; keep this disk, and compare both with "
            "`smartclocker journal verify`"
        )
    return 0 if ours else ExportRefused.exit_code


def _whose(arguments: argparse.Namespace) -> "tuple[Path, SigningKey, VerifyKey | None]":
    """The journal, the identity that signs the export, and the key to seal to (None: not sealed).

    Each comes from its argument, otherwise from the configuration.
    """
    from edge import config
    from edge.crypto import key_files
    from edge.terminal import installed

    journal, seal = arguments.journal, arguments.seal
    identity = None if arguments.identity is None else key_files.load_identity(arguments.identity)
    ledger = None if arguments.ledger is None else key_files.load_public(arguments.ledger)
    if journal is None or identity is None or (seal and ledger is None):
        loaded = config.load(arguments.config).config
        journal = journal or installed.journal_path(loaded)
        identity = identity or key_files.load_identity(config.credential(loaded.keys.identity))
        ledger = ledger or (_pinned_key(loaded) if seal else None)
    return journal, identity, ledger if seal else None


def _pinned_key(loaded: "Config") -> "VerifyKey":
    """The ledger's public key, with or without an uplink."""
    from edge.crypto.key_files import load_public
    from edge.terminal.installed import LEDGER_ORIGIN

    return load_public(Path(loaded.keys.ledger), LEDGER_ORIGIN)


def _pinned(loaded: "Config") -> "dict[str, VerifyKey]":
    from edge.crypto.dsse import key_id

    key = _pinned_key(loaded)
    return {key_id(key): key}
