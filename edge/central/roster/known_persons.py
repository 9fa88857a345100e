"""The persons whom the centre's roster names. The person ids are not encrypted, so no key is needed."""

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path

from edge.central.roster.schema import ROSTER, ROSTER_DB, ROSTER_PEOPLE
from edge.errors import PeopleError
from edge.people.schema import PEOPLE
from edge.storage.sqlite_file import SqliteFile


def knows(directory: Path, person: str) -> bool:
    """Whether a person belongs, or belonged, to a site of this centre. Needs no key. Raises LedgerError."""
    return person in known(directory, [person])


def known(directory: Path, persons: Iterable[str]) -> set[str]:
    """Those of these persons who belong, or belonged, to a site of this centre. Needs no key. Raises LedgerError.

    A person whom only the people file names, because one of the files was restored, is included.
    """
    asked = json.dumps(list(persons))
    found = _named(ROSTER, directory / ROSTER_DB, "members", "person", asked)
    with contextlib.suppress(PeopleError):  # a damaged file names nobody; opening it reports the damage
        found |= _named(PEOPLE, directory / ROSTER_PEOPLE, "people", "id", asked)
    return found


def _named(kind: SqliteFile, path: Path, table: str, column: str, asked: str) -> set[str]:
    if not kind.present(path):
        return set()
    query = f"SELECT DISTINCT {column} FROM {table} WHERE {column} IN (SELECT value FROM json_each(?))"  # noqa: S608 (fixed names)
    with kind.guard(path), contextlib.closing(kind.connect(path, "ro")) as db:
        return {str(person) for (person,) in db.execute(query, (asked,))}
