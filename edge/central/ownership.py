"""Files of the centre's directory: they are given to the directory's owner, whoever ran the command, and are read
without following a link.
"""

import errno
import os
import stat
from pathlib import Path


def adopt(path: Path) -> None:
    """Gives a file that root made to the owner of its directory. Raises OSError."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def make_directory(path: Path, mode: int) -> None:
    """Makes a missing directory that belongs to its parent's owner. Raises OSError."""
    if not path.is_dir():
        path.mkdir(mode=mode)
        adopt(path)


def read_own(path: Path) -> bytes:
    """The content of a file of the centre's directory. Raises OSError, also for a link or a pipe.

    Root reads these files, and the directory belongs to the ledger's user: a link would make root copy any file of
    the machine for that user.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        return file.read()
