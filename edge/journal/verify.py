"""Verification of a whole journal, offline, with public keys alone, without changing a byte of it."""

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from nacl.signing import VerifyKey

from edge.crypto import dsse
from edge.domain.protocol.receipt import Receipt
from edge.domain.protocol.record import Origin, payload_hash
from edge.errors import JournalAltered, JournalError, RecordError
from edge.journal import schema, wal_check
from edge.journal.chain import START, Chain, ChainFault, StoredEnvelope, Walk, verify_records
from edge.journal.schema import JOURNAL
from edge.storage.sqlite_file import SqliteFile, is_damage


@dataclass(frozen=True, slots=True)
class ChainReport:
    """The extent of a journal, and the first fault in it."""

    origin: Origin | None
    """None when the file is so damaged that its owner cannot be read."""
    epoch: str
    records: int
    """Number of records that verified, up to the problem if there is one."""
    first_seq: int
    """0 when there are none; more than 1 when receipted records were evicted."""
    last_seq: int
    """The last record that verified."""
    head: str
    """sha256 of the last record's payload, hex."""
    receipted: int
    """The kept receipt covers the records up to this one; 0 without a receipt."""
    receipt_verified: bool
    """Whether the receipt's signature verified with one of the given keys; False also when its key was not
    given.
    """
    problem: ChainFault | None

    @property
    def ok(self) -> bool:
        """Whether everything verified."""
        return self.problem is None


@dataclass(frozen=True, slots=True)
class _Receipted:
    upto: int = 0
    head: str = ""
    verified: bool = False
    wrong: str | None = None


_NO_RECEIPT = _Receipted()


def verify_file(path: Path, keys: Mapping[str, VerifyKey]) -> ChainReport:
    """Check every record of a journal with its terminal's key, and its receipt with the ledger's. `keys` are by key
    id.

    A journal in use is read in place. Nothing is written, neither to the file nor beside it. Raises JournalError
    when the file is missing, is not a journal, or is of a newer version.
    """
    try:
        with JOURNAL.guard(path), opened(path) as db:
            return _verify(db, path, keys)
    except JournalAltered as error:
        return _report(None, _at_once(str(error)), _NO_RECEIPT)
    except JournalError as error:
        if isinstance(error.__cause__, sqlite3.Error) and is_damage(error.__cause__):
            return _report(None, _at_once(f"the file is malformed before it ({error.__cause__})"), _NO_RECEIPT)
        raise


def read_payloads(path: Path, after: int) -> Iterator[bytes]:
    """The payloads with seq > `after`, as they were signed; nothing is verified. Raises JournalError."""
    with JOURNAL.guard(path), opened(path) as db:
        schema.read_meta(db, path)
        for (payload,) in db.execute("SELECT payload FROM records WHERE seq > ? ORDER BY seq", (after,)):
            yield payload


def _verify(db: sqlite3.Connection, path: Path, keys: Mapping[str, VerifyKey]) -> ChainReport:
    db.execute("BEGIN")  # one snapshot, however long it takes and whatever other processes write meanwhile
    meta = schema.read_meta(db, path)
    key = keys.get(meta.keyid)
    if key is None:
        return _report(meta, _at_once(f"signed by the key {meta.keyid}, which was not given"), _NO_RECEIPT)
    chain = Chain(meta.origin, meta.epoch, key)
    walk = _walk(db, chain)
    receipted, problem = _NO_RECEIPT, walk.problem
    try:
        receipted = _read_receipt(db, chain, keys)
        problem = problem or _against_receipt(db, walk, receipted) or _structure(db, path, walk)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        problem = problem or _after(walk, f"the file is malformed here ({error})")
    return _report(meta, replace(walk, problem=problem), receipted)


@contextlib.contextmanager
def opened(path: Path, kind: SqliteFile = JOURNAL) -> Iterator[sqlite3.Connection]:
    """A connection that reads the committed records and leaves no trace.

    - In use (there is a -shm): the file is read in place, with SQLite's locks.
    - Closed: the file is read in place, without locks.
    - A copy, or the files after a crash, with a -wal but no -shm: a private copy is read, because SQLite would make
      a -shm beside the file.
    """
    kind.refuse_truncated(path)
    if path.with_name(path.name + "-shm").is_file():
        with contextlib.closing(kind.connect(path, "ro")) as connection:
            yield connection
    elif not wal_check.has_content(path):
        with contextlib.closing(kind.connect(path, "ro", immutable=True)) as connection:
            yield connection
    else:
        with tempfile.TemporaryDirectory(prefix="smartclocker-") as directory:
            copy = Path(directory, path.name)
            shutil.copyfile(path, copy)
            shutil.copyfile(wal_check.wal_path(path), wal_check.wal_path(copy))
            with contextlib.closing(kind.connect(copy, "ro")) as connection:
                yield connection


def _walk(db: sqlite3.Connection, chain: Chain) -> Walk:
    """Verify up to the first bad record, or up to the first that SQLite cannot read."""
    broken: list[sqlite3.DatabaseError] = []

    def rows() -> Iterator[StoredEnvelope]:
        try:
            for row in db.execute("SELECT seq, kind, person, payload, signature FROM records ORDER BY seq"):
                yield StoredEnvelope(*row)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            broken.append(error)

    walk = verify_records(rows(), chain)
    if broken and walk.problem is None:
        walk = replace(walk, problem=_after(walk, f"the file is malformed here ({broken[0]})"))
    return walk


def _read_receipt(db: sqlite3.Connection, chain: Chain, keys: Mapping[str, VerifyKey]) -> _Receipted:
    row = db.execute("SELECT upto, envelope FROM receipt").fetchone()
    if row is None:
        return _NO_RECEIPT
    upto, raw = row
    try:
        parsed = dsse.parse(raw)
        known = parsed.keyid in keys
        receipt = dsse.open(parsed, Receipt, keys) if known else Receipt.decode(parsed.payload)
    except RecordError as error:
        return _Receipted(upto, wrong=str(error))
    if (receipt.origin, receipt.epoch, receipt.upto) != (chain.origin, chain.epoch, upto):
        return _Receipted(upto, wrong="it is about another terminal, epoch or record")
    return _Receipted(upto, receipt.head, known)


def _against_receipt(db: sqlite3.Connection, walk: Walk, receipted: _Receipted) -> ChainFault | None:
    """A fault of the chain as the receipt shows it: receipted records must be here or evicted, and evicted records
    must have been receipted.
    """
    if receipted.wrong is not None:
        return ChainFault(receipted.upto, f"the receipt that is kept is not genuine: {receipted.wrong}")
    if receipted.upto > walk.head.seq:
        return _after(walk, f"missing: the ledger holds records up to {receipted.upto}")
    if walk.first_seq - 1 > receipted.upto:
        return ChainFault(
            receipted.upto + 1,
            f"missing: the first record here is {walk.first_seq}, and no receipt covers those before it",
        )
    row = db.execute("SELECT payload FROM records WHERE seq = ?", (receipted.upto,)).fetchone()
    if row is not None and payload_hash(row[0]) != receipted.head:
        return ChainFault(receipted.upto, "the ledger's receipt names another hash: its chain is not this one")
    return None


def _structure(db: sqlite3.Connection, path: Path, walk: Walk) -> ChainFault | None:
    """Damage that no record shows: lost pages, a wrong index, frames of the write-ahead file that SQLite
    ignores.
    """
    damage = wal_check.inspect(path)
    if damage is not None:
        cause = "damaged or altered" if damage.certain else "altered, or torn by a power cut before it was reported"
        return _after(walk, f"the write-ahead file is {cause} at its frame {damage.frame}")
    found = str(db.execute("PRAGMA integrity_check(1)").fetchone()[0])
    if found != "ok":
        return _after(walk, f"all records before it verify, but the database is malformed ({found})")
    return None


def _at_once(what: str) -> Walk:
    return Walk(0, 0, START, ChainFault(1, what))


def _after(walk: Walk, what: str) -> ChainFault:
    return ChainFault(walk.head.seq + 1, what)


def _report(meta: schema.Meta | None, walk: Walk, receipted: _Receipted) -> ChainReport:
    return ChainReport(
        origin=meta.origin if meta else None,
        epoch=meta.epoch if meta else "",
        records=walk.records,
        first_seq=walk.first_seq,
        last_seq=walk.head.seq,
        head=walk.head.hash,
        receipted=receipted.upto,
        receipt_verified=receipted.verified,
        problem=walk.problem,
    )
