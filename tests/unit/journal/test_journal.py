"""The ring: what append promises, what a receipt may do, and what eviction may not."""

import errno
import json
import resource
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from edge.crypto import dsse
from edge.domain.protocol.record import GENESIS, PAYLOAD_TYPE, Draft, decode, payload_hash
from edge.domain.protocol.record_kinds import Kind
from edge.errors import JournalError, RecordError
from edge.journal.journal import Journal, ReceiptEffect
from tests.support.people import ANN, BOB

Punch = Callable[..., Draft]
Open = Callable[[], Journal]


def test_a_record_is_signed_chained_and_readable_by_others(open_journal: Open, punch: Punch, keys: dict) -> None:
    ring, other = open_journal(), open_journal()
    first, second = ring.append(punch(ANN)), ring.append(punch(BOB))
    assert (first.seq, second.seq) == (1, 2)
    assert decode(first.payload).position.prev == GENESIS
    assert decode(second.payload).position.prev == first.hash == payload_hash(first.payload)
    outgoing = other.envelopes(0, 10)
    assert [(out.seq, out.kind) for out in outgoing] == [(1, "punch"), (2, "punch")]
    for out, stored in zip(outgoing, (first, second), strict=True):
        assert dsse.verify(dsse.parse(out.wire), PAYLOAD_TYPE, keys) == stored.payload


def test_an_empty_ring(open_journal: Open) -> None:
    ring = open_journal()
    assert (ring.head().seq, ring.head().hash) == (0, GENESIS)
    assert (ring.watermark(), ring.hash_at(1), ring.recent(ANN), ring.envelopes(0, 5)) == (0, None, [], [])
    assert ring.evict(0) == 0
    stats = ring.stats()
    assert (stats.records, stats.pending, stats.watermark, stats.head) == (0, 0, 0, 0)


def test_threads_and_processes_share_one_chain(open_journal: Open, punch: Punch) -> None:
    one, two = open_journal(), open_journal()
    for expected in range(1, 11):
        assert (one if expected % 2 else two).append(punch()).seq == expected
    assert one.head() == two.head()


def test_another_thread_must_open_its_own(open_journal: Open, punch: Punch) -> None:
    ring, caught = open_journal(), []

    def misuse() -> None:
        try:
            ring.append(punch())
        except sqlite3.ProgrammingError as error:
            caught.append(error)

    thread = threading.Thread(target=misuse)
    thread.start()
    thread.join()
    assert len(caught) == 1


@pytest.mark.parametrize(
    "data",
    [
        {"seq": 9},
        {"prev": "f" * 64},
        {"epoch": "0" * 32},
        {"time": {}},
        {"person": "Ann"},
        {"direction": "sideways"},
        {"models": "m"},
        {"note": float("nan")},
        {"note": object()},
        {"note": "\ud800"},
        {"note": 2**53 + 1},
        {"note": "x" * 20_000},
    ],
)
def test_a_draft_that_breaks_the_contract_appends_nothing(open_journal: Open, punch: Punch, data: dict) -> None:
    ring = open_journal()
    ring.append(punch())
    with pytest.raises(RecordError):
        ring.append(punch(**data))
    assert ring.append(punch()).seq == 2


def test_the_last_punch_is_the_persons_latest_accepted(open_journal: Open, punch: Punch) -> None:
    ring = open_journal()
    ring.append(punch(ANN))
    ring.append(punch(ANN, direction="out"))
    ring.append(punch(BOB))
    ring.append(Draft(Kind.SUPPRESSED, {**punch(ANN).data, "duplicate_of": 2}, punch().time))
    (found,) = ring.recent(ANN)
    assert (found.position.seq, found.data["direction"]) == (2, "out")
    assert ring.recent("c" * 26) == []


def test_finding_the_last_punch_uses_the_index(open_journal: Open, punch: Punch) -> None:
    ring = open_journal()
    ring.append(punch())
    query = "SELECT payload FROM records WHERE person = ? AND kind = 'punch' ORDER BY seq DESC LIMIT 1"
    plan = " ".join(row[3] for row in ring._db.execute(f"EXPLAIN QUERY PLAN {query}", (ANN,)))
    assert "punch_by_person" in plan
    assert "TEMP B-TREE" not in plan


def test_only_a_receipt_of_our_own_chain_advances(open_journal: Open, punch: Punch, receipt_for: Callable) -> None:
    ring = open_journal()
    for _ in range(5):
        ring.append(punch())
    good = receipt_for(ring, 3)
    foreign = [
        type(good)(type(good.origin)("hq", "door-2"), good.epoch, 3, good.head, good.issued),
        type(good)(good.origin, "f" * 32, 3, good.head, good.issued),
    ]
    for receipt in foreign:
        assert ring.acknowledge(receipt, b"x") is ReceiptEffect.FOREIGN
    assert ring.acknowledge(receipt_for(ring, 3, "e" * 64), b"x") is ReceiptEffect.FORK
    assert ring.acknowledge(receipt_for(ring, 6), b"x") is ReceiptEffect.FORK
    assert ring.watermark() == 0
    assert ring.acknowledge(good, b"evidence") is ReceiptEffect.ADVANCED
    assert ring.watermark() == 3
    assert ring.acknowledge(good, b"again") is ReceiptEffect.STALE
    assert ring.acknowledge(receipt_for(ring, 2), b"older") is ReceiptEffect.STALE
    assert ring.acknowledge(receipt_for(ring, 2, "e" * 64), b"x") is ReceiptEffect.FORK
    assert ring._db.execute("SELECT upto, envelope FROM receipt").fetchall() == [(3, b"evidence")]
    assert ring.stats().pending == 2


def test_a_receipt_of_nothing_releases_nothing(open_journal: Open, punch: Punch, receipt_for: Callable) -> None:
    ring = open_journal()
    nothing = receipt_for(ring, 0)
    assert ring.acknowledge(nothing, b"x") is ReceiptEffect.STALE
    for _ in range(3):
        ring.append(punch())
    assert ring.acknowledge(nothing, b"x") is ReceiptEffect.STALE
    assert (ring.watermark(), ring.evict(0)) == (0, 0)
    ring.acknowledge(receipt_for(ring, 2), b"evidence")
    assert ring.acknowledge(nothing, b"x") is ReceiptEffect.STALE
    assert ring.watermark() == 2
    assert ring._db.execute("SELECT upto, envelope FROM receipt").fetchall() == [(2, b"evidence")]


def test_unreceipted_records_are_never_evicted(open_journal: Open, punch: Punch, receipt_for: Callable) -> None:
    ring = open_journal()
    for _ in range(20):
        ring.append(punch())
    assert ring.evict(0) == 0
    ring.acknowledge(receipt_for(ring, 8), b"x")
    assert ring.evict(15) == 5  # keeps 15, though 8 might go
    assert ring.evict(0) == 3
    assert [out.seq for out in ring.envelopes(0, 100)] == list(range(9, 21))
    assert ring.stats().records == 12
    assert ring.acknowledge(receipt_for(ring, 5, "d" * 64), b"x") is ReceiptEffect.STALE  # gone: not comparable


def test_the_last_record_stays_and_the_chain_goes_on(
    open_journal: Open, punch: Punch, receipt_for: Callable
) -> None:
    ring = open_journal()
    for _ in range(7):
        ring.append(punch())
    ring.acknowledge(receipt_for(ring, 7), b"x")
    assert ring.evict(0) == 6
    last = ring.head()
    ring.close()
    again = open_journal()
    assert decode(again.append(punch()).payload).position.prev == last.hash
    assert again.head().seq == 8


def test_eviction_in_several_batches(
    open_journal: Open, punch: Punch, receipt_for: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.journal.journal._EVICT_BATCH", 4)
    ring = open_journal()
    for _ in range(13):
        ring.append(punch())
    ring.acknowledge(receipt_for(ring, 13), b"x")
    assert ring.evict(1) == 12
    assert ring.evict(1) == 0


def test_a_full_disk_is_said_and_survived(open_journal: Open, journal: Path, punch: Punch) -> None:
    ring = open_journal()
    stored = [ring.append(punch()).payload for _ in range(3)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (journal.with_name("journal.db-wal").stat().st_size + 100, hard))
    try:
        for _ in range(2):
            with pytest.raises(JournalError, match="free space"):
                ring.append(punch())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert ring.append(punch()).seq == 4
    ring.close()
    again = open_journal()
    payloads = [json.loads(out.wire)["payload"] for out in again.envelopes(0, 9)]
    assert len(payloads) == 4
    assert [out.seq for out in again.envelopes(0, 9)] == [1, 2, 3, 4]
    assert again.hash_at(3) == payload_hash(stored[2])


def test_a_busy_journal_names_the_cure(
    open_journal: Open, journal: Path, punch: Punch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.storage.sqlite_file.BUSY_S", 0.05)
    ring = open_journal()
    other = sqlite3.connect(journal, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalError, match="another process") as caught:
        ring.append(punch())
    assert caught.value.exit_code == 74
    other.execute("ROLLBACK")
    other.close()
    assert ring.append(punch()).seq == 1


def test_a_failed_commit_leaves_no_transaction_behind(open_journal: Open, punch: Punch) -> None:
    ring = open_journal()
    real = ring._db

    def execute(sql: str, *arguments: object) -> sqlite3.Cursor:
        if sql == "COMMIT":
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
            raise error
        return real.execute(sql, *arguments)

    ring._db = SimpleNamespace(execute=execute, in_transaction=True)
    with pytest.raises(JournalError, match="reading or writing failed"):
        ring.append(punch())
    ring._db = real
    assert not real.in_transaction
    assert ring.append(punch()).seq == 1


def test_closing_leaves_one_file_and_may_be_repeated(open_journal: Open, journal: Path, punch: Punch) -> None:
    ring = open_journal()
    ring.append(punch())
    ring.close()
    ring.close()
    assert [path.name for path in journal.parent.iterdir()] == ["journal.db"]
    assert journal.stat().st_mode & 0o777 == 0o600


def test_commits_are_synchronous(open_journal: Open) -> None:
    ring = open_journal()
    assert ring._db.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert ring._db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_the_error_is_also_the_standard_librarys(tmp_path: Path, origin: object, identity: object) -> None:
    with pytest.raises(OSError, match="directory must exist") as caught:
        Journal(tmp_path / "nowhere" / "journal.db", origin, identity)
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOENT


def test_a_command_is_taken_once_and_with_its_record(open_journal: Open, punch: Punch) -> None:
    ring, other = open_journal(), open_journal()
    taken = ring.take_command("a" * 32, punch())
    assert taken is not None
    assert taken.seq == 1
    assert other.take_command("a" * 32, punch()) is None
    with pytest.raises(RecordError):
        ring.take_command("b" * 32, Draft(Kind.PUNCH, {}, punch().time))
    assert ring.take_command("b" * 32, punch()) is not None, "a record that was refused took no command"
    assert ring.head().seq == 2


def test_taken_commands_are_remembered_within_bounds(open_journal: Open, punch: Punch) -> None:
    ring = open_journal()
    ring._db.executemany("INSERT INTO commands VALUES (?, ?)", [(f"{n:032x}", -n) for n in range(10_005)])
    ring.take_command("f" * 32, punch())
    assert ring._db.execute("SELECT count(*) FROM commands").fetchone() == (10_000,)
    assert ring.take_command("f" * 32, punch()) is None
