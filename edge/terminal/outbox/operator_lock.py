"""One operator at a time; the service leaves an operator's pending records alone until the action is over.

The lock is on the state directory itself: both may open it, whoever owns the files in it, and a process that dies
gives it back.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from edge.errors import PeopleError

WITHIN_S = 30.0
"""How long an operator waits for another: one that writes to a slow stick, say."""
_AGAIN_S = 0.05


@contextlib.contextmanager
def held(directory: Path) -> Iterator[None]:
    """The lock, from before the pending records of an action to its end. Raises PeopleError."""
    with _open(directory) as descriptor:
        give_up = time.monotonic() + WITHIN_S
        while not _lock(descriptor):
            if time.monotonic() > give_up:
                raise PeopleError("another act by hand is under way here; wait for its end, then give yours again")
            time.sleep(_AGAIN_S)
        yield


@contextlib.contextmanager
def tried(directory: Path) -> Iterator[bool]:
    """Whether no operator acts; where it is true, none begins before the end of this. Raises PeopleError."""
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
