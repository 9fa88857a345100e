"""Whom the centre's roster knows, as both its files name them: no key is needed, and nothing of them is opened."""

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path

from edge.central.roster.schema import ROSTER, ROSTER_DB, ROSTER_PEOPLE
from edge.errors import PeopleError
from edge.people.schema import PEOPLE
from edge.storage.sqlite_file import SqliteFile


def knows(directory: Path, person: str) -> bool:
    """Whether somebody belongs, or belonged, to a site of this centre. Needs no key. Raises LedgerError."""
    return person in known(directory, [person])


def known(directory: Path, persons: Iterable[str]) -> set[str]:
    """Which of these belong, or belonged, to a site of this centre. Needs no key. Raises LedgerError.

    Whom the people file alone names, since a file was restored, is among them.
    """
    asked = json.dumps(list(persons))
    found = _named(ROSTER, directory / ROSTER_DB, "members", "person", asked)
    with contextlib.suppress(PeopleError):  # a damaged one names nobody, and whoever opens it says so
        found |= _named(PEOPLE, directory / ROSTER_PEOPLE, "people", "id", asked)
    return found


def _named(kind: SqliteFile, path: Path, table: str, column: str, asked: str) -> set[str]:
    if not kind.present(path):
        return set()
    query = f"SELECT DISTINCT {column} FROM {table} WHERE {column} IN (SELECT value FROM json_each(?))"  # noqa: S608 (fixed names)
    with kind.guard(path), contextlib.closing(kind.connect(path, "ro")) as db:
        return {str(person) for (person,) in db.execute(query, (asked,))}
