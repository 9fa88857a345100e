"""Puts a backup back: the whole directory appears at once, after all of it was read and found genuine."""

import contextlib
import fcntl
import glob
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from edge.central.backup import archive
from edge.errors import BackupError, BackupRefused
from edge.storage.durable_file import give_away, sync_directory

_ENDING = ".restoring"
_FILE_BITS = 0o644
"""Permission bits that a file may get back: nobody but its owner writes to it."""


def restore(backup: Path, base: Path, key: bytes) -> tuple[str, int]:
    """Makes `base` from a backup. Returns when the backup was begun, and the number of files.

    The files are written to a folder beside `base`, which gets its name at the end. So after an interruption there
    is no `base`. An existing `base` must be empty; the files then belong to its owner. Raises BackupRefused,
    BackupError.
    """
    base = base.absolute()
    _refuse_taken(base)
    with archive.opened(backup, key) as found:
        try:
            for left in base.parent.glob(f".{glob.escape(base.name[:200])}.*{_ENDING}"):
                with _locked(left):
                    shutil.rmtree(left)
            count = _place(found, base)
        except OSError as error:
            if isinstance(error, BackupError) or not error.errno:
                raise
            raise BackupError(
                f"{error.filename or base}: {error.strerror}; nothing was restored: free some space, make the "
                "directory above, or give the command as root"
            ) from error
    return found.made, count


@contextlib.contextmanager
def _locked(new: Path) -> Iterator[None]:
    """Holds the lock of a restore's folder, which nobody else can open. Raises BackupRefused, OSError."""
    descriptor = os.open(new, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise BackupRefused(
            f"{new.parent}: another command restores a backup here; let it end, then give this one again"
        ) from error
    try:
        yield
    finally:
        os.close(descriptor)


def _place(found: archive.OpenedBackup, base: Path) -> int:
    new = base.with_name(f".{base.name[:200]}.{secrets.token_hex(8)}{_ENDING}")
    new.mkdir(mode=0o700)
    owner = base if base.is_dir() else None
    with _locked(new):  # another restore leaves it alone
        try:
            count = archive.members(found, lambda name, mode, content: _put(new / name, mode, content, new, owner))
            for folder, _, _ in os.walk(new, topdown=False):
                _finish_directory(Path(folder), owner)
            os.rename(new, base)  # noqa: PTH104 - refuses a directory with something in it
            sync_directory(base.parent)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
    return count


def _put(path: Path, mode: int, content: IO[bytes], new: Path, owner: Path | None) -> None:
    for folder in reversed(path.relative_to(new).parents[:-1]):
        with contextlib.suppress(FileExistsError):
            (new / folder).mkdir(mode=0o755)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        shutil.copyfileobj(content, file, 1024 * 1024)
        file.flush()
        os.fchmod(descriptor, mode & _FILE_BITS | 0o600)
        if owner is not None:
            give_away(owner, descriptor)
        os.fsync(descriptor)


def _finish_directory(path: Path, owner: Path | None) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if owner is not None:
            give_away(owner, descriptor)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refuse_taken(base: Path) -> None:
    if base.is_symlink():
        raise BackupRefused(f"{base}: is a link; name the directory itself")
    try:
        if any(base.iterdir()):
            raise BackupRefused(
                f"{base}: is not empty, and nothing is restored over what is there; stop the ledger, move the "
                "directory away, then give the command again"
            )
    except FileNotFoundError:
        return
    except OSError as error:
        raise BackupError(f"{base}: {error.strerror}; name a directory, or one that is not there yet") from error
    if base.is_mount():
        raise BackupRefused(
            f"{base}: another file system is mounted here, so that the directory cannot appear at once; restore to "
            f"{base / 'restored'}, then move what is in it to {base}"
        )
