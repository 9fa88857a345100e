"""Files beside the databases that root may make in the service's directory: whole, durable, and the service's own.

The service's user may write into that directory, and root follows nothing that was put there: the name under which
a file grows is drawn by chance and made anew, and what is given away is the open file and not a name.
"""

import contextlib
import os
import secrets
from pathlib import Path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def replace(path: Path, content: bytes, *, folder: bool = False) -> None:
    """Put `content` at `path`, 0600, the directory's owner's; what was there before is replaced, never written to.

    `folder`: its directory is one of ours, made 0700 when absent, and refused when it is a link. Raises OSError.
    """
    if folder:
        _make_folder(path.parent)
    directory = os.open(path.parent, _DIRECTORY | (os.O_NOFOLLOW if folder else 0))
    # begins with the name: whoever deletes what is there of somebody finds what an interruption left, too
    temporary = f"{path.name[:200]}.{secrets.token_hex(8)}.part"
    try:
        descriptor = os.open(temporary, _NEW, 0o600, dir_fd=directory)
        try:
            with os.fdopen(descriptor, "wb") as file:
                give_away(directory, descriptor)
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            os.rename(temporary, path.name, src_dir_fd=directory, dst_dir_fd=directory)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=directory)
            raise
        os.fsync(directory)
    finally:
        os.close(directory)


def give_away(directory: int | Path, descriptor: int) -> None:
    """What root makes by hand the service must be able to open: an open file or folder. Raises OSError."""
    if os.geteuid() == 0:
        owner = os.stat(directory)  # noqa: PTH116 - of an open one, too
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


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
