"""Whether a state directory was lived in: its other files know that a journal which is not there was there once."""

import contextlib
import os
import sqlite3
from pathlib import Path

_FILES = ("scores.json", "calibration.json", "access")
_TABLES = {
    "people.db": ("people", "orders", "consents"),
    "roster.db": ("people", "pages", "marks"),
    "evidence.db": ("stills", "copies"),
}
"""What has rows only once records were made: the files themselves may be made by a look into an empty terminal."""


def is_lived_in(state: Path) -> bool:
    """Whether anything in it is of an earlier life; a file that cannot be read is: no look leaves such a one."""
    if any((state / name).exists() for name in _FILES):
        return True
    return any(_has_rows(state / name, tables) for name, tables in _TABLES.items())


def _has_rows(path: Path, tables: tuple[str, ...]) -> bool:
    if not path.is_file():
        return os.path.lexists(path)  # a pipe would be waited for for ever
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            return any(db.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in tables)  # noqa: S608
    except sqlite3.Error:
        return True
