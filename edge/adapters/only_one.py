"""One process at a time on the same files: two would fight for the reader, the client id and the light."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from edge.errors import AlreadyRuns
from edge.ownfile import give_away

RUN_LOCK = "run.lock"
"""A terminal's, in its state directory: the directory itself is what acts by hand lock, beside a service."""
_OPEN = os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@contextlib.contextmanager
def only_one(path: Path, what: str) -> Iterator[None]:
    """Hold the file `path`, empty and for this alone, until the end; the kernel lets go of it with the process.

    A link to its directory is followed, as by everything else that works there; one in the file's own place is not.
    Nothing is written into it. Where it cannot be made, opened or locked (a read-only disk, say) there is no lock,
    and nothing else ends. Raises AlreadyRuns, naming its directory and `what`.
    """
    descriptor: int | None = None
    try:
        descriptor = os.open(path, _OPEN, 0o600)
        give_away(path.parent, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if descriptor is not None and error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
            os.close(descriptor)
            where = path.parent
            raise AlreadyRuns(f"{where}: {what} runs on it already; end that one, or leave this one") from None
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)
