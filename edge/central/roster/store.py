"""The centre's roster in its files: who belongs to which site, and every message as it was signed.

`roster-people.db` is a people file like a terminal's: names, templates and consent, each under a key of the
person's own. `roster.db` has ids, versions and the messages, which are ciphertext; the site keys in it are sealed.
Both open with `roster.key` alone, whose public half terminals seal their exports to.
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
    """Of its roster: how often it was published with a change."""
    keys: int
    """Which key of the site this is, from 1."""
    key: bytes


@dataclass(frozen=True, slots=True)
class MemberRow:
    """Somebody's place in a site's roster."""

    person: str
    content: int
    gone: str | None
    """Why they left; None for who belongs."""
    gone_at: str | None
    stale: bool
    """Whether their message is to be made anew."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message as it was signed."""

    topic: str
    version: int
    sha256: str
    """Hex, of its payload."""
    wire: bytes

    @property
    def entry(self) -> ManifestEntry:
        """As the manifest lists it."""
        return ManifestEntry(self.version, self.sha256)


class RosterStore(SqliteConnection):
    """Both files, for one thread."""

    def __init__(self, directory: Path) -> None:
        """Open, or create what is missing. Raises LedgerError, PeopleError, KeyFileError."""
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
        """Those that have a roster."""
        with ROSTER.guard(self.path):
            return [site for (site,) in self._db.execute("SELECT site FROM sites ORDER BY site")]

    def site(self, site: str) -> SiteRow | None:
        """None for one without a roster. Raises LedgerError."""
        with ROSTER.guard(self.path):
            row = self._db.execute("SELECT site, version, keys, key FROM sites WHERE site = ?", (site,)).fetchone()
        if row is None:
            return None
        _, version, keys, sealed = row
        return SiteRow(site, version, keys, unseal(self._rest, f"site:{site}:{keys}", sealed))

    def put_site(self, row: SiteRow) -> None:
        """Inside `writing`."""
        sealed = seal(self._rest, f"site:{row.site}:{row.keys}", row.key)
        self._db.execute(
            "INSERT INTO sites VALUES (?, ?, ?, ?) "
            "ON CONFLICT (site) DO UPDATE SET version = excluded.version, keys = excluded.keys, key = excluded.key",
            (row.site, row.version, row.keys, sealed),
        )

    def members(self, site: str) -> dict[str, MemberRow]:
        """By person, those who left too. Raises LedgerError."""
        query = "SELECT person, content, gone, gone_at, stale FROM members WHERE site = ? ORDER BY person"
        with ROSTER.guard(self.path):
            rows = self._db.execute(query, (site,)).fetchall()
        return {
            person: MemberRow(person, content, gone, gone_at, stale=bool(stale))
            for person, content, gone, gone_at, stale in rows
        }

    def put_members(self, site: str, rows: Iterable[MemberRow]) -> None:
        """Inside `writing`."""
        values = [(site, one.person, one.content, one.gone, one.gone_at, one.stale) for one in rows]
        self._db.executemany("INSERT OR REPLACE INTO members VALUES (?, ?, ?, ?, ?, ?)", values)

    def forget_members(self, site: str, persons: Iterable[str]) -> None:
        """Inside `writing`."""
        pairs = [(site, person) for person in persons]
        self._db.executemany("DELETE FROM members WHERE site = ? AND person = ?", pairs)

    def holders(self, site: str) -> dict[str, str]:
        """By terminal, the id of the identity that the site's key was sealed to. Raises LedgerError."""
        with ROSTER.guard(self.path):
            return dict(self._db.execute("SELECT terminal, identity FROM holders WHERE site = ?", (site,)))

    def put_holders(self, site: str, holders: Mapping[str, str]) -> None:
        """In place of all before. Inside `writing`."""
        self._db.execute("DELETE FROM holders WHERE site = ?", (site,))
        rows = [(site, terminal, identity) for terminal, identity in holders.items()]
        self._db.executemany("INSERT INTO holders VALUES (?, ?, ?)", rows)

    def messages(self, site: str) -> dict[str, Sent]:
        """All that is to be retained at the broker, by topic. Raises LedgerError."""
        query = "SELECT topic, version, sha256, wire FROM messages WHERE site = ? ORDER BY topic"
        with ROSTER.guard(self.path):
            return {row[0]: Sent(*row) for row in self._db.execute(query, (site,))}

    def put_messages(self, site: str, messages: Mapping[str, Sent | None]) -> None:
        """By topic; None removes one. Inside `writing`."""
        for topic, sent in messages.items():
            if sent is None:
                self._db.execute("DELETE FROM messages WHERE site = ? AND topic = ?", (site, topic))
            else:
                row = (site, sent.topic, sent.version, sent.sha256, sent.wire)
                self._db.execute("INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?, ?)", row)

    def rewrite(self) -> None:
        """Every page of `roster.db` anew, so that none keeps an erased person's ciphertext. Raises LedgerError."""
        with ROSTER.guard(self.path):
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Both files. Safe to call twice."""
        super().close()
        self.people.close()


def _derived(key: SigningKey, purpose: bytes) -> bytes:
    return hashlib.blake2b(key=bytes(key), digest_size=32, person=purpose).digest()
