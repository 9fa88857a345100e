"""The files of the centre's roster: who belongs to which site, and every signed message.

`roster-people.db` is a people file like a terminal's: names, templates and consent, each person under a key of
their own. `roster.db` has ids, versions and the messages, which are encrypted; the site keys in it are sealed. Only
`roster.key` opens both; terminals seal their exports to its public half.
"""

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nacl.signing import SigningKey

from edge.central.roster.key import ensure_key
from edge.central.roster.schema import ROSTER, ROSTER_DB, ROSTER_PEOPLE, TABLES
from edge.crypto.person_keys import seal, unseal
from edge.domain.roster.messages import ManifestEntry
from edge.people.people_store import People
from edge.storage.sqlite_connection import SqliteConnection


@dataclass(frozen=True, slots=True)
class SiteRow:
    """A site and its key."""

    site: str
    version: int
    """Version of the site's roster: how often it was published with a change."""
    keys: int
    """Number of the site's key, counted from 1."""
    key: bytes


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A person's row in a site's roster."""

    person: str
    content: int
    gone: str | None
    """Why the person left; None if the person belongs to the site."""
    gone_at: str | None
    stale: bool
    """Whether the person's message must be made again."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A signed message."""

    topic: str
    version: int
    sha256: str
    """sha256 of the payload, in hex."""
    wire: bytes

    @property
    def entry(self) -> ManifestEntry:
        """The entry of this message in a page of the manifest."""
        return ManifestEntry(self.version, self.sha256)


class RosterStore(SqliteConnection):
    """Opens both files. Use it on one thread."""

    def __init__(self, directory: Path) -> None:
        """Opens the files in `directory`; creates missing ones. Raises LedgerError, PeopleError, KeyFileError."""
        self.path = directory / ROSTER_DB
        self.key = ensure_key(directory)
        self._rest = _derived(self.key, b"sc-roster-keys")
        self.people = People(directory / ROSTER_PEOPLE, _derived(self.key, b"sc-roster-rest"))
        try:
            self._db = ROSTER.open(self.path, TABLES)
            self._db.execute("PRAGMA secure_delete = ON")
        except BaseException:
            self.people.close()
            raise

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction of `roster.db`. Raises LedgerError."""
        with ROSTER.writing(self._db, self.path):
            yield

    def sites(self) -> list[str]:
        """The sites that have a roster."""
        with ROSTER.guard(self.path):
            return [site for (site,) in self._db.execute("SELECT site FROM sites ORDER BY site")]

    def site(self, site: str) -> SiteRow | None:
        """The row of a site; None if it has no roster. Raises LedgerError."""
        with ROSTER.guard(self.path):
            row = self._db.execute("SELECT site, version, keys, key FROM sites WHERE site = ?", (site,)).fetchone()
        if row is None:
            return None
        _, version, keys, sealed = row
        return SiteRow(site, version, keys, unseal(self._rest, f"site:{site}:{keys}", sealed))

    def put_site(self, row: SiteRow) -> None:
        """Stores a site's row. Call it inside `writing`."""
        sealed = seal(self._rest, f"site:{row.site}:{row.keys}", row.key)
        self._db.execute(
            "INSERT INTO sites VALUES (?, ?, ?, ?) "
            "ON CONFLICT (site) DO UPDATE SET version = excluded.version, keys = excluded.keys, key = excluded.key",
            (row.site, row.version, row.keys, sealed),
        )

    def members(self, site: str) -> dict[str, MemberRow]:
        """The rows of a site by person, including people who left. Raises LedgerError."""
        query = "SELECT person, content, gone, gone_at, stale FROM members WHERE site = ? ORDER BY person"
        with ROSTER.guard(self.path):
            rows = self._db.execute(query, (site,)).fetchall()
        return {
            person: MemberRow(person, content, gone, gone_at, stale=bool(stale))
            for person, content, gone, gone_at, stale in rows
        }

    def put_members(self, site: str, rows: Iterable[MemberRow]) -> None:
        """Stores rows of a site. Call it inside `writing`."""
        values = [(site, one.person, one.content, one.gone, one.gone_at, one.stale) for one in rows]
        self._db.executemany("INSERT OR REPLACE INTO members VALUES (?, ?, ?, ?, ?, ?)", values)

    def forget_members(self, site: str, persons: Iterable[str]) -> None:
        """Deletes the rows of these people. Call it inside `writing`."""
        pairs = [(site, person) for person in persons]
        self._db.executemany("DELETE FROM members WHERE site = ? AND person = ?", pairs)

    def holders(self, site: str) -> dict[str, str]:
        """For each terminal, the id of the identity that the site's key was sealed to. Raises LedgerError."""
        with ROSTER.guard(self.path):
            return dict(self._db.execute("SELECT terminal, identity FROM holders WHERE site = ?", (site,)))

    def put_holders(self, site: str, holders: Mapping[str, str]) -> None:
        """Replaces all holders of the site's key. Call it inside `writing`."""
        self._db.execute("DELETE FROM holders WHERE site = ?", (site,))
        rows = [(site, terminal, identity) for terminal, identity in holders.items()]
        self._db.executemany("INSERT INTO holders VALUES (?, ?, ?)", rows)

    def messages(self, site: str) -> dict[str, Sent]:
        """All messages that the broker is to retain for a site, by topic. Raises LedgerError."""
        query = "SELECT topic, version, sha256, wire FROM messages WHERE site = ? ORDER BY topic"
        with ROSTER.guard(self.path):
            return {row[0]: Sent(*row) for row in self._db.execute(query, (site,))}

    def put_messages(self, site: str, messages: Mapping[str, Sent | None]) -> None:
        """Stores messages by topic; None deletes one. Call it inside `writing`."""
        for topic, sent in messages.items():
            if sent is None:
                self._db.execute("DELETE FROM messages WHERE site = ? AND topic = ?", (site, topic))
            else:
                row = (site, sent.topic, sent.version, sent.sha256, sent.wire)
                self._db.execute("INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?, ?)", row)

    def rewrite(self) -> None:
        """Rewrites the whole file `roster.db`, so that no page keeps an erased person's ciphertext. Raises
        LedgerError.
        """
        with ROSTER.guard(self.path):
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Closes both files. Calling it twice is safe."""
        super().close()
        self.people.close()


def _derived(key: SigningKey, purpose: bytes) -> bytes:
    return hashlib.blake2b(key=bytes(key), digest_size=32, person=purpose).digest()
