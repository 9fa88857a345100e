"""Who was exported to the centre, as the people file remembers it until the roster brings them."""

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
    """On the connection of the people file."""

    def __init__(self, db: sqlite3.Connection, path: Path, writing: Writing) -> None:
        self._db, self._path, self._writing = db, path, writing

    def all(self) -> list[Awaited]:
        """By person, but for whom an entry of the roster was written since. Raises PeopleError."""
        query = f"SELECT {_COLUMNS} FROM exported WHERE person NOT IN (SELECT person FROM entries) ORDER BY person"  # noqa: S608 (fixed names)
        with PEOPLE.guard(self._path):
            rows = self._db.execute(query).fetchall()
        # one that was altered is waited for anew
        return [Awaited(person, at if is_instant(at) else None, heard) for person, at, heard in rows]

    def put(self, one: Awaited) -> None:
        """In place of what was noted of them. Raises PeopleError."""
        with self._writing():
            row = (one.person, one.exported, one.heard)
            self._db.execute("INSERT OR REPLACE INTO exported VALUES (?, ?, ?)", row)

    @contextmanager
    def noting(self, person: str, at: str | None) -> Iterator[None]:
        """Around the writing of an export: noted if that succeeds, and as before if it does not.

        `at` is RFC 3339 UTC; None where the clock is not sure. Raises PeopleError, and what is raised within.
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
