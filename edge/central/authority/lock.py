"""A lock in the authority's directory: one command at a time uses its keys and log. The kernel releases the lock
when the process ends.

A command holds it while it loads or replaces the key, or does something that belongs in the log. So no key changes
while a command signs, and a file that an interrupted command left behind is in use by nobody.
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
"""Lock for publishing a roster, so that the command that began later also finishes later."""
BACKING_UP = "backup.lock"
"""Lock for a backup of the whole directory, so that each finds and removes what an interrupted one left."""
ACL = "acl.lock"
"""Lock for the broker's ACL from reading to writing, so that no command undoes what another one adds."""
_STAYS = {LOCK: ".", PUBLISHING: "roster.key", BACKING_UP: "ledger.key", ACL: "pki"}
"""Somebody may remove the lock file while it is held. So a second file is locked, too, for each lock a different
one that nobody removes.
"""
WAIT_S = 20.0
"""Seconds that a command waits for another one."""
_LOOK_S = 0.02


@contextlib.contextmanager
def held(directory: Path, wait_s: float = WAIT_S, lock: str = LOCK) -> Iterator[None]:
    """Holds the lock inside the block. A thread must not take it twice. Raises KeyFileError."""
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
            os.close(one)  # this releases the lock


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
