"""Reading a small file that a person named: never more than a limit, and without waiting for ever, whatever it
is.
"""

import errno
import os
import stat
from pathlib import Path


def read_file(path: Path | str, limit: int) -> bytes:
    """The content of a regular file of `limit` bytes at most. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    with os.fdopen(descriptor, "rb") as file:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"larger than {limit:,} bytes", str(path))
    return content


def read_at_most(path: Path | str, limit: int) -> bytes:
    """The content, up to `limit` + 1 bytes: one more than `limit` shows that it is longer. Raises OSError.

    A pipe is read to its end. A pipe that nobody writes to is empty.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    with os.fdopen(descriptor, "rb") as file:
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            os.set_blocking(descriptor, True)  # it is open now: with a writer the read waits, without one it ends
        return file.read(limit + 1)
