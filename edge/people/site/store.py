"""The records of the site's other terminals at this terminal, bounded in number and in time.

The caller has verified each record. This module decides what a place in a chain holds: the record that came first.
"""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path

from edge.domain.attendance.site_punches import Heard
from edge.domain.protocol.record import Record, decode, payload_hash
from edge.domain.protocol.record_kinds import Kind
from edge.domain.time.evidence import TimeEvidence
from edge.domain.time.instant import is_instant, utc_text
from edge.errors import RecordError, SiteDamaged
from edge.people.site.schema import SITE, connect
from edge.storage.sqlite_connection import SqliteConnection

KEPT = timedelta(days=31)
"""How long a record is kept at most, from the moment when it came, by a clock that follows a time server."""
MOST_OF_PERSON = 6
"""Punches that are kept of one person in one chain: the newest."""
MOST_CORRECTIONS = 32
"""Corrections that are kept of one person in one chain: the newest. In the three seconds after a punch, twenty
presses can be made, and each of them is a correction that the punch needs.
"""
MOST_FROM_TERMINAL = 64
"""Records that are kept of one person from one terminal in all its chains: those that came last. A terminal that
somebody else has the key of can begin a chain with each record, and every punch reads all of its person's records.
"""
MOST_OF_TERMINAL = 20_000
MOST = 40_000
"""Records that are kept in all, about one kilobyte each; the oldest are deleted."""
_AHEAD = timedelta(days=1)
"""A record that came so far in the future came by a clock that was wrong."""
_MOST_CHAINS = 256
_ROWS = "SELECT payload, place, own_epoch, own_head, came FROM heard"

_BESIDE = "SELECT seq, prev, hash FROM heard WHERE terminal = ? AND keyid = ? AND epoch = ? AND seq BETWEEN ? AND ?"
_INSERT = (
    "INSERT INTO heard (terminal, keyid, epoch, seq, prev, hash, person, payload, own_epoch, own_head, came) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class VerifiedRecord:
    """A record of another terminal, whose signature and origin were verified."""

    record: Record
    payload: bytes
    keyid: str


class SiteVerdict(Enum):
    """What became of a record."""

    KEPT = "kept"
    REPEATED = "repeated"
    """The same record was here already, byte for byte."""
    OLD = "old"
    """It was here, or is older than those that are kept."""
    FORK = "fork"
    """Another record has its place, or one beside it does not fit to it: the first one stays."""


class SiteStore(SqliteConnection):
    """One connection, bound to the thread that opened it. Every method raises SiteError."""

    def __init__(self, path: Path, site: str, *, mend: bool = True) -> None:
        """Open the file, or create it when absent; with `mend`, a damaged one is set aside. Records of another
        site are deleted. Raises SiteError.
        """
        self.path = path
        self._db, self.anew = connect(path, mend=mend)
        """`anew` says why a new file was begun; None when it was not."""
        self._file = file_of(path)
        with SITE.guard(path):
            row = self._db.execute("SELECT payload FROM heard LIMIT 1").fetchone()
        try:
            elsewhere = row is not None and decode(row[0]).origin.site != site
        except RecordError:
            elsewhere = True  # altered: what it holds is not believed
        if elsewhere:
            self.clear()

    def is_replaced(self) -> bool:
        """Whether the file was deleted or replaced since it was opened."""
        return file_of(self.path) != self._file

    def keep(self, records: Sequence[VerifiedRecord], now: TimeEvidence, own: tuple[str, int]) -> list[SiteVerdict]:
        """Store records in one transaction, in their order; returns the verdict on each.

        `own` is the epoch of this terminal's journal, and the `seq` of its last record.
        """
        with SITE.writing(self._db, self.path):
            return [self._keep(one, now, own) for one in records]

    def _keep(self, one: VerifiedRecord, now: TimeEvidence, own: tuple[str, int]) -> SiteVerdict:
        record, position = one.record, one.record.position
        chain = (record.origin.terminal, one.keyid, position.epoch)
        hashed = payload_hash(one.payload)
        beside = self._db.execute(_BESIDE, (*chain, position.seq - 1, position.seq + 1)).fetchall()
        for seq, prev, other in beside:
            if seq == position.seq:
                return SiteVerdict.REPEATED if other == hashed else SiteVerdict.FORK
            if (other != position.prev) if seq < position.seq else (prev != hashed):
                return SiteVerdict.FORK
        over = "SELECT seq FROM forgotten WHERE terminal = ? AND keyid = ? AND epoch = ?"
        row = self._db.execute(over, chain).fetchone()
        if row is not None and position.seq <= row[0]:
            return SiteVerdict.OLD
        if record.time.synchronised and now.synchronised and record.time.utc < _before(now, KEPT):
            return SiteVerdict.OLD
        person = record.data["person"]
        self._db.execute(
            _INSERT,
            (*chain, position.seq, position.prev, hashed, person, one.payload, *own, _sure(now)),
        )
        self._trim(person, chain)
        return SiteVerdict.KEPT

    def _trim(self, person: str, chain: tuple[str, str, str]) -> None:
        """Delete what is kept of a person beyond the limits of a chain and of a terminal. Raises SiteDamaged."""
        query = (
            "SELECT place, payload FROM heard WHERE person = ? AND terminal = ? AND keyid = ? AND epoch = ? "
            "ORDER BY seq DESC"
        )
        rows = self._db.execute(query, (person, *chain)).fetchall()
        room = {Kind.PUNCH: MOST_OF_PERSON, Kind.CORRECTION: MOST_CORRECTIONS}
        if len(rows) > min(room.values()):
            for place, payload in rows:
                kind = Kind(self._decoded(payload).kind)
                room[kind] -= 1
                if room[kind] < 0:
                    self._db.execute("DELETE FROM heard WHERE place = ?", (place,))
        beyond = (
            "DELETE FROM heard WHERE place IN (SELECT place FROM heard WHERE person = ? AND terminal = ? "
            "ORDER BY place DESC LIMIT -1 OFFSET ?)"
        )
        self._db.execute(beyond, (person, chain[0], MOST_FROM_TERMINAL))

    def _decoded(self, payload: bytes) -> Record:
        try:
            return decode(payload)
        except RecordError as error:
            raise _altered(self.path, error) from error

    def of_person(self, person: str) -> list[Heard]:
        """What was heard of a person, in the order in which it came. Raises SiteDamaged for an altered row."""
        with SITE.guard(self.path):
            return heard_of(self._db, self.path, person)

    def neighbours(self) -> set[tuple[str, str]]:
        """The other terminals that the manifest names, and the id of each of their keys."""
        with SITE.guard(self.path):
            return set(self._db.execute("SELECT terminal, keyid FROM neighbours"))

    def set_neighbours(self, named: Collection[tuple[str, str]]) -> None:
        """Note the other terminals of the site, and delete what came under a key that is not among theirs."""
        with SITE.writing(self._db, self.path):
            self._db.execute("DELETE FROM neighbours")
            self._db.executemany("INSERT INTO neighbours VALUES (?, ?)", sorted(named))
            for table in ("heard", "forgotten"):
                self._db.execute(
                    f"DELETE FROM {table} WHERE (terminal, keyid) NOT IN (SELECT terminal, keyid FROM neighbours)"  # noqa: S608 (fixed names)
                )

    def persons(self) -> set[str]:
        """The people of whom something was heard."""
        with SITE.guard(self.path):
            return {person for (person,) in self._db.execute("SELECT DISTINCT person FROM heard")}

    def forget(self, persons: Iterable[str]) -> None:
        """Delete what was heard of people."""
        with SITE.writing(self._db, self.path):
            self._db.executemany("DELETE FROM heard WHERE person = ?", [(person,) for person in persons])
        with SITE.guard(self.path):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def clear(self) -> None:
        """Delete everything, as if nothing had come."""
        with SITE.writing(self._db, self.path):
            for table in ("heard", "forgotten", "neighbours"):
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608 (fixed names)

    def expire(self, now: TimeEvidence) -> int:
        """Delete what is older than KEPT or beyond the limits; returns how many records. Their places stay taken,
        so that a repetition of them does not count as news.
        """
        count = 0
        with SITE.writing(self._db, self.path):
            if now.synchronised:
                # what came by a clock that nobody vouched for came before now
                self._db.execute("UPDATE heard SET came = ? WHERE came IS NULL", (now.utc,))
                count += self._drop("came < ? OR came > ?", (_before(now, KEPT), _before(now, -_AHEAD)))
            beyond = "SELECT place FROM heard WHERE terminal = ? ORDER BY place DESC LIMIT -1 OFFSET ?"
            for (terminal,) in self._db.execute("SELECT DISTINCT terminal FROM neighbours").fetchall():
                count += self._drop(f"place IN ({beyond})", (terminal, MOST_OF_TERMINAL))
            count += self._drop("place IN (SELECT place FROM heard ORDER BY place DESC LIMIT -1 OFFSET ?)", (MOST,))
            self._db.execute(
                "DELETE FROM forgotten WHERE (terminal, keyid, epoch) NOT IN "
                "(SELECT terminal, keyid, epoch FROM forgotten ORDER BY seq DESC LIMIT ?)",
                (_MOST_CHAINS,),
            )
        return count

    def _drop(self, which: str, values: tuple[object, ...]) -> int:
        self._db.execute(
            "INSERT INTO forgotten SELECT terminal, keyid, epoch, max(seq) FROM heard WHERE "  # noqa: S608 (fixed words)
            f"{which} GROUP BY terminal, keyid, epoch "
            "ON CONFLICT DO UPDATE SET seq = max(seq, excluded.seq)",
            values,
        )
        return self._db.execute(f"DELETE FROM heard WHERE {which}", values).rowcount  # noqa: S608 (fixed words)


def heard_of(db: sqlite3.Connection, path: Path, person: str) -> list[Heard]:
    """What a connection to the file holds of a person, in the order in which it came; inside `SITE.guard`.

    Raises SiteDamaged for an altered row.
    """
    rows = db.execute(f"{_ROWS} WHERE person = ? ORDER BY place", (person,))
    try:
        return [_heard(person, *row) for row in rows]
    except RecordError as error:
        raise _altered(path, error) from error


def _altered(path: Path, error: RecordError) -> SiteDamaged:
    return SiteDamaged(f"{path}: {SITE.mend} (a row was altered: {error})")


def _heard(person: str, payload: bytes, place: int, epoch: str, head: int, came: str | None) -> Heard:
    """A row as it was written. Raises RecordError for one that was altered since."""
    record = decode(payload)
    if record.data.get("person") != person:
        raise RecordError("the record is about somebody else")
    if came is not None and not is_instant(came):
        raise RecordError("the moment at which it came is none")
    return Heard(record, place, epoch, head, came)


def file_of(path: Path) -> tuple[int, int] | None:
    """Device and number of the file at a path; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _sure(now: TimeEvidence) -> str | None:
    return now.utc if now.synchronised else None


def _before(now: TimeEvidence, passed: timedelta) -> str:
    try:
        return utc_text(datetime.fromisoformat(now.utc) - passed)
    except OverflowError:  # at one of the ends of the calendar
        return now.utc
