"""One command at a time acts on the authority's keys and log: a lock in its directory, given back by the kernel.

Whoever loads the key, replaces it, or does something that belongs into the log holds it until that is done. So no
key changes under a command that signs, and what an interrupted command left behind is known to be nobody's.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from edge.central.ownership import adopt
from edge.errors import KeyFileError

LOCK = "authority.lock"
PUBLISHING = "roster-publish.lock"
"""Of two commands that publish, the one that began later must not be overtaken."""
_STAYS = {LOCK: ".", PUBLISHING: "roster.key"}
"""Locked beside the file, which somebody may remove while it is held: of each something else that nobody does."""
WAIT_S = 20.0
"""How long a command waits for another's."""
_LOOK_S = 0.02


@contextlib.contextmanager
def held(directory: Path, wait_s: float = WAIT_S, lock: str = LOCK) -> Iterator[None]:
    """Nobody else's turn inside; not to be taken twice by one thread. Raises KeyFileError."""
    path = directory / lock
    taken: list[int] = []
    try:
        try:
            taken.append(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
            adopt(path)
            with contextlib.suppress(FileNotFoundError):
                taken.append(os.open(directory / _STAYS[lock], os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            raise KeyFileError(
                f"{path}: cannot be opened ({error.strerror}); name the directory that `central authority init` "
                "made, writable by this user"
            ) from error
        deadline = time.monotonic() + wait_s
        while not all(map(_locked, taken)):
            if time.monotonic() >= deadline:
                raise KeyFileError(
                    f"{path}: another command has held it for {wait_s:g} s; `fuser {path}` names it: let it end, "
                    "then give this one again"
                )
            time.sleep(_LOOK_S)
        yield
    finally:
        for one in taken:
            os.close(one)  # and with it the lock


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
