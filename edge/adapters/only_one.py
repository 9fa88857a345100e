"""One process at a time on the same files: two would fight for the reader, the client id and the light."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from edge.errors import AlreadyRuns


@contextlib.contextmanager
def only_one(path: Path, what: str) -> Iterator[None]:
    """Hold `path`, a file or directory that is there, until the end; the kernel lets go of it with the process.

    A link is followed, as by everything else that works in that directory: what is held is what it leads to.

    Nothing is written, so that a full or read-only disk is no hindrance; where the path cannot be opened or locked,
    whoever needs it says so. Raises AlreadyRuns, naming `what`.
    """
    descriptor: int | None = None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if descriptor is not None and error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
            os.close(descriptor)
            raise AlreadyRuns(f"{path}: {what} runs on it already; end that one, or leave this one") from None
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)
