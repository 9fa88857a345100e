"""What lies under the names that SQLite takes beside a database, and is no file, keeps none from being opened."""

import contextlib
import logging
import os
import secrets
import stat
import threading
from pathlib import Path

_ENDS = ("-wal", "-shm", "-journal")
_ONE = threading.Lock()

_log = logging.getLogger(__name__)


def strange(database: Path) -> list[Path]:
    """Of its -wal, -shm and -journal those that are a folder, a pipe, a link to no file: SQLite makes none."""
    return [path for end in _ENDS if _is_strange(path := database.with_name(database.name + end))]


def set_aside(database: Path) -> None:
    """Give each that is `strange` another name beside the database; nothing is deleted. Raises OSError.

    Of two that see the same folder the slower one must not move the file that SQLite made for the faster one: our
    own threads wait for each other, and what another process made meanwhile is put back.
    """
    if not strange(database):
        return
    with _ONE:
        for path in strange(database):
            aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.was-there")
            path.rename(aside)
            if stat.S_ISREG(aside.lstat().st_mode):
                os.link(aside, path)
                aside.unlink()
                continue
            _log.error("%s: no file of ours lay there; it is %s now", path, aside.name)


def _is_strange(path: Path) -> bool:
    if not os.path.lexists(path):
        return False
    with contextlib.suppress(FileNotFoundError):
        try:
            return not stat.S_ISREG(path.stat().st_mode)
        except PermissionError:
            return False  # opening the database says it with the cure
    return path.is_symlink()
