"""The people who were exported to the centre. The people file remembers each until the roster brings an entry."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.domain.roster.awaited import Awaited
from edge.domain.time.instant import is_instant
from edge.people.people_file import Writing
from edge.people.schema import PEOPLE

_COLUMNS = "person, exported, heard"


class Exported:
    """The table `exported`, on the connection of the people file."""

    def __init__(self, db: sqlite3.Connection, path: Path, writing: Writing) -> None:
        self._db, self._path, self._writing = db, path, writing

    def all(self) -> list[Awaited]:
        """The people who are awaited, without those whose roster entry was written since, sorted by id. Raises
        PeopleError.
        """
        query = f"SELECT {_COLUMNS} FROM exported WHERE person NOT IN (SELECT person FROM entries) ORDER BY person"  # noqa: S608 (fixed names)
        with PEOPLE.guard(self._path):
            rows = self._db.execute(query).fetchall()
        # if the instant was altered, the waiting begins again
        return [Awaited(person, at if is_instant(at) else None, heard) for person, at, heard in rows]

    def put(self, one: Awaited) -> None:
        """Replace the note about a person. Raises PeopleError."""
        with self._writing():
            row = (one.person, one.exported, one.heard)
            self._db.execute("INSERT OR REPLACE INTO exported VALUES (?, ?, ?)", row)

    @contextmanager
    def noting(self, person: str, at: str | None) -> Iterator[None]:
        """Note an export while it is written: the note stays if that succeeds, and is as before if it fails.

        `at` is RFC 3339 UTC; None where the clock is not sure. Raises PeopleError, and any error of the writing.
        """
        with PEOPLE.guard(self._path):
            query = f"SELECT {_COLUMNS} FROM exported WHERE person = ?"  # noqa: S608 (fixed names)
            before = self._db.execute(query, (person,)).fetchone()
        self.put(Awaited(person, at, None))
        try:
            yield
        except BaseException:
            if before is None:
                with self._writing():
                    self._db.execute("DELETE FROM exported WHERE person = ?", (person,))
            else:
                self.put(Awaited(*before))
            raise
