"""A file that appears under its name whole and durable, or not at all, on whatever a stick is formatted with.

It is written under another name in the same directory, synced, and renamed. FAT has no hard links and Python no
rename that refuses to replace: so the name is first taken by an empty file of ours, which nobody else can make at
the same time, and the rename replaces that.
"""

import contextlib
import errno
import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import Self

from edge.errors import TransferError
from edge.storage.sqlite_file import sync_directory

_SYNC_EVERY = 8 * 1024 * 1024
"""Bytes: a slow stick then shows its progress, and a full or pulled one its error, before all is written."""


class NewFile:
    """Write to it in a `with` statement: it is there once that ended without an exception. Raises TransferError."""

    def __init__(self, path: Path) -> None:
        """Refuses a name that is taken, and a directory that cannot be written to."""
        self.path = path
        self.size = 0
        """Bytes written so far."""
        self._synced = 0
        if os.path.lexists(path):
            raise _taken(path)
        self._temporary = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.part")
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._file = os.fdopen(os.open(self._temporary, flags, 0o600), "wb", 1024 * 1024)
        except OSError as error:
            raise _failure(path, error) from error

    def write(self, data: bytes) -> None:
        """Append."""
        try:
            self._file.write(data)
            self.size += len(data)
            if self.size - self._synced >= _SYNC_EVERY:
                self._sync()
        except OSError as error:
            raise _failure(self.path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._commit()
        except OSError as failure:
            if isinstance(failure, TransferError):
                raise
            raise _failure(self.path, failure) from failure
        finally:
            with contextlib.suppress(OSError):
                self._file.close()
            with contextlib.suppress(OSError):  # gone already once it was renamed
                self._temporary.unlink()

    def _commit(self) -> None:
        self._sync()
        self._file.close()
        try:
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            raise _taken(self.path) from None
        try:
            os.replace(self._temporary, self.path)  # noqa: PTH105 - the pair of os.open above
            sync_directory(self.path.parent)
        except OSError:
            with contextlib.suppress(OSError):
                self.path.unlink()
            raise

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._synced = self.size


def _taken(path: Path) -> TransferError:
    return TransferError(f"{path}: exists already and is never overwritten; name another file, or move it away")


def _failure(path: Path, error: OSError) -> TransferError:
    cure = _CURES.get(error.errno or 0, "the disk fails, or was taken out; use another one")
    return TransferError(f"{path}: was not written ({error.strerror}): {cure}. The journal is as it was")


_MISSING = "the directory is not there; correct the path, or mount the stick"
_DENIED = "this user may not write there; mount it for this user, or choose another directory"
_FULL = "it is full; free some space on it, or use another one"
_CURES = {
    errno.ENOENT: _MISSING,
    errno.ENOTDIR: _MISSING,
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: "it is read-only; move the stick's lock, or mount it writable",
    errno.EFBIG: "its file system has no room for a file as large as this; format it as exFAT or ext4",
    errno.EINVAL: "its file system knows no such name; name another file",
    errno.ENAMETOOLONG: "the name is too long; name another file",
}
