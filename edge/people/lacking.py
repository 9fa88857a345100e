"""What an older copy of the people file lacks of what was given since, until somebody says that they looked.

The journal alone tells it, at the start after the copy was put back (`restored_credentials`): it says that
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
"""Ids in one line of the log."""


class Lack(StrEnum):
    """What was given, chosen or corrected since, in the order in which it is told."""

    PERSON = "person"
    """They were added or enrolled since: this file does not have them."""
    FACE = "face"
    CONSENT = "consent"
    BADGE = "badge"
    NUMBER = "number"
    PIN = "pin"
    NAME = "name"
    """Theirs was corrected since."""


class Lacking:
    """On the connection of the people file. Raises PeopleError."""

    def __init__(self, db: sqlite3.Connection, path: Path, writing: Writing) -> None:
        self._db, self._path, self._writing = db, path, writing

    def all(self) -> dict[str, tuple[Lack, ...]]:
        """What each may lack, by person."""
        with PEOPLE.guard(self._path):
            return told(self._db)

    def note(self, person: str, lacks: Collection[Lack]) -> None:
        """Beside what was noted of them before."""
        with self._writing():
            rows = [(person, str(one)) for one in lacks]
            self._db.executemany("INSERT OR IGNORE INTO lacking (person, what) VALUES (?, ?)", rows)

    def looked(self, person: str) -> bool:
        """Somebody looked: nothing is said of this person any more. False when nothing was."""
        with self._writing():
            return self._db.execute("DELETE FROM lacking WHERE person = ?", (person,)).rowcount > 0

    def drop(self, person: str, lacks: Collection[Lack]) -> None:
        """This is not to be given anew: it ended since."""
        with self._writing():
            rows = [(person, str(one)) for one in lacks]
            self._db.executemany("DELETE FROM lacking WHERE person = ? AND what = ?", rows)

    def left(self, persons: Collection[str]) -> None:
        """These left, and nothing is to be given to them; a write only where something was noted."""
        for person in sorted(self.all().keys() & set(persons)):
            self.looked(person)


def told(db: sqlite3.Connection) -> dict[str, tuple[Lack, ...]]:
    """As `Lacking.all`, of any connection; what was altered names nobody and nothing."""
    found: dict[str, set[str]] = {}
    for person, what in db.execute("SELECT person, what FROM lacking ORDER BY person"):
        if PERSON.fullmatch(person) is not None and what in set(Lack):
            found.setdefault(person, set()).add(what)
    return {person: tuple(one for one in Lack if one in whats) for person, whats in found.items()}


def words(lacking: dict[str, tuple[Lack, ...]], most: int = MOST_NAMED) -> str:
    """A line of ids and what each lacks, the first `most` of them."""
    return named([f"{person} ({', '.join(lacks)})" for person, lacks in lacking.items()], most, "; ")


def named(persons: Sequence[str], most: int = MOST_NAMED, between: str = ", ") -> str:
    """The first `most` of them in a line, and how many more there are."""
    more = f"{between}and {len(persons) - most} more" if len(persons) > most else ""
    return between.join(persons[:most]) + more
