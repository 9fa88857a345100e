"""One process at a time on the same files: two would compete for the reader, the client id and the light."""

import contextlib
import errno
import fcntl
import logging
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from edge.errors import AlreadyRuns
from edge.storage.durable_file import give_away

RUN_LOCK = "run.lock"
"""Lock file of a terminal, in its state directory. Operator actions lock the directory itself, beside a running
service.
"""
_OPEN = os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def only_one(path: Path, what: str) -> Iterator[None]:
    """Lock the file `path`, which is empty and only for this, until the end of the process; the kernel then
    releases it.

    A link to its directory is followed, as everything else there does. If something that is no file lies in its
    place (a folder, a link), it gets another name. Nothing is written into the file. If it cannot be made, opened
    or locked (on a read-only disk, for example), there is no lock: the log says so, and the process goes on. Raises
    AlreadyRuns, which names its directory and `what`.
    """
    descriptor: int | None = None
    try:
        if is_strange(path):
            _set_aside(path)
        descriptor = os.open(path, _OPEN, 0o600)
        give_away(path.parent, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if descriptor is not None and error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
            os.close(descriptor)
            where = path.parent
            raise AlreadyRuns(f"{where}: {what} runs on it already; end that one, or leave this one") from None
        reason = error.strerror or error
        _log.warning(
            "%s: cannot be locked (%s), so that a second one would not be refused; mend that", path, reason
        )
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def is_strange(path: Path) -> bool:
    """Whether something that is no file lies there: it cannot be locked."""
    try:
        return not stat.S_ISREG(path.lstat().st_mode)
    except OSError:  # one system call, not two: another terminal that starts may move it in between
        return False


def _set_aside(path: Path) -> None:
    """Give it another name beside it; nothing is deleted. Raises OSError.

    If two processes see the same folder, the slower one must not move the file that the faster one holds by now. So
    each looks again under a lock on the directory.
    """
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        if is_strange(path):
            aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.was-there")
            path.rename(aside)
            _log.error("%s: it was not a file of ours; its name is %s now", path, aside.name)
    finally:
        os.close(directory)
