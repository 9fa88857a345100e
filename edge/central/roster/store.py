"""The centre's roster in its files: who belongs to which site, and every message as it was signed.

`roster-people.db` is a people file like a terminal's: names, templates and consent, each under a key of the
person's own. `roster.db` has ids, versions and the messages, which are ciphertext; the site keys in it are sealed.
Both open with `roster.key` alone, whose public half terminals seal their exports to.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from nacl.signing import SigningKey

from edge.central.ownership import adopt
from edge.crypto.key_files import create_identity, load_identity, public_pem
from edge.crypto.person_keys import seal, unseal
from edge.domain.roster.messages import ManifestEntry
from edge.errors import LedgerError, PeopleError
from edge.people.people_store import People
from edge.people.schema import PEOPLE
from edge.storage.sqlite_file import SqliteFile

ROSTER_KEY, ROSTER_PUBLIC, ROSTER_DB, ROSTER_PEOPLE = "roster.key", "roster.pem", "roster.db", "roster-people.db"
_ROSTER = SqliteFile(
    noun="roster of the centre",
    application_id=0x53434352,  # 'SCCR'
    version=1,
    error=LedgerError,
    mend="it is damaged; restore it from your backup",
)
_TABLES = """
CREATE TABLE sites (
    site TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    keys INTEGER NOT NULL,
    key BLOB NOT NULL
) STRICT;
CREATE TABLE members (
    site TEXT NOT NULL REFERENCES sites (site),
    person TEXT NOT NULL,
    content INTEGER NOT NULL,
    gone TEXT,
    gone_at TEXT,
    stale INTEGER NOT NULL,
    PRIMARY KEY (site, person)
) STRICT, WITHOUT ROWID;
CREATE TABLE holders (
    site TEXT NOT NULL REFERENCES sites (site),
    terminal TEXT NOT NULL,
    identity TEXT NOT NULL,
    PRIMARY KEY (site, terminal)
) STRICT, WITHOUT ROWID;
CREATE TABLE messages (
    site TEXT NOT NULL REFERENCES sites (site),
    topic TEXT NOT NULL,
    version INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    wire BLOB NOT NULL,
    PRIMARY KEY (site, topic)
) STRICT, WITHOUT ROWID;
"""


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


def knows(directory: Path, person: str) -> bool:
    """Whether somebody belongs, or belonged, to a site of this centre. Needs no key. Raises LedgerError."""
    return person in known(directory, [person])


def known(directory: Path, persons: Iterable[str]) -> set[str]:
    """Which of these belong, or belonged, to a site of this centre. Needs no key. Raises LedgerError.

    Whom the people file alone names, since a file was restored, is among them.
    """
    asked = json.dumps(list(persons))
    found = _named(_ROSTER, directory / ROSTER_DB, "members", "person", asked)
    with contextlib.suppress(PeopleError):  # a damaged one names nobody, and whoever opens it says so
        found |= _named(PEOPLE, directory / ROSTER_PEOPLE, "people", "id", asked)
    return found


def _named(kind: SqliteFile, path: Path, table: str, column: str, asked: str) -> set[str]:
    if not kind.present(path):
        return set()
    query = f"SELECT DISTINCT {column} FROM {table} WHERE {column} IN (SELECT value FROM json_each(?))"  # noqa: S608 (fixed names)
    with kind.guard(path), contextlib.closing(kind.connect(path, "ro")) as db:
        return {str(person) for (person,) in db.execute(query, (asked,))}


class RosterStore:
    """Both files, for one thread."""

    def __init__(self, directory: Path) -> None:
        """Open, or create what is missing. Raises LedgerError, PeopleError, KeyFileError."""
        self.path = directory / ROSTER_DB
        self.key = ensure_key(directory)
        self._rest = _derived(self.key, b"sc-roster-keys")
        self.people = People(directory / ROSTER_PEOPLE, _derived(self.key, b"sc-roster-rest"))
        try:
            if not self.path.exists():
                _ROSTER.create(self.path, _TABLES, lambda _db: None)
            self._db = _ROSTER.connect(self.path)
            self._db.execute("PRAGMA secure_delete = ON")
        except BaseException:
            self.people.close()
            raise

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction of `roster.db`. Raises LedgerError."""
        with _ROSTER.writing(self._db, self.path):
            yield

    def sites(self) -> list[str]:
        """Those that have a roster."""
        with _ROSTER.guard(self.path):
            return [site for (site,) in self._db.execute("SELECT site FROM sites ORDER BY site")]

    def site(self, site: str) -> SiteRow | None:
        """None for one without a roster. Raises LedgerError."""
        with _ROSTER.guard(self.path):
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
        with _ROSTER.guard(self.path):
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
        with _ROSTER.guard(self.path):
            return dict(self._db.execute("SELECT terminal, identity FROM holders WHERE site = ?", (site,)))

    def put_holders(self, site: str, holders: Mapping[str, str]) -> None:
        """In place of all before. Inside `writing`."""
        self._db.execute("DELETE FROM holders WHERE site = ?", (site,))
        rows = [(site, terminal, identity) for terminal, identity in holders.items()]
        self._db.executemany("INSERT INTO holders VALUES (?, ?, ?)", rows)

    def messages(self, site: str) -> dict[str, Sent]:
        """All that is to be retained at the broker, by topic. Raises LedgerError."""
        query = "SELECT topic, version, sha256, wire FROM messages WHERE site = ? ORDER BY topic"
        with _ROSTER.guard(self.path):
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
        with _ROSTER.guard(self.path):
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Safe to call twice."""
        self._db.close()
        self.people.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def ensure_key(directory: Path) -> SigningKey:
    """`roster.key`, made when there is none and nothing is kept under it. Raises LedgerError, KeyFileError."""
    path = directory / ROSTER_KEY
    if not path.exists():
        if (directory / ROSTER_PEOPLE).exists():
            raise LedgerError(f"{path}: missing, and people are kept under it; restore it from your backup")
        if (directory / ROSTER_PUBLIC).exists():
            raise LedgerError(
                f"{path}: missing, but {ROSTER_PUBLIC} is there, which terminals seal to; restore it from your "
                f"backup. Where it is lost for good, move {ROSTER_PUBLIC} away"
            )
        create_identity(path)
    key = load_identity(path)
    public = directory / ROSTER_PUBLIC
    public.write_text(public_pem(key.verify_key), encoding="ascii")
    adopt(public)
    return key


def _derived(key: SigningKey, purpose: bytes) -> bytes:
    return hashlib.blake2b(key=bytes(key), digest_size=32, person=purpose).digest()
