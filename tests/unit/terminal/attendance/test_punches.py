"""From somebody who is known to a record: the direction follows what corrections made of the last punch."""

from collections.abc import Callable
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from edge.domain.attendance.punch_direction import DirectionPolicy
from edge.domain.protocol.record import Draft, Origin, decode
from edge.domain.protocol.record_kinds import Kind
from edge.domain.vocabulary import Method
from edge.journal.disk_reserve import Reserve
from edge.journal.journal import Journal
from edge.terminal.attendance.punch_recorder import Identified, Puncher, Recorder
from tests.support.clock import HandClock, evidence
from tests.support.people import ANN, BOB

HOUR = 3_600_000


def at(
    clock: HandClock, hour: int, boot: str = "boot-a", *, day: str = "2026-03-02", synchronised: bool = True
) -> None:
    utc = f"{day}T{hour:02}:00:00.000Z"
    clock.set(utc=utc, boot_id=boot, boottime_ms=(hour - 7) * HOUR, synchronised=synchronised)


@pytest.fixture
def clock() -> HandClock:
    return HandClock(evidence(boot_id="boot-a", boottime_ms=HOUR))


@pytest.fixture
def journal(tmp_path: Path):
    with Journal(tmp_path / "journal.db", Origin("main", "gate-1"), SigningKey(bytes([1]) * 32)) as opened:
        yield opened


@pytest.fixture
def punch(journal: Journal, clock: HandClock) -> Callable[..., tuple[str, bool, int]]:
    """Punch, and say which way it went, whether that was assumed, and the record's seq."""
    recorder = Recorder(journal, Reserve(journal.path, 8_000_000), clock, lambda: None)
    puncher = Puncher(journal, recorder, DirectionPolicy())

    def punch(person: str = ANN) -> tuple[str, bool, int]:
        made = puncher.punch(Identified(person, Method.BADGE))
        assert made is not None
        data = decode(made.stored.payload).data
        return data["direction"], data.get("direction_assumed", False), made.stored.seq

    return punch


def correct(journal: Journal, clock: HandClock, change: str, seq: int | None = None, **changes: object) -> int:
    data = {
        "person": ANN, "change": change, "corrects": None if seq is None else f"gate-1/{journal.epoch}/{seq}",
        "direction": None, "at": None, "reason": "other", "worker": "asked", "employer": "agrees", **changes,
    }  # fmt: skip
    return journal.append(Draft(Kind.CORRECTION, data, clock.evidence())).seq


def test_a_mistaken_out_that_was_voided_is_not_answered(journal, clock, punch):
    assert punch()[0] == "in"
    at(clock, 9)
    direction, _, mistaken = punch()
    assert direction == "out"
    void = correct(journal, clock, "voided", mistaken)
    assert punch(BOB)[0] == "in"
    at(clock, 17)
    assert punch()[0] == "out", "the IN of the morning is the last that counts"
    at(clock, 18)
    assert punch()[0] == "in", "and the OUT of the evening from then on"
    correct(journal, clock, "voided", void)
    at(clock, 19)
    assert punch()[0] == "out"


def test_an_out_that_was_added_is_answered_by_in(journal, clock, punch):
    punch()
    at(clock, 17)
    correct(journal, clock, "added", direction="out", at="2026-03-02T12:00:00.000Z")
    assert punch()[0] == "in"


def test_a_punch_that_was_turned_round_is_answered_the_other_way(journal, clock, punch):
    _, _, first = punch()
    correct(journal, clock, "amended", first, direction="out")
    at(clock, 9)
    assert punch()[0] == "in"


def test_over_a_reboot_with_a_clock_that_is_wrong_the_record_says_that_it_was_assumed(clock, punch):
    at(clock, 8, day="2027-02-02")
    assert punch()[:2] == ("in", False)
    at(clock, 9, "boot-b")
    assert punch()[:2] == ("out", True)
    at(clock, 10, "boot-b")
    assert punch()[:2] == ("in", False)


def test_what_was_corrected_is_found_by_an_index_and_the_last_punch_alone_is_read_without(journal, clock, punch):
    plan = "EXPLAIN QUERY PLAN SELECT seq FROM records WHERE person = ? AND kind = 'correction' AND seq > ?"
    assert "correction_by_person" in " ".join(row[3] for row in journal._db.execute(plan, (ANN, 0)))
    for hour in range(8, 18):
        at(clock, hour)
        punch()
    assert len(journal.recent(ANN)) == 1
    correct(journal, clock, "voided", 10)
    assert len(journal.recent(ANN)) == 11
    assert journal.recent(BOB) == []
