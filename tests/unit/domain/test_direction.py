"""Which way a punch goes."""

from dataclasses import replace

from edge.domain.direction import DirectionPolicy, NewPunch, Repetition, decide, elapsed_s
from edge.domain.records import GENESIS, Origin, Position, Record
from edge.domain.types import Direction, DirectionSource, TimeEvidence

NOW = TimeEvidence("2026-11-24T08:00:00.000Z", 60, "Europe/Berlin", "boot-a", 10_000_000, True)
ALTERNATE = DirectionPolicy(None, window_s=60, shift_limit_s=16 * 3600)


def last(direction: Direction, seconds_ago: float, boot: str = "boot-a", utc: str = NOW.utc) -> Record:
    time = replace(NOW, boottime_ms=NOW.boottime_ms - int(seconds_ago * 1000), boot_id=boot, utc=utc)
    return Record(Origin("main", "t"), Position("0" * 32, 7, GENESIS), "punch", {"direction": direction}, time)


def test_the_first_punch_is_in() -> None:
    assert decide(None, NOW, ALTERNATE) == NewPunch(Direction.IN, DirectionSource.ALTERNATED)


def test_directions_alternate() -> None:
    assert decide(last(Direction.IN, 61), NOW, ALTERNATE) == NewPunch(Direction.OUT, DirectionSource.ALTERNATED)
    assert decide(last(Direction.OUT, 61), NOW, ALTERNATE) == NewPunch(Direction.IN, DirectionSource.ALTERNATED)


def test_within_the_window_it_is_a_repetition_of_that_punch() -> None:
    expected = Repetition(Direction.IN, DirectionSource.ALTERNATED, 7)
    assert decide(last(Direction.IN, 0), NOW, ALTERNATE) == expected
    assert decide(last(Direction.IN, 59.9), NOW, ALTERNATE) == expected
    assert isinstance(decide(last(Direction.IN, 60), NOW, ALTERNATE), NewPunch)


def test_a_forgotten_out_is_not_invented_on_the_next_day() -> None:
    assert decide(last(Direction.IN, 16 * 3600), NOW, ALTERNATE) == NewPunch(
        Direction.IN, DirectionSource.ALTERNATED
    )


def test_a_one_way_door_records_its_way() -> None:
    policy = replace(ALTERNATE, fixed=Direction.OUT)
    assert decide(None, NOW, policy) == NewPunch(Direction.OUT, DirectionSource.CONFIGURED)
    assert decide(last(Direction.OUT, 3), NOW, policy) == Repetition(Direction.OUT, DirectionSource.CONFIGURED, 7)
    assert decide(last(Direction.IN, 3), NOW, policy) == NewPunch(Direction.OUT, DirectionSource.CONFIGURED)


def test_a_clock_set_during_a_boot_moves_nothing() -> None:
    before = last(Direction.IN, 30, utc="2031-01-01T00:00:00.000Z")
    assert elapsed_s(before.time, NOW) == 30
    assert isinstance(decide(before, NOW, ALTERNATE), Repetition)


def test_across_a_reboot_with_the_clock_set_back_nothing_is_lost() -> None:
    """Unknown age: recorded as a new punch, never swallowed as a repetition."""
    before = last(Direction.IN, 30, boot="boot-b", utc="2026-11-24T09:00:00.000Z")
    assert elapsed_s(before.time, NOW) == -3600
    assert isinstance(decide(before, NOW, ALTERNATE), NewPunch)


def test_across_a_reboot_utc_counts() -> None:
    before = last(Direction.IN, 0, boot="boot-b", utc="2026-11-24T07:59:30.000Z")
    assert isinstance(decide(before, NOW, ALTERNATE), Repetition)
