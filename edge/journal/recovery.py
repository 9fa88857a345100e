"""Recovery of a damaged journal: every record whose signature verifies, wherever it lies in the file.

A record can be found without the database around it: its payload always begins with the same bytes, and its
signature stands directly behind it. So the raw bytes of the database and of its write-ahead file are searched, and
the records that SQLite can still read are added. Only records that verify are kept. Records that were evicted long
ago may be found too.
"""

import contextlib
import errno
import json
import mmap
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from edge.crypto.dsse import pae
from edge.domain.protocol.fields import EPOCH
from edge.domain.protocol.record import MAX_PAYLOAD, PAYLOAD_TYPE, Position, Record, decode, payload_hash
from edge.errors import JournalError, RecordError
from edge.journal import wal_check
from edge.journal.schema import JOURNAL, read_meta
from edge.storage.bounded_read import read_file
from edge.storage.sqlite_connection import SqliteConnection

_BEGIN = b'{"specversion":"1.0","id":"'
"""The bytes with which `edge.domain.protocol.record.encode` begins every payload."""
_END = b"}}}"
"""The bytes that end it: the time is the last field of the data, and the data the last field of the event."""
_HEAD = re.compile(rb'\{"specversion":"1\.0","id":"[a-z0-9-]{1,32}/([0-9a-f]{32})/([1-9][0-9]{0,15})"')
"""The same beginning, with the epoch and the seq of the record's id."""
_SIGNATURE = 64
_LONG = "SELECT payload, signature FROM records WHERE length(payload) > 3000 ORDER BY seq"
"""The records that may not lie in one piece on one page."""


@dataclass(frozen=True, slots=True)
class Found:
    """Bytes that have the form of a record. Only the signature tells whether they are one."""

    record: Record
    payload: bytes
    signature: bytes
    """The 64 bytes after the payload."""


def carve(path: Path) -> Iterator[Found]:
    """Every place in a file that has the form of a record, in the file's order; nothing is verified. Raises
    OSError.
    """
    if not path.exists() or path.stat().st_size == 0:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at = content.find(_BEGIN)
        while at >= 0:
            found = _record_at(content, at)
            if found is not None:
                yield found
            at = content.find(_BEGIN, at + 1)


def newest(path: Path, key: VerifyKey, epoch: str | None) -> Position | None:
    """The place of the genuine record with the highest seq in a file, of one epoch or (None) of any.

    Only the bytes are searched, about 100 MB a second. Raises OSError.
    """
    if not path.exists() or path.stat().st_size == 0:
        return None
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        places = [
            (int(match[2]), match.start())
            for match in _HEAD.finditer(content)
            if epoch is None or match[1] == epoch.encode()
        ]
        for _, at in sorted(places, reverse=True):
            found = _record_at(content, at)
            if found is not None and _is_signed(found, key):
                return found.record.position
    return None


def _is_signed(found: Found, key: VerifyKey) -> bool:
    with contextlib.suppress(BadSignatureError, ValueError):
        key.verify(pae(PAYLOAD_TYPE, found.payload), found.signature)
        return True
    return False


def _record_at(content: mmap.mmap, begin: int) -> Found | None:
    limit = min(begin + MAX_PAYLOAD, len(content))
    end = content.find(_END, begin, limit)
    while end >= 0:
        end += len(_END)
        payload = content[begin:end]
        with contextlib.suppress(RecordError):
            return Found(decode(payload), payload, content[end : end + _SIGNATURE])
        end = content.find(_END, end - len(_END) + 1, limit)
    return None


@dataclass(frozen=True, slots=True)
class EpochSummary:
    """The records that were saved of one epoch and that one key signed."""

    epoch: str
    keyid: str
    records: int
    first_seq: int
    last_seq: int
    missing: int
    """Number of records that are missing between the first and the last."""


class Salvage(SqliteConnection):
    """The genuine records of a damaged journal, collected on the disk. Use it in a `with` statement."""

    def __init__(self, journal: Path, keys: Mapping[str, VerifyKey]) -> None:
        """Collect the records that one of `keys` signed; `journal` and the files beside it are only read.

        Raises JournalError when there is nothing to read, or no space to collect it.
        """
        if not files_of(journal):
            raise JournalError(
                f"{journal}: there is no such file; name a journal.db, or a folder in quarantine/ that has one"
            )
        self._keys = dict(keys)
        self._directory = tempfile.TemporaryDirectory(prefix="smartclocker-")
        self.path = Path(self._directory.name, "found.db")
        self._db = sqlite3.connect(self.path, isolation_level=None)
        self.unverified = 0
        """Number of places that have the form of a record and did not verify."""
        try:
            self._db.execute("PRAGMA synchronous = OFF")
            self._db.execute(
                "CREATE TABLE found (epoch TEXT, seq INTEGER, hash TEXT, keyid TEXT, payload BLOB, signature BLOB,"
                " PRIMARY KEY (epoch, seq, hash)) WITHOUT ROWID"
            )
            self._collect(journal)
        except (OSError, sqlite3.Error) as error:
            self.close()
            raise JournalError(
                f"{journal}: cannot be recovered ({error}); name a journal.db, and free as much space in "
                f"{tempfile.gettempdir()} as it takes"
            ) from error

    def epochs(self) -> list[EpochSummary]:
        """The epochs whose records were found, one entry for each epoch and key."""
        rows = self._db.execute(
            "SELECT epoch, keyid, count(DISTINCT seq), min(seq), max(seq),"
            " max(seq) - min(seq) + 1 - count(DISTINCT seq) FROM found GROUP BY epoch, keyid ORDER BY epoch, keyid"
        )
        return [EpochSummary(*row) for row in rows]

    def records(self, epoch: str, keyid: str) -> Iterator[tuple[bytes, bytes]]:
        """(payload, signature), ordered by seq. Where two records have the same place, one of them is yielded."""
        query = "SELECT payload, signature FROM found WHERE (epoch, keyid) = (?, ?) GROUP BY seq ORDER BY seq"
        yield from self._db.execute(query, (epoch, keyid))

    def close(self) -> None:
        """Remove the collected records; safe to call twice."""
        super().close()
        self._directory.cleanup()

    def _collect(self, journal: Path) -> None:
        files = files_of(journal)
        if not all(path.is_file() for path in files):
            raise OSError(errno.EINVAL, "not a regular file")
        self._db.execute("BEGIN")
        for file in files:
            for found in carve(file):
                self._keep(found)
        for payload, signature in _by_sqlite(journal):
            # a record longer than a page is not found whole by the search of the bytes
            with contextlib.suppress(RecordError):
                self._keep(Found(decode(payload), payload, signature))
        self._db.execute("COMMIT")

    def _keep(self, found: Found) -> None:
        place, digest = found.record.position, payload_hash(found.payload)
        row = (place.epoch, place.seq, digest)
        if self._db.execute("SELECT 1 FROM found WHERE (epoch, seq, hash) = (?, ?, ?)", row).fetchone() is not None:
            return
        keyid = self._signer(found)
        if keyid is None:
            self.unverified += 1
            return
        row_ = (*row, keyid, found.payload, found.signature)
        self._db.execute("INSERT INTO found VALUES (?, ?, ?, ?, ?, ?)", row_)

    def _signer(self, found: Found) -> str | None:
        if len(found.signature) != _SIGNATURE:
            return None
        return next((keyid for keyid, key in self._keys.items() if _is_signed(found, key)), None)


def written_by(journal: Path) -> str | None:
    """The id of the key that signs this journal, as the file itself states it, unsigned; None where it cannot
    be read.
    """
    with (
        contextlib.suppress(sqlite3.Error, JournalError, OSError, ValueError),
        contextlib.closing(JOURNAL.connect(journal, "ro", immutable=True)) as db,
    ):
        said = read_meta(db, journal).keyid
        # a key id has the form of an epoch; the file may hold anything
        return said if EPOCH.fullmatch(said) else None
    return None


def files_of(journal: Path) -> list[Path]:
    """The files of a journal that exist: the database, and the write-ahead file that SQLite had not yet written
    back.
    """
    return [path for path in (journal, wal_check.wal_path(journal)) if path.exists()]


def _by_sqlite(journal: Path) -> Iterator[tuple[bytes, bytes]]:
    """The long records that SQLite reads from a copy of the file: from the first and from the last, each up to the
    damage.
    """
    if not journal.exists():
        return
    with tempfile.TemporaryDirectory(prefix="smartclocker-") as directory:
        copy = Path(directory, "journal.db")
        shutil.copyfile(journal, copy)
        if wal_check.wal_path(journal).exists():
            shutil.copyfile(wal_check.wal_path(journal), wal_check.wal_path(copy))
        for query in (_LONG, f"{_LONG} DESC"):
            with (
                contextlib.suppress(sqlite3.Error, JournalError),
                contextlib.closing(JOURNAL.connect(copy, "ro")) as db,
            ):
                for payload, signature in db.execute(query):
                    if isinstance(payload, bytes) and isinstance(signature, bytes):
                        yield payload, signature


def read_report(folder: Path) -> dict[str, object] | None:
    """The note that was made when the journal was set aside; None when there is none."""
    for name in ("report.json", "gap.json"):
        with contextlib.suppress(OSError, ValueError, RecursionError):
            value = json.loads(read_file(folder / name, MAX_PAYLOAD))
            return value if isinstance(value, dict) else None
    return None
