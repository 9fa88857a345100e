"""`smartclocker central backup-key`, `backup`, `restore`: one encrypted file with everything of the centre."""

import argparse
import json
import re
import sys
from pathlib import Path

from edge.cli import add_json
from edge.cli.central.authority import add_doing, book_of
from edge.cli.central.directory import LEDGER_DB, verb
from edge.cli.output.next_step import at_centre
from edge.domain.plural import counted

_MADE_BY = "`smartclocker central backup-key` makes one"
_STANDARD_INPUT = Path("-")


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the arguments of `backup-key`, `backup` and `restore`."""
    key = verbs.add_parser(
        "backup-key",
        help="make the key under which backups are encrypted",
        description="Make the key under which backups are encrypted. Without it no backup can be restored: keep a "
        "copy of it in a safe, apart from the backups.",
    )
    key.add_argument("file", type=Path, metavar="FILE", help="the new file for the key")
    key.set_defaults(call=run_key)

    backup = verb(
        verbs, "backup", "copy everything of the centre into one encrypted file, while it runs", run_backup
    )
    backup.epilog = (
        "FILE has the certificate authority's key, the authority's key and everybody's templates in it; only the "
        "backup key opens it. Copy it to another machine."
    )
    backup.add_argument(
        "file", type=Path, metavar="FILE", help="the file of the backup; an earlier one is replaced at the end"
    )
    _add_key(backup)
    backup.add_argument(
        "--keep",
        type=int,
        metavar="N",
        help="add the time to the name of FILE, and remove all such files but the newest N",
    )
    add_doing(backup, why="a backup of the centre")
    add_json(backup)

    restore = verbs.add_parser(
        "restore",
        help="make the centre's directory from a backup, and say what to do next",
        description="Make the centre's directory from a backup, and say what to do next.",
    )
    restore.add_argument("file", type=Path, metavar="FILE", help="the file that `central backup` made")
    restore.add_argument(
        "directory", type=Path, metavar="DIR", help="the directory of the centre, which is empty or not there yet"
    )
    restore.set_defaults(call=run_restore)
    _add_key(restore)
    add_doing(restore, why="the centre came from a backup")
    add_json(restore)


def _add_key(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--key",
        type=Path,
        required=True,
        metavar="KEY",
        help="the file of the key that `central backup-key` made; - reads it from standard input",
    )


def _key(path: Path) -> bytes:
    """The backup key. Standard input may be a file that this user could not open. Raises KeyFileError."""
    from edge.crypto.key_files import SECRET_BYTES, load_secret
    from edge.errors import KeyFileError

    if path != _STANDARD_INPUT:
        return load_secret(path, _MADE_BY)
    text = sys.stdin.readline(4 * SECRET_BYTES).strip()
    if re.fullmatch(r"[0-9a-fA-F]{64}", text) is None:
        raise KeyFileError(f"standard input: not a key of 64 hex digits; {_MADE_BY}: give `--key - < FILE`")
    return bytes.fromhex(text)


def run_key(arguments: argparse.Namespace) -> int:
    """Makes the key. An existing file is never overwritten."""
    from edge.central.backup.archive import fingerprint
    from edge.crypto.key_files import create_secret

    made = create_secret(arguments.file)
    print(f"backup key    {arguments.file}  (its fingerprint is {fingerprint(made)})")
    print("next          copy it to a safe place apart from the backups: without it nobody can restore one")
    return 0


def run_backup(arguments: argparse.Namespace) -> int:
    """Makes one backup."""
    from edge.central.backup import archive, take
    from edge.domain.protocol.audit_entry import Act
    from edge.errors import NameRefused

    if arguments.keep is not None and arguments.keep < 1:
        raise NameRefused(f"--keep {arguments.keep}: would keep none; give a number from 1 on")
    if arguments.key != _STANDARD_INPUT:
        take.refuse_inside(arguments.directory, arguments.key, "the backup key")
    key = _key(arguments.key)
    path = take.place(arguments.directory, arguments.file, arguments.keep)
    data = {"file": str(path), "backup_key": archive.fingerprint(key)}
    with book_of(arguments) as book, book.act(Act.BACKUP, data):
        pass  # its end is the entry; the copying takes the same lock
    made = take.take(arguments.directory, arguments.file, path, key, arguments.keep)
    if arguments.json:
        removed = [str(one) for one in made.removed]
        said = {"file": str(made.path), "made": made.made, "files": made.files, "databases": made.databases}
        print(json.dumps({**said, "bytes": made.size, "key": archive.fingerprint(key), "removed": removed}))
        return 0
    what = f"{counted(made.files, 'file')}, {counted(made.databases, 'database')} among them, {made.size:,} bytes"
    print(f"backup        {made.path}  ({what}, encrypted under the key {archive.fingerprint(key)})")
    for one in made.removed:
        print(f"removed       {one}")
    return 0


def run_restore(arguments: argparse.Namespace) -> int:
    """Restores a backup."""
    from edge.central.backup.restore import restore
    from edge.domain.protocol.audit_entry import Act

    made, files = restore(arguments.file, arguments.directory, _key(arguments.key))
    with book_of(arguments) as book, book.act(Act.CENTRE_RESTORED, {"made": made, "file": str(arguments.file)}):
        pass
    steps = _next(arguments, made)
    if arguments.json:
        print(
            json.dumps(
                {"directory": str(arguments.directory), "made": made, "files": files, "next": steps}, indent=2
            )
        )
        return 0
    print(f"restored      {arguments.directory}  ({counted(files, 'file')}, as of {made})")
    print("              Before you start the ledger (docs/operations.md, *DIR came from a backup*):")
    for number, step in enumerate(steps, 1):
        print(f"next {number:<8} {step}")
    return 0


def _next(arguments: argparse.Namespace, made: str) -> list[str]:
    revoke = at_centre(arguments, "revoke", "KEYID", "--why", "TEXT")
    verify = [at_centre(arguments, "verify")] if (arguments.directory / LEDGER_DB).exists() else []
    return [
        *verify,
        f"revoke again what was revoked since {made}: {revoke}",
        f"{at_centre(arguments, 'broker', '/etc/smartclocker/broker', '--take-over')}; systemctl restart mosquitto",
        "systemctl start smartclocker-ledger",
        f"{at_centre(arguments, 'gaps')}; register again the terminals that it calls unregistered",
        at_centre(arguments, "roster publish"),
        f"{at_centre(arguments, 'orders', '--send')}; give again the orders since {made}",
    ]
