"""Things that are not files under the names that SQLite uses beside a database; they must not keep it from being
opened.
"""

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
    """The paths among -wal, -shm and -journal that are a folder, a pipe or a broken link. SQLite makes none of
    these.
    """
    return [path for end in _ENDS if _is_strange(path := database.with_name(database.name + end))]


def set_aside(database: Path) -> None:
    """Give every `strange` path another name beside the database; nothing is deleted. Raises OSError.

    When two processes or threads see the same folder, the slower one must not move the file that SQLite made for
    the faster one. So the threads of this process wait for each other, and a file that another process made
    meanwhile is put back.
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
            _log.error("%s: it was not a file of ours; its name is %s now", path, aside.name)


def _is_strange(path: Path) -> bool:
    if not os.path.lexists(path):
        return False
    with contextlib.suppress(FileNotFoundError):
        try:
            return not stat.S_ISREG(path.stat().st_mode)
        except PermissionError:
            return False  # opening the database raises this with the cure
    return path.is_symlink()
