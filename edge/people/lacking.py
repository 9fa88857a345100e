"""The data that an older copy of the people file lacks, noted until somebody confirms that they looked.

Only the journal tells it, at the start after the copy was put back (`restored_credentials`). The journal tells that
something was given, and never which number or name it was.
"""

import sqlite3
from collections.abc import Collection, Sequence
from enum import StrEnum
from pathlib import Path

from edge.domain.protocol.fields import PERSON
from edge.people.people_file import Writing
from edge.people.schema import PEOPLE

MOST_NAMED = 20
"""Ids that one line of the log names."""


class Lack(StrEnum):
    """The types of data that were given, chosen or corrected since the copy, in the order in which they are
    listed.
    """

    PERSON = "person"
    """The person was added or enrolled since: this file does not have them."""
    FACE = "face"
    CONSENT = "consent"
    BADGE = "badge"
    NUMBER = "number"
    PIN = "pin"
    NAME = "name"
    """The name was corrected since."""


class Lacking:
    """The table `lacking`, on the connection of the people file. Every method raises PeopleError."""

    def __init__(self, db: sqlite3.Connection, path: Path, writing: Writing) -> None:
        self._db, self._path, self._writing = db, path, writing

    def all(self) -> dict[str, tuple[Lack, ...]]:
        """The types of data that each person may lack, by person."""
        with PEOPLE.guard(self._path):
            return told(self._db)

    def note(self, person: str, lacks: Collection[Lack]) -> None:
        """Note further types of data that the person lacks."""
        with self._writing():
            rows = [(person, str(one)) for one in lacks]
            self._db.executemany("INSERT OR IGNORE INTO lacking (person, what) VALUES (?, ?)", rows)

    def looked(self, person: str) -> bool:
        """Delete all notes about a person, because somebody looked; False when there were none."""
        with self._writing():
            return self._db.execute("DELETE FROM lacking WHERE person = ?", (person,)).rowcount > 0

    def drop(self, person: str, lacks: Collection[Lack]) -> None:
        """Delete notes about data that must not be given again, because it ended since."""
        with self._writing():
            rows = [(person, str(one)) for one in lacks]
            self._db.executemany("DELETE FROM lacking WHERE person = ? AND what = ?", rows)

    def left(self, persons: Collection[str]) -> None:
        """Delete the notes about people who left, because nothing must be given to them. Writes only where there is
        a note.
        """
        for person in sorted(self.all().keys() & set(persons)):
            self.looked(person)


def told(db: sqlite3.Connection) -> dict[str, tuple[Lack, ...]]:
    """The same as `Lacking.all`, on any connection. Altered rows are passed over."""
    found: dict[str, set[str]] = {}
    for person, what in db.execute("SELECT person, what FROM lacking ORDER BY person"):
        if PERSON.fullmatch(person) is not None and what in set(Lack):
            found.setdefault(person, set()).add(what)
    return {person: tuple(one for one in Lack if one in whats) for person, whats in found.items()}


def words(lacking: dict[str, tuple[Lack, ...]], most: int = MOST_NAMED) -> str:
    """One line with ids and what each lacks, for the first `most` people."""
    return named([f"{person} ({', '.join(lacks)})" for person, lacks in lacking.items()], most, "; ")


def named(persons: Sequence[str], most: int = MOST_NAMED, between: str = ", ") -> str:
    """One line with the first `most` ids, and how many more there are."""
    more = f"{between}and {len(persons) - most} more" if len(persons) > most else ""
    return between.join(persons[:most]) + more
