"""The lock of operators: one operator acts at a time, and the service leaves an operator's pending records alone
until the action is over.

The lock is on the state directory itself, because operator and service may both open it, whatever user owns the
files in it. The kernel releases the lock when a process dies.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from edge.errors import PeopleError

WITHIN_S = 30.0
"""How long an operator waits for another operator, for example for one whose action writes to a slow stick."""
_AGAIN_S = 0.05


@contextlib.contextmanager
def held(directory: Path) -> Iterator[None]:
    """Hold the lock from before an action's pending records are written until it is over. Raises PeopleError."""
    with _open(directory) as descriptor:
        give_up = time.monotonic() + WITHIN_S
        while not _lock(descriptor):
            if time.monotonic() > give_up:
                raise PeopleError(
                    "another operator's command runs here; wait until it has ended, then give yours again"
                )
            time.sleep(_AGAIN_S)
        yield


@contextlib.contextmanager
def tried(directory: Path) -> Iterator[bool]:
    """Yields whether no operator acts; if so, none can begin before this context ends. Raises PeopleError."""
    with _open(directory) as descriptor:
        yield _lock(descriptor)


@contextlib.contextmanager
def _open(directory: Path) -> Iterator[int]:
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        cure = "make it readable by this user"
        raise PeopleError(f"{directory}: cannot be opened ({error.strerror}); {cure}") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
