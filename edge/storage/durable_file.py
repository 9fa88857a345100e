"""Files that appear under their name whole and durable, or not at all.

The content goes to a temporary name in the same directory, drawn by chance and made anew (O_EXCL, O_NOFOLLOW): no
link that lies there is followed, and nothing that was there is written to. Then come the fsync of the file, its
name, and the fsync of the directory. A kill, a power cut or a full disk leaves what was there before; what a kill
leaves under the temporary name is never read.

- `replace` renames: what had the name before is replaced.
- `create` links: a name that is taken is refused, since a key must never be replaced.
- `NewFile` is for a directory that somebody named, on a stick too, and for what is too long for memory. FAT has no
  links: there an empty file of ours takes the name first, and a rename replaces that.

Four writers need something else, and stay apart. `SqliteFile.create`: SQLite itself writes the file, with others
beside it. `issued_certificates`: lines are appended to a log. `Reserve`: its length counts, not its content.
`report_file`: an ordinary file or a device that somebody named, and that they can make again.
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
"""Makes the error that is raised of its text; a class of errors is one."""
_SYNC_EVERY = 8 * 1024 * 1024
"""Bytes: a slow stick then shows its progress, and a full or pulled one its error, before all is written."""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def replace(path: Path, content: bytes, error: ErrorType, *, mode: int = 0o600, folder: bool = False) -> None:
    """Put `content` at `path`, owned by the directory's owner; durable on return.

    `folder`: its directory is one of ours, made 0700 when absent, and refused when it is a link. Raises `error`.
    """
    with _told(path, error):
        if folder:
            _make_folder(path.parent)
        with contextlib.closing(_Temporary(path, mode, follow=not folder)) as file:
            give_away(file.directory, file.descriptor)
            file.write(content)
            file.rename()


def create(path: Path, content: bytes, error: ErrorType, *, mode: int = 0o600) -> None:
    """Put `content` at `path`, where nothing was, owned by the directory's owner; durable on return.

    Raises `error`, also where the file system has no links.
    """
    with _told(path, error), contextlib.closing(_Temporary(path, mode)) as file:
        give_away(file.directory, file.descriptor)
        file.write(content)
        file.link()


class NewFile:
    """Write to it in a `with` statement: it is there, 0600, when that ends without an exception. Raises `error`."""

    def __init__(self, path: Path, error: ErrorType) -> None:
        """Refuses a name that is taken, and a directory that cannot be written to."""
        self.path = path
        self.size = 0
        """Bytes written so far."""
        self._error = error
        self._synced = 0
        with _told(path, error):
            if os.path.lexists(path):
                raise FileExistsError
            self._file = _Temporary(path, 0o600)

    def write(self, data: bytes) -> None:
        """Append."""
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
            if kind is None:
                self._file.link_or_take()


def sync_directory(path: Path) -> None:
    """Make names that were created in a directory durable. Raises OSError."""
    descriptor = os.open(path, _DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def give_away(directory: int | Path, descriptor: int) -> None:
    """Give what root makes to the directory's owner: the service must be able to open it. Raises OSError.

    `descriptor` is an open file or folder: a name may lead elsewhere by now.
    """
    if os.geteuid() == 0:
        owner = os.stat(directory)  # noqa: PTH116 - of an open one, too
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


class _Temporary:
    """A new file under a temporary name, in a directory that is held open. Everything here raises OSError."""

    def __init__(self, path: Path, mode: int, *, follow: bool = True) -> None:
        self._name = path.name
        # begins with the name: whoever deletes what is there of somebody finds what an interruption left, too
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
        except OSError:  # FAT, and others that have no links
            os.close(os.open(self._name, _NEW, self._mode, dir_fd=self.directory))
            try:
                self._rename()
            except BaseException:
                self._unlink(self._name)
                raise
        self._sync_name()

    def close(self) -> None:
        with contextlib.suppress(OSError):  # what was not written by now is not wanted
            self._file.close()
        if not self._has_its_name:
            self._unlink(self._temporary)
        os.close(self.directory)

    def _finish(self) -> None:
        self._file.flush()
        if self._mode != 0o600:
            os.fchmod(self.descriptor, self._mode)  # whatever the umask is
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
        """A new name that may be lost with the power is taken back."""
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
        cure = _CURES.get(found.errno or 0, "its disk fails, or was taken out; use another one")
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
    errno.ELOOP: "links lead round in a circle; correct the path",
    errno.EFBIG: "its file system has no room for a file as large as this; format it as exFAT or ext4",
    errno.EINVAL: "its file system knows no such name; name another file",
    errno.ENAMETOOLONG: "the name is too long; name another file",
}
