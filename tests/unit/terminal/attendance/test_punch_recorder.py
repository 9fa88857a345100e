"""Records of the attending thread: time steps, a disk that takes nothing, a journal that turns out damaged."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from edge.domain.protocol.receipt import Receipt
from edge.domain.protocol.record import Draft, Origin, Record, decode
from edge.domain.protocol.record_kinds import Kind
from edge.errors import JournalDamaged
from edge.journal.capacity import Bounds
from edge.journal.disk_reserve import Reserve
from edge.journal.journal import Journal
from edge.terminal.attendance.journal_maintenance import AGE_EVERY_MS, JournalMaintenance
from edge.terminal.attendance.punch_recorder import Recorder
from tests.support.clock import NOW, HandClock

ORIGIN, KEY = Origin("hq", "door-1"), SigningKey(bytes(range(32)))
BOOT = {"version": "1", "models": []}


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.db", ORIGIN, KEY) as opened:
        yield opened


@pytest.fixture
def recorder(journal: Journal, clock: HandClock) -> Recorder:
    return Recorder(journal, Reserve(journal.path, 8_000_000), clock, lambda: None)


def records(journal: Journal) -> list[Record]:
    return [decode(row[0]) for row in journal._db.execute("SELECT payload FROM records ORDER BY seq")]


@pytest.mark.parametrize("ms", [-31_536_000_000, 86_400_000])
def test_a_clock_set_a_year_back_or_a_day_forward_during_a_punch(
    recorder: Recorder, journal: Journal, clock: HandClock, ms: int
) -> None:
    recorder.append(Kind.BOOT, BOOT, recorder.now())
    clock.passes(0.040)
    clock.set_by(ms / 1000)
    evidence = recorder.now()
    recorder.append(Kind.BOOT, BOOT, evidence)
    before, step, after = records(journal)
    assert (before.kind, step.kind, after.kind) == ("boot", "clock-step", "boot")
    assert step.data["step_ms"] == ms
    assert before.time.utc == NOW.utc, "never rewritten"
    assert after.time == step.time == evidence, "one look at the clock serves both"
    assert after.time.boottime_ms - before.time.boottime_ms == 40


def test_the_first_synchronisation_leaves_an_anchor(recorder: Recorder, journal: Journal, clock: HandClock) -> None:
    clock.set_by(0, synchronised=False)
    recorder.now()
    clock.set_by(7_200)
    recorder.now()
    recorder.now()
    (step,) = records(journal)
    assert step.data["step_ms"] == 7_200_000
    assert step.time.synchronised


def test_a_step_between_two_lives_of_one_boot_is_seen(journal: Journal, clock: HandClock) -> None:
    Recorder(journal, Reserve(journal.path, 8_000_000), clock, lambda: None).append(
        Kind.BOOT, BOOT, clock.evidence()
    )
    clock.passes(90)
    clock.set_by(-5)
    Recorder(journal, Reserve(journal.path, 8_000_000), clock, lambda: None).now()
    assert [record.kind for record in records(journal)] == ["boot", "clock-step"]


def test_a_read_only_disk_is_said_and_mended_and_a_step_is_not_forgotten(
    recorder: Recorder, journal: Journal, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    journal._db.execute("PRAGMA query_only = ON")  # what a read-only remount answers: SQLITE_READONLY
    clock.set_by(3_600)
    recorder._last_time = replace(clock.found, utc="2026-03-01T08:00:00.000Z")
    for _ in range(3):
        assert recorder.append(Kind.BOOT, BOOT, recorder.now()) is None
    assert not recorder.writable
    assert not recorder.mended()
    assert sum("read-only" in entry.getMessage() for entry in caplog.records if entry.levelname == "CRITICAL") == 1
    journal._db.execute("PRAGMA query_only = OFF")
    assert recorder.mended()
    assert recorder.append(Kind.BOOT, BOOT, recorder.now()) is not None
    assert [record.kind for record in records(journal)] == ["clock-step", "boot"]


def test_a_boot_that_could_not_be_recorded_is_owed(recorder: Recorder, journal: Journal) -> None:
    journal._db.execute("PRAGMA query_only = ON")
    recorder.owe(Kind.BOOT, BOOT)
    assert journal.head().seq == 0
    journal._db.execute("PRAGMA query_only = OFF")
    assert recorder.mended()
    assert recorder.mended()
    assert [record.kind for record in records(journal)] == ["boot"], "once"


def test_damage_in_use_leaves_a_mark_for_the_next_start(recorder: Recorder, journal: Journal) -> None:
    for _ in range(50):
        recorder.append(Kind.BOOT, BOOT, recorder.now())
    journal.close()
    content = bytearray(journal.path.read_bytes())
    content[4096 * 3 :] = os.urandom(len(content) - 4096 * 3)
    journal.path.write_bytes(content)
    broken = Journal.__new__(Journal)
    broken.path, broken._key, broken._chain = journal.path, journal._key, journal._chain
    broken._db = __import__("sqlite3").connect(journal.path, isolation_level=None)
    recorder._journal = broken
    with pytest.raises(JournalDamaged):
        recorder.append(Kind.BOOT, BOOT, recorder.now())
    assert journal.path.with_suffix(".suspect").exists()
    broken.close()


def fill(journal: Journal, clock: HandClock, count: int) -> None:
    for _ in range(count):
        journal.append(Draft(Kind.BOOT, BOOT, clock.evidence()))


def receipt(journal: Journal, upto: int) -> None:
    journal.acknowledge(
        Receipt(ORIGIN, journal.epoch, upto, journal.hash_at(upto) or "", "2026-03-01T08:00:01Z"), b"{}"
    )


def test_the_oldest_receipted_go_and_the_others_never(journal: Journal, clock: HandClock) -> None:
    upkeep = JournalMaintenance(journal, Reserve(journal.path, 8_000_000), Bounds(20, 8_000_000, 90))
    fill(journal, clock, 30)
    state = upkeep.run(clock.evidence(), 0)
    assert (state.full, state.evicted, journal.stats().records) == (True, 0, 30)
    receipt(journal, 5)
    state = upkeep.run(clock.evidence(), 0)
    assert (state.full, state.evicted, journal.stats().records) == (True, 5, 25)
    receipt(journal, 13)
    state = upkeep.run(clock.evidence(), 0)
    assert (state.full, state.evicted, state.warnings) == (False, 5, ("ring-80",))
    assert journal.stats().records == 20
    receipt(journal, 30)
    assert upkeep.run(clock.evidence(), 0).warnings == ()


def test_the_journal_is_bounded_by_bytes_as_well(journal: Journal, clock: HandClock) -> None:
    fill(journal, clock, 400)
    used = journal.stats().bytes
    receipt(journal, 390)
    upkeep = JournalMaintenance(journal, Reserve(journal.path, 8_000_000), Bounds(100_000, used // 2, 90))
    assert upkeep.run(clock.evidence(), 0).evicted >= 190
    for round_ in range(20):
        upkeep.run(clock.evidence(), round_)
    assert journal.stats().bytes <= used * 0.6
    assert journal.stats().pending == 10


def test_old_receipted_records_are_evicted(journal: Journal, clock: HandClock) -> None:
    upkeep = JournalMaintenance(journal, Reserve(journal.path, 8_000_000), Bounds(100_000, 8_000_000, 30))
    fill(journal, clock, 10)
    clock.passes(20 * 86_400)
    fill(journal, clock, 10)
    receipt(journal, 15)
    assert upkeep.run(clock.evidence(), 0).evicted == 0
    clock.passes(11 * 86_400)
    clock.set_by(0, synchronised=False)
    assert upkeep.run(clock.evidence(), 2 * AGE_EVERY_MS).evicted == 0, "no clock that nobody vouches for decides"
    clock.set_by(0)
    assert upkeep.run(clock.evidence(), 2 * AGE_EVERY_MS).evicted == 10
    clock.passes(300 * 86_400)
    for round_ in range(4, 8):
        upkeep.run(clock.evidence(), round_ * AGE_EVERY_MS)
    assert journal.stats().records == 5, "what no receipt covers stays, however old"


def test_an_unsynchronised_clock_is_a_warning(journal: Journal, clock: HandClock) -> None:
    upkeep = JournalMaintenance(journal, Reserve(journal.path, 8_000_000), Bounds(1_000, 8_000_000, 90))
    clock.set_by(0, synchronised=False)
    assert upkeep.run(clock.evidence(), 0).warnings == ("clock-unsynchronised",)
