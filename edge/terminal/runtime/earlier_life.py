"""Whether a terminal worked in a state directory before: then a journal that is missing was there once."""

import contextlib
import os
import sqlite3
from pathlib import Path

_FILES = ("scores.json", "calibration.json", "access")
_TABLES = {
    "people.db": ("people", "orders", "consents"),
    "roster.db": ("people", "pages", "marks"),
    "evidence.db": ("stills", "copies"),
    "site.db": ("heard",),
}
"""Tables that have rows only after records were made. The files alone may come from a look at an empty terminal."""


def is_lived_in(state: Path) -> bool:
    """Whether any file in the directory is from earlier work. A file that cannot be read counts, because a look
    leaves none.
    """
    if any((state / name).exists() for name in _FILES):
        return True
    return any(_has_rows(state / name, tables) for name, tables in _TABLES.items())


def _has_rows(path: Path, tables: tuple[str, ...]) -> bool:
    if not path.is_file():
        return os.path.lexists(path)  # not opened: reading from a pipe would never end
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            return any(db.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in tables)  # noqa: S608
    except sqlite3.Error:
        return True
