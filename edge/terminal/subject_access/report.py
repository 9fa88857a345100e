"""The answer to a subject access request: JSON and a page to read, in one file that a single key can open."""

import io
import json
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nacl.public import PublicKey, SealedBox

from edge.domain.privacy.access_page import JSON_NAME, PAGE_NAME, page
from edge.domain.protocol.fields import PERSON
from edge.domain.protocol.record import Origin
from edge.errors import TransferError
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.people.site.schema import NAME as SITE
from edge.people.site.schema import about
from edge.storage import durable_file
from edge.storage.durable_file import NewFile, sync_directory

FOLDER = "access"
"""Name of the folder in the state directory where answers wait to be collected."""
MAX_RECORDS = 200_000
"""Number of records that are searched, from the newest back; older records are at the centre."""
IMAGES_NAME = "images.stills"


def collect(
    person: str, made: str, origin: Origin, people: People, journal: Journal, images: list[dict[str, Any]]
) -> dict[str, Any]:
    """Everything that this terminal holds about a person, as JSON values. Raises PeopleError, JournalError,
    SiteError.

    `images` describes the evidence images that are kept of them.
    """
    return {
        "smartclocker-access": 1,
        "person": person,
        "site": origin.site,
        "terminal": origin.terminal,
        "made": made,
        **people.held(person),
        "images": images,
        "records": [json.loads(payload) for payload in journal.about(person, MAX_RECORDS)],
        "heard": [json.loads(payload) for payload in about(people.path.with_name(SITE), person)],
    }


def seal(found: Mapping[str, Any], reply_key: bytes) -> bytes:
    """A zip of both forms in a libsodium sealed box for the X25519 key `reply_key` (32 bytes)."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in _forms(found).items():
            archive.writestr(name, text)
    return SealedBox(PublicKey(reply_key)).encrypt(packed.getvalue())


def _forms(found: Mapping[str, Any]) -> dict[str, str]:
    """The JSON text for machines and the page to read, by file name."""
    return {JSON_NAME: json.dumps(found, indent=2, ensure_ascii=False), PAGE_NAME: page([found])}


def keep(directory: Path, order: str, person: str, sealed: bytes, *, suffix: str = ".sealed") -> Path:
    """Write an answer, whole or not at all; it is durable on return. Raises TransferError."""
    path = directory / f"{person}-{order}{suffix}"
    durable_file.replace(path, sealed, TransferError, folder=True)
    return path


def write_plain(found: Mapping[str, Any], target: Path, images: bytes | None = None) -> list[Path]:
    """Write JSON and page unencrypted into a new folder, whole or not at all, durable on return; returns their
    paths.

    `images` are sealed, and stay so. Raises TransferError.
    """
    content = {name: text.encode() for name, text in _forms(found).items()}
    if images is not None:
        content[IMAGES_NAME] = images
    made = False
    try:
        target.mkdir(mode=0o700)
        made = True
        for name, text in content.items():
            with NewFile(target / name, TransferError) as file:
                file.write(text)
        sync_directory(target.parent)
    except OSError as error:
        if made:
            shutil.rmtree(target, ignore_errors=True)  # whole or not at all
        if isinstance(error, TransferError):
            raise
        raise TransferError(
            f"{target}: cannot be written ({error.strerror}); name a new folder where there is room"
        ) from error
    return [target / name for name in content]


def forget(directory: Path, person: str) -> None:
    """Remove the waiting answers about a person who is erased. Raises TransferError.

    Something else under the folder's name holds no answer, and must not stop an erasure.
    """
    if PERSON.fullmatch(person) is None or not directory.is_dir():
        return
    drop(directory, [path.name for path in directory.glob(f"{person}-*")])


def drop(directory: Path, names: Iterable[str]) -> None:
    """Remove answers, or whatever lies in their place, by name; durable on return. Raises TransferError."""
    try:
        for name in names:
            path = directory / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)  # not ours: it would stop every later erasure
            else:
                path.unlink(missing_ok=True)
        sync_directory(directory)
    except OSError as error:
        raise TransferError(
            f"{directory}: cannot be cleared ({error.strerror}); make it writable by this user"
        ) from error
