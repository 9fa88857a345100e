"""Copies of all files of the centre's directory that belong together, made while the centre's programs run.

A database is copied by SQLite's online backup: its file and its write-ahead log are read as of one moment, and
nobody who writes to it waits. The copies lie in a hidden folder of the directory itself, because nothing else is as
well protected. They are removed at the end.
"""

import contextlib
import os
import re
import secrets
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.adapters.linux.service_account import acting_as, service_account
from edge.central.authority import lock
from edge.central.ownership import make_directory
from edge.errors import BackupError, BackupRefused
from edge.storage import side_files
from edge.storage.sqlite_file import BUSY_S

LEDGER_DB = "ledger.db"
_SCRATCH = ".backup-"
_SMALLEST = 512
"""Bytes of the smallest SQLite file. SQLite would take an empty file for a new database."""
_NOT_KEPT = re.compile(
    r"claims\.db|.*\.lock|.*\.db-(?:wal|shm|journal)|.*\.[0-9a-f]{16}\.part|\..*\.[0-9a-f]{16}(?:-\w+)?"
)
"""Names of lock files, of SQLite's side files, and of temporary files that an interrupted command left. The claim
tokens are not kept either, because one that was used since would count again after a restore.
"""
_LONGEST_NAME = 1_024
_WAIT_S = 300.0
"""Seconds that a backup waits for another command; a nightly one is not tried again."""


@dataclass(frozen=True, slots=True)
class CopiedFile:
    """The copy of one file."""

    name: str
    """The path below the centre's directory, with `/`."""
    path: Path
    """Where the copy lies."""
    mode: int
    """The permission bits of the original."""

    @property
    def is_database(self) -> bool:
        """Whether the file is an SQLite file: every one of the house has this ending."""
        return self.name.endswith(".db")


@contextlib.contextmanager
def snapshot(base: Path) -> Iterator[list[CopiedFile]]:
    """The copies of all files of `base`; they are removed after the block.

    While the authority's and the roster's files are copied, their commands wait, so that the copies are of one
    moment. The ledger's database is copied last and without that lock, because it may be large. So it may have more
    than the other files say, which does no harm, and never less.

    Root has only the rights of the owner of `base` meanwhile. That user may exchange a folder in it for a link, and
    root would write files behind it, with names and content of that user's choice. Raises BackupError,
    BackupRefused, KeyFileError.
    """
    require_centre(base)
    with acting_as(service_account(base, installed=False)), lock.held(base, _WAIT_S, lock.BACKING_UP):
        scratch = base / f"{_SCRATCH}{secrets.token_hex(8)}"
        try:
            for left in base.glob(f"{_SCRATCH}*"):
                shutil.rmtree(left)
            make_directory(scratch, 0o700)  # its owner's, who can then remove what a kill leaves
            with lock.held(base, _WAIT_S):
                names = list(_names(base))
                files = [_copy(base, scratch, name) for name in names if name != LEDGER_DB]
            if LEDGER_DB in names:
                files.append(_copy(base, scratch, LEDGER_DB))
        except BaseException as error:
            _remove(scratch)
            if isinstance(error, OSError) and error.errno:
                raise _told(base, error) from error
            raise
        try:
            yield files
        finally:
            _remove(scratch)


def require_centre(base: Path) -> None:
    """Raises BackupRefused if `base` is not the directory of a centre, so that nothing is made in another one."""
    if not (base / "pki" / "ca.crt").exists():
        raise BackupRefused(f"{base}: no certificate authority is here; name the directory of `central init`")


def member_name(text: str) -> str:
    """The name of a file in a backup, if it leads to a place below the directory. Raises ValueError."""
    parts = text.split("/")
    if len(text) > _LONGEST_NAME or not text.isprintable() or {"", ".", ".."} & set(parts):
        raise ValueError("is no name for a file of the centre's directory")
    return text


def _names(base: Path, below: str = "") -> Iterator[str]:
    """The paths of all files that a backup has, sorted. A link or a pipe is refused, so that nothing is left out
    unseen.
    """
    for entry in sorted(os.scandir(base / below), key=lambda one: one.name):
        name = f"{below}{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            if below or not (entry.name.startswith(_SCRATCH) or entry.name == "lost+found"):
                yield from _names(base, f"{name}/")
        elif not entry.is_file(follow_symlinks=False):
            raise BackupRefused(
                f"{base / name}: is a link, a pipe or a device, so that a backup would lack what is in it; put the "
                "file itself there, or move it out of the directory"
            )
        elif _NOT_KEPT.fullmatch(entry.name) is None:
            try:
                yield member_name(name)
            except ValueError as error:
                raise BackupRefused(
                    f"{str(base / name)!r}: {error}; give it a plain name, or move it away"
                ) from error


def _copy(base: Path, scratch: Path, name: str) -> CopiedFile:
    source, target = base / name, scratch / name
    for folder in reversed(Path(name).parents[:-1]):
        make_directory(scratch / folder, 0o700)
    copied = CopiedFile(name, target, stat.S_IMODE(source.lstat().st_mode))
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        if not copied.is_database:
            opened = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(opened, "rb") as content:
                shutil.copyfileobj(content, file)
    if copied.is_database:
        _copy_database(source, target)
    return copied


def _copy_database(source: Path, target: Path) -> None:
    if source.stat().st_size < _SMALLEST:
        raise _damaged(source, "it is cut off")
    if strange := side_files.strange(source):
        raise BackupRefused(f"{strange[0]}: is not a file; move it away, then start again what uses {source.name}")
    try:
        live = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_S)
        with contextlib.closing(live), contextlib.closing(sqlite3.connect(target)) as copy:
            copy.execute("PRAGMA synchronous = OFF")
            # All pages in one step, as a reader of one moment. In several steps, each write of another process
            # would begin the copy anew.
            live.backup(copy)
            (found,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        raise BackupError(
            f"{source}: cannot be copied ({error}); check its disk, its free space and the rights on it. "
            "The former backup is as it was"
        ) from error
    except sqlite3.DatabaseError as error:
        raise _damaged(source, str(error)) from error
    if found != "ok":
        raise _damaged(source, " ".join(found.split()))


def _damaged(path: Path, why: str) -> BackupRefused:
    return BackupRefused(
        f"{path}: no database, or a damaged one ({why}); no backup was made, so that the former ones stay: keep "
        "the file, and restore it from one of them (docs/operations.md)"
    )


def _remove(scratch: Path) -> None:
    shutil.rmtree(scratch, ignore_errors=True)


def _told(base: Path, error: OSError) -> BackupError:
    return BackupError(
        f"{error.filename or base}: {error.strerror}; give the command as root or as the owner of {base}, and see "
        "that its disk has room for a second copy of its databases. The former backup is as it was"
    )
