"""A whole journal, verified offline: every alteration is found, the first bad record named, nothing is touched."""

import contextlib
import hashlib
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from edge.crypto import dsse
from edge.crypto.dsse import key_id
from edge.domain.protocol.receipt import Receipt
from edge.domain.protocol.record import Draft
from edge.errors import JournalError, SmartClockerError
from edge.journal.journal import Journal, ReceiptEffect
from edge.journal.verify import verify_file

Punch = Callable[..., Draft]
Open = Callable[[], Journal]
LEDGER = SigningKey(b"L" * 32)
RECORDS = 60


def receipt(ring: Journal, make: Callable, upto: int) -> None:
    made = make(ring, upto)
    raw = dsse.to_wire(dsse.sign(Receipt.PAYLOAD_TYPE, made.encode(), LEDGER))
    assert ring.acknowledge(made, raw) is ReceiptEffect.ADVANCED


@pytest.fixture
def kept(open_journal: Open, journal: Path, punch: Punch, receipt_for: Callable) -> Path:
    """A closed journal: records 11 to 60, receipted up to 40, of several people."""
    with open_journal() as ring:
        for number in range(RECORDS):
            ring.append(punch("abcde"[number % 5] * 26))
        receipt(ring, receipt_for, 40)
        ring.evict(50)
    return journal


@pytest.fixture
def all_keys(keys: dict) -> dict:
    return {**keys, key_id(LEDGER.verify_key): LEDGER.verify_key}


def sql(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def content(path: Path) -> list:
    """Everything that counts, read by plain SQL."""
    connection = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
    try:
        return connection.execute(
            "SELECT seq, kind, person, payload, signature FROM records ORDER BY seq"
        ).fetchall()
    finally:
        connection.close()


def tree(directory: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in directory.iterdir()}


def test_a_whole_journal_verifies(kept: Path, all_keys: dict, keys: dict, origin: object) -> None:
    report = verify_file(kept, all_keys)
    assert report.problem is None
    assert report.ok
    assert (report.origin, report.records, report.first_seq, report.last_seq) == (origin, 50, 11, 60)
    assert (report.receipted, report.receipt_verified) == (40, True)
    assert verify_file(kept, keys).ok
    assert not verify_file(kept, keys).receipt_verified


def test_an_empty_journal_verifies(open_journal: Open, journal: Path, keys: dict) -> None:
    open_journal().close()
    report = verify_file(journal, keys)
    assert (report.ok, report.records, report.first_seq, report.last_seq) == (True, 0, 0, 0)


@pytest.mark.parametrize(
    ("statement", "seq", "what"),
    [
        ("UPDATE records SET payload = CAST(replace(CAST(payload AS TEXT), 'high', 'low') AS BLOB) WHERE seq = 30",
         30, "signature does not verify"),
        ("UPDATE records SET signature = randomblob(64) WHERE seq >= 30", 30, "signature does not verify"),
        ("UPDATE records SET signature = x'00' WHERE seq = 30", 30, "signature is missing"),
        ("UPDATE records SET kind = 'boot' WHERE seq = 30", 30, "kind or person"),
        ("UPDATE records SET person = NULL WHERE seq = 30", 30, "kind or person"),
        ("DELETE FROM records WHERE seq = 30", 30, "missing: record 31 comes next"),
        ("DELETE FROM records WHERE seq BETWEEN 30 AND 33", 30, "missing"),
        ("DELETE FROM records WHERE seq < 45", 41, "missing: the first record here is 45"),
        ("DELETE FROM records", 1, "missing: the ledger holds records up to 40"),
        ("DELETE FROM records WHERE seq > 35", 36, "missing: the ledger holds records up to 40"),
        ("UPDATE receipt SET envelope = x'7b7d'", 40, "receipt"),
        ("UPDATE receipt SET upto = 41", 41, "another terminal, epoch or record"),
        ("DELETE FROM receipt", 1, "missing: the first record here is 11"),
        ("UPDATE meta SET value = 'door-9' WHERE name = 'terminal'", 11, "another terminal or epoch"),
        ("UPDATE meta SET value = '00000000000000000000000000000000' WHERE name = 'keyid'", 1, "was not given"),
        ("UPDATE meta SET value = '' WHERE name = 'epoch'", 1, "its site, terminal or epoch was altered"),
        ("DROP TABLE receipt", 61, "malformed"),
        ("DROP TABLE records", 1, "malformed"),
        ("DROP TABLE meta", 1, "malformed"),
    ],
)  # fmt: skip
def test_the_first_bad_record_is_named(kept: Path, all_keys: dict, statement: str, seq: int, what: str) -> None:
    sql(kept, statement)
    problem = verify_file(kept, all_keys).problem
    assert problem is not None
    assert problem.seq == seq
    assert what in problem.what


def test_swapped_records_do_not_verify(kept: Path, all_keys: dict) -> None:
    sql(kept, "UPDATE records SET seq = -1 WHERE seq = 20", "UPDATE records SET seq = 20 WHERE seq = 21",
        "UPDATE records SET seq = 21 WHERE seq = -1")  # fmt: skip
    problem = verify_file(kept, all_keys).problem
    assert problem is not None
    assert (problem.seq, problem.what) == (20, "it is stored as 20, and its signed number is 21")


def test_a_chain_forked_with_the_stolen_key_is_seen_at_its_link(
    kept: Path, all_keys: dict, identity: SigningKey, origin: object, punch: Punch
) -> None:
    from edge.domain.protocol.record import PAYLOAD_TYPE, Position, encode

    with Journal(kept, origin, identity) as ring:
        epoch, before = ring.epoch, ring.hash_at(29)
    forged = encode(origin, Position(epoch, 30, before), punch("z" * 26))
    signature = dsse.sign(PAYLOAD_TYPE, forged, identity).signature
    connection = sqlite3.connect(kept)
    connection.execute("UPDATE records SET person = ?, payload = ?, signature = ? WHERE seq = 30",
                       ("z" * 26, forged, signature))  # fmt: skip
    connection.commit()
    connection.close()
    problem = verify_file(kept, all_keys).problem
    assert problem is not None
    assert (problem.seq, problem.what) == (31, "it does not follow record 30 of this journal")


def test_a_receipt_forged_or_for_another_chain_is_seen(kept: Path, all_keys: dict, receipt_for: Callable) -> None:
    for key, head, what in ((SigningKey.generate(), "e" * 64, "another hash"), (LEDGER, "e" * 64, "another hash")):
        connection = sqlite3.connect(kept)
        raw = dsse.parse(connection.execute("SELECT envelope FROM receipt").fetchone()[0])
        made = Receipt.decode(raw.payload)
        forged = Receipt(made.origin, made.epoch, made.upto, head, made.issued)
        wire = dsse.to_wire(dsse.sign(Receipt.PAYLOAD_TYPE, forged.encode(), key))
        connection.execute("UPDATE receipt SET envelope = ?", (wire,))
        connection.commit()
        connection.close()
        problem = verify_file(kept, all_keys).problem
        assert problem is not None
        assert problem.seq == 40
        assert what in problem.what


def test_any_altered_byte_is_reported_or_changes_nothing(kept: Path, all_keys: dict) -> None:
    whole, good = kept.read_bytes(), content(kept)
    with contextlib.closing(sqlite3.connect(kept)) as db:
        signed = sum(len(payload) + 64 for (payload,) in db.execute("SELECT payload FROM records"))
    rng = random.Random(20260301)
    reported = 0
    for _ in range(400):
        altered = bytearray(whole)
        offset = rng.randrange(len(altered))
        altered[offset] ^= 1 << rng.randrange(8)
        kept.write_bytes(altered)
        try:
            report = verify_file(kept, all_keys)
        except SmartClockerError:
            reported += 1
            continue
        if report.ok:
            assert content(kept) == good, offset
        else:
            assert 1 <= report.problem.seq <= RECORDS + 1
            reported += 1
    assert reported > 0.8 * 400 * signed / len(whole), "of what is signed every byte counts"


def test_each_byte_of_a_record_counts(kept: Path, all_keys: dict) -> None:
    whole = kept.read_bytes()
    _, _, _, payload, signature = next(row for row in content(kept) if row[0] == 33)
    for part in (payload, signature):
        start = whole.index(part)
        for offset in range(start, start + len(part), 7):
            altered = bytearray(whole)
            altered[offset] ^= 0x20
            kept.write_bytes(altered)
            problem = verify_file(kept, all_keys).problem
            assert problem is not None
            assert problem.seq == 33


@pytest.mark.parametrize("pages", [1, 2, 4])
def test_a_truncated_journal_is_reported(kept: Path, all_keys: dict, pages: int) -> None:
    kept.write_bytes(kept.read_bytes()[: -4096 * pages])
    report = verify_file(kept, all_keys)
    assert not report.ok


def test_a_missing_file_or_garbage_is_an_error(tmp_path: Path, keys: dict) -> None:
    with pytest.raises(JournalError, match="correct the path"):
        verify_file(tmp_path / "none.db", keys)
    (tmp_path / "garbage").write_bytes(b"garbage" * 1000)
    with pytest.raises(JournalError, match="not a journal"):
        verify_file(tmp_path / "garbage", keys)
    assert [path.name for path in tmp_path.iterdir()] == ["garbage"]


def test_a_closed_journal_is_left_as_it_was(kept: Path, all_keys: dict) -> None:
    before = tree(kept.parent)
    assert verify_file(kept, all_keys).ok
    assert tree(kept.parent) == before


@pytest.fixture
def copied(open_journal: Open, tmp_path: Path, punch: Punch) -> Path:
    """A copy of a journal in use, with its -wal and without its -shm: what a crash leaves, too."""
    ring = open_journal()
    for _ in range(12):
        ring.append(punch())
    place = tmp_path / "copied"
    place.mkdir()
    for end in ("", "-wal"):
        shutil.copy(tmp_path / f"journal.db{end}", place / f"journal.db{end}")
    return place / "journal.db"


def test_a_copy_with_its_write_ahead_file_is_left_as_it_was(copied: Path, keys: dict) -> None:
    before = tree(copied.parent)
    report = verify_file(copied, keys)
    assert (report.ok, report.records) == (True, 12)
    assert tree(copied.parent) == before


def test_a_journal_in_use_is_verified_in_place(open_journal: Open, journal: Path, keys: dict, punch: Punch) -> None:
    ring = open_journal()
    for number in range(1, 20):
        ring.append(punch())
        before = {name: digest for name, digest in tree(journal.parent).items() if not name.endswith("-shm")}
        assert verify_file(journal, keys).records == number
        assert {name: d for name, d in tree(journal.parent).items() if not name.endswith("-shm")} == before


def test_any_altered_byte_of_the_write_ahead_file_is_reported(copied: Path, keys: dict) -> None:
    path = copied.with_name("journal.db-wal")
    whole = path.read_bytes()
    rng = random.Random(20260301)
    for offset in [0, 9, 17, 26, *(rng.randrange(32, len(whole)) for _ in range(40))]:
        altered = bytearray(whole)
        altered[offset] ^= 1 << rng.randrange(8)
        path.write_bytes(altered)
        report = verify_file(copied, keys)
        assert not report.ok, offset
        assert 1 <= report.problem.seq <= 13


def test_records_lost_with_the_write_ahead_file_are_seen_by_the_receipt(
    copied: Path, keys: dict, open_journal: Open, receipt_for: Callable, punch: Punch
) -> None:
    ring = open_journal()
    receipt(ring, receipt_for, 12)
    ring._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(ring.path, copied)
    copied.with_name("journal.db-wal").unlink()
    sql(copied, "DELETE FROM records WHERE seq > 9")
    problem = verify_file(copied, keys).problem
    assert problem is not None
    assert (problem.seq, problem.what) == (10, "missing: the ledger holds records up to 12")


def test_an_altered_index_is_reported(kept: Path, all_keys: dict) -> None:
    """No record shows it, and it would change which punch of a person is found to be the last."""
    altered = bytearray(kept.read_bytes())
    leaf = next(
        page for page in range(0, len(altered), 4096) if altered[page] == 0x0A and b"ccccc" in altered[page:]
    )
    altered[altered.index(b"ccccc", leaf)] = ord("d")
    kept.write_bytes(altered)
    problem = verify_file(kept, all_keys).problem
    assert problem is not None
    assert (problem.seq, problem.what[:30]) == (61, "all records before it verify, ")
