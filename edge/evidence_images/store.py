"""The evidence store: one sealed image for each punch, within a budget of bytes, until it expires
(`image_retention`).

Each image was sealed to the employer's key before it came here; nobody can look at it at the terminal. Every use
opens the file, first deletes what has expired, and closes it again: no connection is held, and no older page stays.
"""

import contextlib
import logging
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from edge.domain.privacy import image_retention
from edge.domain.privacy.image_retention import Collected, ElapsedTime
from edge.domain.time.evidence import TimeEvidence
from edge.errors import EvidenceDamaged, EvidenceError
from edge.evidence_images.schema import STORE, copies_beneath, create, destroy, drop_orphans, unlink_copies
from edge.storage.sqlite_connection import SqliteConnection

PAGE = 4_096
FREE_FLOOR = 100_000_000
"""Bytes of the disk that the store leaves free: the records need them more."""
_SPARE_PAGES = 24
"""Bytes for the tables themselves, and for the part of a page that a row leaves empty."""
_ROW = 400
"""Bytes of a row beside its image, with a margin."""
_PASSAGE = ", ".join(field.name for field in fields(ElapsedTime))
_BATCH = 64
"""Images that one transaction deletes."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Still:
    """One image in the store, without its bytes."""

    record: str
    """The id of its punch."""
    person: str
    time: TimeEvidence
    """When the punch was made."""
    bytes: int
    certain: bool
    """Whether its age is known; an image of unknown age is not handed out."""


class EvidenceStore(SqliteConnection):
    """One use of the file; `opened` makes it. Raises EvidenceError, EvidenceDamaged when the file is at fault."""

    def __init__(self, path: Path, now: TimeEvidence) -> None:
        """Open an existing store and delete what has expired at `now`."""
        self.path = path
        self.expired = 0
        """Number of images that this opening deleted because they had expired."""
        self._now = now
        self._connect()
        try:
            self._expire()
        except BaseException:
            self._db.close()
            raise

    def keep(self, record: str, person: str, at: TimeEvidence, sealed: bytes, budget: int) -> bool:
        """Keep an image durably; the oldest are deleted to make room. False: there is no room for it alone, or on
        the disk.

        `budget` is in bytes of the file.
        """
        usable, needed = budget // PAGE - _SPARE_PAGES, _pages(len(sealed))
        if needed > usable or _free(self.path) < FREE_FLOOR:
            return False
        when = image_retention.collected(self._passage, self._now, at)
        row = (record, person, at.utc, at.boot_id, at.boottime_ms, at.synchronised, when.total_ms, when.life)
        with STORE.writing(self._db, self.path):
            room = usable - self._db.execute("SELECT coalesce(sum(pages), 0) FROM stills").fetchone()[0]
            while room < needed:
                n, pages = self._db.execute("SELECT n, pages FROM stills ORDER BY n LIMIT 1").fetchone()
                self._db.execute("DELETE FROM stills WHERE n = ?", (n,))
                room += pages
            self._db.execute(
                "INSERT OR IGNORE INTO stills (record, person, utc, boot_id, boottime_ms, synchronised, total_ms, "
                "life, size, pages, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*row, len(sealed), needed, sealed),
            )
        return True

    def totals(self) -> tuple[int, int]:
        """Number of images, and their bytes."""
        with STORE.guard(self.path):
            count, size = self._db.execute("SELECT count(*), coalesce(sum(size), 0) FROM stills").fetchone()
        return int(count), int(size)

    def stills(self, person: str | None = None) -> list[Still]:
        """The images in the store, the oldest first; of one person, or all."""
        query = (
            "SELECT record, person, utc, boot_id, boottime_ms, synchronised, size, total_ms, life "
            "FROM stills WHERE ?1 IS NULL OR person = ?1 ORDER BY n"
        )
        with STORE.guard(self.path):
            rows = self._db.execute(query, (person,)).fetchall()
        return [
            Still(
                record,
                who,
                TimeEvidence(utc, 0, "UTC", boot, boottime, bool(synchronised)),
                size,
                image_retention.certain(Collected(total, life), self._passage),
            )
            for record, who, utc, boot, boottime, synchronised, size, total, life in rows
        ]

    def sealed(self, record: str) -> bytes:
        """One image, as it was sealed. Raises EvidenceError when it is not kept."""
        with STORE.guard(self.path):
            row = self._db.execute("SELECT sealed FROM stills WHERE record = ?", (record,)).fetchone()
        if row is None:
            raise EvidenceError(
                f"{record}: no image is kept of this record; `smartclocker evidence list` shows which"
            )
        return bytes(row[0])

    def copied(self, name: str, person: str, records: Sequence[str]) -> None:
        """Announce that a copy of these will be written as `name` beneath the state directory: it expires with the
        first of them.

        Call it before the copy is written, so that an interruption leaves no copy that the store does not know.
        """
        with STORE.writing(self._db, self.path):
            marks = ", ".join("?" * len(records))
            query = f"SELECT min(total_ms), min(life) FROM stills WHERE record IN ({marks})"  # noqa: S608 - marks
            total_ms, life = self._db.execute(query, tuple(records)).fetchone()
            self._db.execute("INSERT OR REPLACE INTO copies VALUES (?, ?, ?, ?)", (name, person, total_ms, life))

    def remove(self, person: str | None) -> int:
        """Delete one person's images, or all, to the last byte, and the copies that wait; the number of images."""
        if person is None:
            count = self.totals()[0]
            self._begin_anew()
            return count
        numbers = [int(row[0]) for row in self._rows("SELECT n FROM stills WHERE person = ?", (person,))]
        names = [str(row[0]) for row in self._rows("SELECT name FROM copies WHERE person = ?", (person,))]
        self._delete_rows(numbers)
        self._drop(names)
        return len(numbers)

    def remove_some(self, found: Collection[Still]) -> None:
        """Delete these images, and the waiting copies of their people."""
        for person in sorted({one.person for one in found}):
            records = {one.record for one in found if one.person == person}
            rows = self._rows("SELECT n, record FROM stills WHERE person = ?", (person,))
            names = [str(row[0]) for row in self._rows("SELECT name FROM copies WHERE person = ?", (person,))]
            self._delete_rows([int(row[0]) for row in rows if str(row[1]) in records])
            self._drop(names)

    def remove_all_but(self, people: Collection[str]) -> int:
        """Delete the images of people who are no longer enrolled: their erasure may have been interrupted.

        A copy that the store does not know (because its folder was put back, for example) has no date of expiry: it
        is deleted.
        """
        there = copies_beneath(
            self.path.parent
        )  # read before the known copies are, which are noted before they are written
        with STORE.guard(self.path):
            kept = "SELECT person FROM stills UNION SELECT person FROM copies"
            gone = {person for (person,) in self._db.execute(kept)} - set(people)
            known = {name for (name,) in self._db.execute("SELECT name FROM copies")}
        unlink_copies(self.path.parent, sorted(there - known))
        return sum(self.remove(person) for person in sorted(gone))

    def _expire(self) -> None:
        """Delete what has expired by the time that passed, and store the time. Each is one transaction; deleting is
        first.
        """
        with STORE.guard(self.path):
            row = self._db.execute(f"SELECT {_PASSAGE} FROM passage").fetchone()  # noqa: S608 - fixed words
        if row is None:
            raise EvidenceDamaged(f"{self.path}: {STORE.mend}")
        before = ElapsedTime(*row)
        self._passage = image_retention.advance(before, self._now)
        stills, copies = (self._expired(table, key) for table, key in (("stills", "n"), ("copies", "name")))
        with STORE.writing(self._db, self.path):
            marks = ", ".join("?" * len(astuple(self._passage)))
            self._db.execute(f"INSERT OR REPLACE INTO passage VALUES (1, {marks})", astuple(self._passage))  # noqa: S608
        self.expired = len(stills)
        if stills and len(stills) == self.totals()[0]:
            self._begin_anew()
        elif stills or copies:
            self._delete_rows([int(n) for n in stills])
            self._drop([str(name) for name in copies])

    def _expired(self, table: str, key: str) -> list[int | str]:
        rows = self._rows(f"SELECT {key}, total_ms, life FROM {table}")  # noqa: S608 - fixed words
        return [one for one, total, life in rows if image_retention.expired(Collected(total, life), self._passage)]

    def _delete_rows(self, numbers: Sequence[int]) -> None:
        """Delete one batch in each transaction: overwriting takes time, and after an interruption less is left each
        time.
        """
        for start in range(0, len(numbers), _BATCH):
            batch = [(n,) for n in numbers[start : start + _BATCH]]
            with STORE.writing(self._db, self.path):
                self._db.executemany("DELETE FROM stills WHERE n = ?", batch)
        self._clear()

    def _begin_anew(self) -> None:
        """Delete all images, however many: a new file replaces the old one, since overwriting a large one takes
        minutes.
        """
        self._db.close()
        destroy(self.path)
        create(self.path, self._now)
        self._connect()
        self._passage = image_retention.begin(self._now)

    def _connect(self) -> None:
        self._db = STORE.connect(self.path)
        with STORE.guard(self.path):
            STORE.migrate(self._db, self.path)
            self._db.execute("PRAGMA secure_delete = ON")

    def _drop(self, names: Sequence[str]) -> None:
        """Delete copies, on the disk first: a copy that is still there is still known. Raises EvidenceError."""
        if names:
            unlink_copies(self.path.parent, names)
            with STORE.writing(self._db, self.path):
                self._db.executemany("DELETE FROM copies WHERE name = ?", [(name,) for name in names])

    def _clear(self) -> None:
        """Freed pages were overwritten; this removes the older ones in the write-ahead file, too."""
        with STORE.guard(self.path):
            busy = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            raise EvidenceError(f"{self.path}: another process reads it; give the command again")

    def _rows(self, query: str, values: tuple[str | None, ...] = ()) -> list[tuple[int | str, int, int]]:
        with STORE.guard(self.path):
            return self._db.execute(query, values).fetchall()


@contextlib.contextmanager
def opened(path: Path, now: TimeEvidence, *, make: bool = False) -> Iterator[EvidenceStore | None]:
    """The store for one use, with expired images deleted; None when there is none and none is wanted.

    A damaged store must not keep images for ever: it is deleted, and EvidenceDamaged says so.
    """
    try:
        if not STORE.present(path):
            drop_orphans(path)
            if not make:
                yield None
                return
            create(path, now)
        store = EvidenceStore(path, now)
        try:
            yield store
        finally:
            store.close()
    except EvidenceDamaged as error:
        destroy(path)
        raise EvidenceDamaged(
            f"{path}: it was damaged, and all images in it are deleted; nothing is to be done"
        ) from error


def remove_images(path: Path, person: str | None, now: TimeEvidence) -> int:
    """Delete one person's images, or all; the number of images. Raises EvidenceError."""
    with opened(path, now) as store:
        return 0 if store is None else store.remove(person)


def forget_images(path: Path, person: str, now: TimeEvidence) -> int:
    """As `remove_images`, for somebody who is erased or withdrew: a damaged store is no error, because it is
    deleted.
    """
    try:
        return remove_images(path, person, now)
    except EvidenceDamaged as error:
        _log.error("%s", error)
        return 0


def _pages(size: int) -> int:
    """Number of pages that a row takes: an image lies on overflow pages, each of which begins with the number of
    the next.
    """
    return -(-(size + _ROW) // (PAGE - 4)) + 1


def _free(path: Path) -> int:
    try:
        found = os.statvfs(path.parent)
    except OSError as error:
        raise EvidenceError(f"{path}: cannot be written ({error.strerror}); check the disk") from error
    return found.f_bavail * found.f_frsize
