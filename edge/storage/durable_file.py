"""Files that appear under their name whole and durable, or not at all.

The content is written to a new file in the same directory, under a random temporary name (O_EXCL, O_NOFOLLOW): no
link is followed, and no existing file is written to. Then the file is synced, gets its name, and the directory is
synced. After a kill, a power cut or a full disk the earlier content is still there. A temporary file that a kill
leaves is never read.

- `replace` renames: a file that had the name before is replaced.
- `create` links: a name that is taken is refused, because a key must never be replaced.
- `NewFile` is for a directory that a person named, also on a stick, and for content that is too long for memory.
  FAT has no links: there an empty file of ours takes the name first, and a rename replaces it. `NewFile` refuses a
  name that is taken, or replaces the file at the end, as its caller says.

Four writers have other needs and do not use this module. `SqliteFile.create`: SQLite itself writes the file, with
other files beside it. `issued_certificates`: lines are appended to a log. `Reserve`: only the length of the file
matters. `report_file`: a person named an ordinary file or a device, and can make the report again.
"""

import contextlib
import errno
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from edge.errors import SmartClockerError

ErrorType = Callable[[str], SmartClockerError]
"""A callable that makes the error from its text, for example a class of errors."""
_SYNC_EVERY = 8 * 1024 * 1024
"""Bytes between two syncs. So a slow stick shows its progress, and a full or removed one its error, before all is
written.
"""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def replace(
    path: Path,
    content: bytes,
    error: ErrorType,
    *,
    mode: int = 0o600,
    folder: bool = False,
    owner: tuple[int, int] | None = None,
) -> None:
    """Put `content` at `path`, owned by the directory's owner; durable on return. If root is the caller, `owner`
    (user and group by their numbers) is the file's instead.

    With `folder`, the directory is one of the program's own: it is made with mode 0700 when absent, and refused
    when it is a link. Raises `error`.
    """
    with _told(path, error):
        if folder:
            _make_folder(path.parent)
        with contextlib.closing(_Temporary(path, mode, follow=not folder)) as file:
            if owner is None or os.geteuid() != 0:
                give_away(file.directory, file.descriptor)
            else:
                os.fchown(file.descriptor, *owner)
            file.write(content)
            file.rename()


def create(path: Path, content: bytes, error: ErrorType, *, mode: int = 0o600) -> None:
    """Put `content` at `path`, where nothing may be yet, owned by the directory's owner; durable on return.

    Raises `error`, also where the file system has no links.
    """
    with _told(path, error), contextlib.closing(_Temporary(path, mode)) as file:
        give_away(file.directory, file.descriptor)
        file.write(content)
        file.link()


class NewFile:
    """A new file, mode 0600, that is written in a `with` statement. It appears when that ends without an exception.

    Its methods raise `error`.
    """

    def __init__(self, path: Path, error: ErrorType, *, replacing: bool = False) -> None:
        """With `replacing`, an earlier file stays whole under the name until the end, and is then replaced.

        Raises `error` when the directory cannot be written to, or, without `replacing`, when the name is taken.
        """
        self.path = path
        self.size = 0
        """Bytes written so far."""
        self._error = error
        self._replacing = replacing
        self._synced = 0
        with _told(path, error):
            if not replacing and os.path.lexists(path):
                raise FileExistsError
            self._file = _Temporary(path, 0o600)

    def write(self, data: bytes) -> None:
        """Append `data` to the file."""
        with _told(self.path, self._error):
            self._file.write(data)
            self.size += len(data)
            if self.size - self._synced >= _SYNC_EVERY:
                self._file.sync()
                self._synced = self.size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.closing(self._file), _told(self.path, self._error):
            if kind is None and self._replacing:
                self._file.rename()
            elif kind is None:
                self._file.link_or_take()


def sync_directory(path: Path) -> None:
    """Make names that were created in a directory durable. Raises OSError."""
    descriptor = os.open(path, _DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def give_away(directory: int | Path, descriptor: int) -> None:
    """Give what root makes to the directory's owner, because the service must be able to open it. Raises OSError.

    `descriptor` is an open file or folder, not a name: somebody may exchange what a name leads to.
    """
    if os.geteuid() == 0:
        owner = os.stat(directory)  # noqa: PTH116 - of an open one, too
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


class _Temporary:
    """A new file under a temporary name, in a directory that is held open. Every method raises OSError."""

    def __init__(self, path: Path, mode: int, *, follow: bool = True) -> None:
        self._name = path.name
        # The temporary name begins with the final one, so that deleting a person's files also finds what an
        # interruption left.
        self._temporary = f"{path.name[:200]}.{secrets.token_hex(8)}.part"
        self._has_its_name = False
        self.directory = os.open(path.parent, _DIRECTORY | (0 if follow else os.O_NOFOLLOW))
        try:
            self.descriptor = os.open(self._temporary, _NEW, mode & 0o600, dir_fd=self.directory)
        except BaseException:
            os.close(self.directory)
            raise
        self._mode = mode
        self._file = os.fdopen(self.descriptor, "wb", 1024 * 1024)

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def sync(self) -> None:
        self._file.flush()
        os.fsync(self.descriptor)

    def rename(self) -> None:
        self._finish()
        self._rename()
        os.fsync(self.directory)

    def link(self) -> None:
        self._finish()
        self._link()
        self._sync_name()

    def link_or_take(self) -> None:
        self._finish()
        try:
            self._link()
        except FileExistsError:
            raise
        except OSError:  # FAT and other file systems without links
            os.close(os.open(self._name, _NEW, self._mode, dir_fd=self.directory))
            try:
                self._rename()
            except BaseException:
                self._unlink(self._name)
                raise
        self._sync_name()

    def close(self) -> None:
        with contextlib.suppress(OSError):  # what is not written by now is discarded
            self._file.close()
        if not self._has_its_name:
            self._unlink(self._temporary)
        os.close(self.directory)

    def _finish(self) -> None:
        self._file.flush()
        if self._mode != 0o600:
            os.fchmod(self.descriptor, self._mode)  # independent of the umask
        os.fsync(self.descriptor)
        self._file.close()

    def _rename(self) -> None:
        os.rename(self._temporary, self._name, src_dir_fd=self.directory, dst_dir_fd=self.directory)
        self._has_its_name = True

    def _link(self) -> None:
        os.link(
            self._temporary,
            self._name,
            src_dir_fd=self.directory,
            dst_dir_fd=self.directory,
            follow_symlinks=False,
        )
        os.unlink(self._temporary, dir_fd=self.directory)
        self._has_its_name = True

    def _sync_name(self) -> None:
        """Sync the directory. If that fails, remove the new name, because a power cut could lose it."""
        try:
            os.fsync(self.directory)
        except BaseException:
            self._unlink(self._name)
            raise

    def _unlink(self, name: str) -> None:
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=self.directory)


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return
    descriptor = os.open(path, _DIRECTORY | os.O_NOFOLLOW)
    try:
        give_away(path.parent, descriptor)
    finally:
        os.close(descriptor)
    sync_directory(path.parent)


@contextlib.contextmanager
def _told(path: Path, error: ErrorType) -> Iterator[None]:
    """Turn the system's errors into the caller's, with the cure."""
    try:
        yield
    except FileExistsError as found:
        cure = "name another file, or move it away"
        raise error(f"{path}: exists already and is never overwritten; {cure}") from found
    except OSError as found:
        if isinstance(found, SmartClockerError):
            raise
        cure = _CURES.get(found.errno or 0, "its disk failed or was removed; use another one")
        raise error(f"{path}: cannot be written ({found.strerror}); {cure}") from found


_DENIED = "this user may not write there; make its directory writable by this user, or choose another one"
_FULL = "the disk is full; free some space on it, or use another one"
_CURES = {
    errno.ENOENT: "make its directory, correct the path, or mount the stick",
    errno.ENOTDIR: "a file or a link lies in place of its directory; move it away, or correct the path",
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: "it is read-only; mount it writable, or move the stick's lock",
    errno.EISDIR: "a directory has this name; move it away",
    errno.ELOOP: "its links lead in a circle; correct the path",
    errno.EFBIG: "its file system allows no file of this size; format it as exFAT or ext4",
    errno.EINVAL: "its file system does not allow this name; name another file",
    errno.ENAMETOOLONG: "the name is too long; name another file",
}
