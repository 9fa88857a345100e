"""What of the roster has arrived at this terminal, kept over restarts: versions only grow (I12).

Ids, versions and hashes; never a name, a key or a ciphertext. An entry that was encrypted under the site key is
nowhere on the disk, so that an erased person's cannot be found there and opened later.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edge.errors import PeopleError, PeopleUnavailable
from edge.sqlitefile import Kind

HELD, OUT, GONE = "held", "out", "gone"
"""In the people file; kept out of it, for a reason; erased."""
MANIFEST, KEY = "manifest", "key"
RECEIVED = Kind(
    noun="record of the roster",
    application_id=0x53435231,  # 'SCR1'
    version=1,
    error=PeopleError,
    away=PeopleUnavailable,
    mend="it is damaged; move it away: the roster then comes again from the broker, and nothing else is in it",
)
_TABLES = """
CREATE TABLE people (
    person TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    content INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE pages (
    bucket TEXT NOT NULL,
    version INTEGER NOT NULL,
    payload BLOB NOT NULL,
    PRIMARY KEY (bucket, version)
) STRICT;
CREATE TABLE marks (name TEXT PRIMARY KEY, version INTEGER NOT NULL, payload BLOB NOT NULL) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Row:
    """The newest message about one person that was acted upon."""

    person: str
    version: int
    sha256: str
    """Hex, of its payload."""
    content: int
    """Of the member in it; 0 for a tombstone."""
    state: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """The newest of something of which there is one."""

    version: int
    payload: bytes


class Received:
    """One connection, bound to the thread that opened it."""

    def __init__(self, path: Path) -> None:
        """Open, or create when absent. Raises PeopleError."""
        self.path = path
        if not path.exists():
            RECEIVED.create(path, _TABLES, lambda _db: None)
        self._db = RECEIVED.connect(path)

    def rows(self) -> dict[str, Row]:
        """By person. Raises PeopleError."""
        with RECEIVED.guard(self.path):
            query = "SELECT person, version, sha256, content, state, reason FROM people"
            return {row[0]: Row(*row) for row in self._db.execute(query)}

    def pages(self) -> list[bytes]:
        """Their payloads, in order of version. Raises PeopleError."""
        with RECEIVED.guard(self.path):
            return [payload for (payload,) in self._db.execute("SELECT payload FROM pages ORDER BY version")]

    def mark(self, name: str) -> Mark | None:
        """The newest one; None when there was none. Raises PeopleError."""
        with RECEIVED.guard(self.path):
            query = "SELECT version, payload FROM marks WHERE name = ?"
            row = self._db.execute(query, (name,)).fetchone()
        return None if row is None else Mark(*row)

    def keep(self, rows: Iterable[Row]) -> None:
        """In one transaction. Raises PeopleError."""
        columns = [(one.person, one.version, one.sha256, one.content, one.state, one.reason) for one in rows]
        with RECEIVED.writing(self._db, self.path):
            self._db.executemany("INSERT OR REPLACE INTO people VALUES (?, ?, ?, ?, ?, ?)", columns)

    def forget(self, persons: Iterable[str]) -> None:
        """As if nothing had come about them. Raises PeopleError."""
        with RECEIVED.writing(self._db, self.path):
            self._db.executemany("DELETE FROM people WHERE person = ?", [(person,) for person in persons])

    def keep_mark(self, name: str, mark: Mark) -> None:
        """Raises PeopleError."""
        with RECEIVED.writing(self._db, self.path):
            self._db.execute("INSERT OR REPLACE INTO marks VALUES (?, ?, ?)", (name, mark.version, mark.payload))

    def keep_page(self, bucket: str, version: int, payload: bytes, oldest: int) -> None:
        """Keep it, and of this bucket none below the version `oldest`. Raises PeopleError."""
        with RECEIVED.writing(self._db, self.path):
            self._db.execute("INSERT OR REPLACE INTO pages VALUES (?, ?, ?)", (bucket, version, payload))
            self._db.execute("DELETE FROM pages WHERE bucket = ? AND version < ?", (bucket, oldest))

    def close(self) -> None:
        """Safe to call twice."""
        self._db.close()
