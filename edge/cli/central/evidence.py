"""`smartclocker central evidence key|open`: the employer's evidence key, and opening images that a terminal
released.
"""

import argparse
import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli.central.authority import add_doing, turn_of
from edge.cli.central.directory import verb
from edge.cli.output.plain_text import say
from edge.domain.plural import counted

if TYPE_CHECKING:
    from nacl.public import PrivateKey

    from edge.evidence_images.sealed_image import OpenedImage

MAX_ENTRIES = 4_096
"""Images in one file at most; a person has far fewer punches in 90 days."""


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the arguments of `key` and `open`."""
    group = verbs.add_parser("evidence", help="the key that images of punches are sealed to, and opening them")
    own = group.add_subparsers(metavar="VERB", required=True)
    key = own.add_parser(
        "key",
        help="make the evidence key: FILE stays with the employer, FILE.pem goes to the terminals",
        description="Make the evidence key. FILE opens every image: keep it off terminals, best on a stick in a "
        "safe. FILE.pem only seals: name it in `evidence.key` of each terminal.",
    )
    key.add_argument("file", type=Path, metavar="FILE", help="the new file for the key")
    key.set_defaults(call=run_key)
    opening = verb(
        own, "open", "open the images that a terminal released; the audit log says who did and why", run_open
    )
    opening.add_argument(
        "file", type=Path, metavar="FILE", help="the .stills file, or images.stills of an answer to `access`"
    )
    opening.add_argument(
        "--key", type=Path, required=True, metavar="FILE", help="the key that `central evidence key` made"
    )
    opening.add_argument(
        "--into", type=Path, required=True, metavar="DIR", help="an existing directory for the JPEG files"
    )
    add_doing(opening)


def run_key(arguments: argparse.Namespace) -> int:
    """Makes the key pair. Existing files are never overwritten."""
    from nacl.public import PrivateKey

    from edge.crypto.key_files import create_secret, sealing_pem
    from edge.errors import KeyFileError
    from edge.storage import durable_file

    public = Path(f"{arguments.file}.pem")
    if os.path.lexists(public):
        raise KeyFileError(f"{public}: exists already and is never overwritten; move it away first")
    secret = create_secret(arguments.file)
    sealing = sealing_pem(PrivateKey(secret).public_key).encode("ascii")
    durable_file.create(public, sealing, KeyFileError, mode=0o644)
    print(f"private key   {arguments.file}  (opens every image: keep it off terminals, and a copy in a safe)")
    print(f"public key    {public}  (every terminal that takes images: evidence.key)")
    return 0


def run_open(arguments: argparse.Namespace) -> int:
    """Opens all images, enters that in the audit log, and then writes the files."""
    from nacl.public import PrivateKey

    from edge.crypto.key_files import load_secret
    from edge.domain.protocol.audit_entry import Act
    from edge.errors import ExportRefused, TransferError
    from edge.storage.durable_file import NewFile

    found = _read(
        arguments.file, PrivateKey(load_secret(arguments.key, "`smartclocker central evidence key` makes one"))
    )
    if not arguments.into.is_dir():
        raise ExportRefused(f"{arguments.into}: no such directory; make it, where few can read")
    persons = {one.person for one in found}
    with turn_of(arguments) as authority:
        data = {"records": [one.record for one in found][:64], "images": len(found)}
        person = persons.pop() if len(persons) == 1 else None
        authority.registry.enter(authority.key, authority.doing, Act.EVIDENCE_OPENED, data, person)
    for one in found:
        path = arguments.into / f"{one.record.replace('/', '-')}.jpg"
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        with NewFile(path, TransferError) as file:
            file.write(one.jpeg)
        say(f"{one.utc}  {one.person}  {one.record}  {path}")
    print(f"{counted(len(found), 'image')}; delete them when the reason is settled")
    return 0


def _read(file: Path, key: "PrivateKey") -> "list[OpenedImage]":
    import zipfile

    from edge.domain.protocol.fields import PERSON, RECORD_ID
    from edge.errors import ExportRefused
    from edge.evidence_images.sealed_image import MAX_IMAGE, open_sealed

    try:
        if file.exists() and not file.is_file():
            raise ExportRefused(f"{file}: not a regular file; name what the terminal released")
        with zipfile.ZipFile(file) as archive:
            entries = [one for one in archive.infolist() if one.filename.endswith(".still")]
            if (
                not entries
                or len(entries) > MAX_ENTRIES
                or any(one.file_size > MAX_IMAGE + 1_000 for one in entries)
            ):
                raise ExportRefused(f"{file}: holds no images, or none of ours; fetch it again")
            found = [open_sealed(archive.read(one), key) for one in entries]
    except OSError as error:
        raise ExportRefused(
            f"{file}: cannot be read ({error.strerror}); name what the terminal released"
        ) from error
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise ExportRefused(f"{file}: not what a terminal released, or damaged; fetch it again") from error
    if any(RECORD_ID.fullmatch(one.record) is None or PERSON.fullmatch(one.person) is None for one in found):
        raise ExportRefused(f"{file}: an image in it names no punch of ours; ask where it came from")
    return found
