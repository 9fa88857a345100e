"""A person's last punch among the records of several terminals."""

from dataclasses import replace

import pytest

from edge.domain.attendance.punch_direction import SKEW_S, DirectionPolicy, NewPunch, Repetition, direction_of
from edge.domain.attendance.site_punches import Heard, last_at_site
from edge.domain.protocol.record import Record
from edge.domain.time.evidence import TimeEvidence
from edge.domain.vocabulary import Activity, Direction
from tests.support.clock import NOW
from tests.support.corrections import DOOR, OFFICE, correction, punch

POLICY = DirectionPolicy()
EIGHT, FOUR = "2026-03-02T08:00:00.000Z", "2026-03-02T16:00:00.000Z"
OWN, OTHER = DOOR, OFFICE
THERE = "f" * 32
"""Epoch of the other door."""


def at(utc: str, *, boot: str = "o" * 36, synchronised: bool = True, boottime_ms: int = 5_000) -> TimeEvidence:
    """What the other door's clock said: another machine's."""
    return TimeEvidence(utc, 0, "UTC", boot, boottime_ms, synchronised)


def there(seq: int, utc: str, direction: str = "in", *, synchronised: bool = True, **data: object) -> Record:
    made = punch(seq, utc, direction, origin=OTHER, epoch=THERE)
    return replace(made, time=at(utc, synchronised=synchronised), data={**made.data, **data})


def heard(record: Record, head: int = 0, place: int = 1, utc: str | None = None) -> Heard:
    return Heard(record, place, punch(1).position.epoch, head, utc)


def name(record: Record) -> str:
    return f"{record.origin.site}/{record.id}"


def test_nothing_was_heard_and_our_own_tells_alone() -> None:
    found = last_at_site([punch(1), punch(2, FOUR, "out")], [])
    assert found is not None
    assert (found.direction, found.seq, found.elsewhere, found.unsure) == (Direction.OUT, 2, False, False)
    assert last_at_site([], []) is None


def test_an_in_at_the_other_door_is_answered_by_out_here_and_named() -> None:
    came = there(7, EIGHT)
    found = last_at_site([], [heard(came)])
    assert found is not None
    assert (found.direction, found.id, found.elsewhere, found.unsure) == (Direction.IN, name(came), True, False)
    now = replace(NOW, utc=FOUR)
    assert direction_of(found, now, POLICY) == NewPunch(Direction.OUT, "alternated", follows=name(came))


def test_a_repetition_at_another_door_names_the_punch_there() -> None:
    came = there(7, EIGHT)
    found = last_at_site([], [heard(came)])
    for seconds in (-SKEW_S, -0.5, 0.0, 59.0):
        now = replace(NOW, utc=f"2026-03-02T{'07:59' if seconds < 0 else '08:00'}:{seconds % 60:06.3f}Z")
        assert direction_of(found, now, POLICY) == Repetition(Direction.IN, "alternated", 7, follows=name(came)), (
            seconds
        )
    behind = replace(NOW, utc="2026-03-02T07:59:50.000Z")
    assert direction_of(found, behind, POLICY) == NewPunch(
        Direction.OUT, "alternated", assumed=True, follows=name(came)
    ), "ten seconds are no skew"


@pytest.mark.parametrize("there_utc", ["2026-03-02T12:00:00.000Z", "1970-01-01T00:01:00.000Z"])
def test_what_was_heard_before_our_own_punch_is_earlier_whatever_any_clock_says(there_utc: str) -> None:
    for synchronised in (True, False):
        came = there(7, there_utc, synchronised=synchronised)
        own = punch(4, "2026-03-02T11:00:00.000Z", "out")
        found = last_at_site([own], [heard(came, head=3)])
        assert found is not None
        assert (found.direction, found.seq, found.unsure) == (Direction.OUT, 4, False)


def test_what_was_heard_after_our_own_punch_is_placed_by_the_clocks_if_both_are_right() -> None:
    own = punch(4, "2026-03-02T12:00:00.000Z", "out")
    late = there(7, EIGHT)  # it was delayed
    assert last_at_site([own], [heard(late, head=4)]).direction is Direction.OUT  # type: ignore[union-attr]
    news = there(7, FOUR)
    found = last_at_site([own], [heard(news, head=4)])
    assert found is not None
    assert (found.direction, found.unsure) == (Direction.IN, False)


@pytest.mark.parametrize(
    ("utc", "synchronised"),
    [("2026-03-02T12:00:01.000Z", True), ("2026-03-02T11:59:59.000Z", True), (FOUR, False), (EIGHT, False)],
)
def test_where_no_clock_can_tell_the_order_of_arrival_counts_and_is_assumed(utc: str, synchronised: bool) -> None:
    own = punch(4, "2026-03-02T12:00:00.000Z", "out")
    found = last_at_site([own], [heard(there(7, utc, synchronised=synchronised), head=4)])
    assert found is not None
    assert (found.direction, found.unsure) == (Direction.IN, True)
    assert direction_of(found, replace(NOW, utc="2026-03-02T15:00:00.000Z"), POLICY).assumed  # type: ignore[union-attr]
    same = last_at_site([own], [heard(there(7, utc, "out", synchronised=synchronised), head=4)])
    assert same is not None
    assert not same.unsure, "whichever was the last one, it was OUT"


def test_a_punch_is_later_than_the_one_that_it_follows_whatever_the_clocks_say() -> None:
    own = punch(4, "2026-03-02T12:00:01.500Z")
    after = there(7, "2026-03-02T12:00:00.000Z", "out", follows=name(own))
    found = last_at_site([own], [heard(after, head=4)])
    assert found is not None
    assert (found.direction, found.unsure) == (Direction.OUT, False)
    third = replace(after, position=replace(after.position, seq=9), data={**after.data, "follows": name(after)})
    assert last_at_site([own], [heard(third, head=4), heard(after, 4, 2)]).id == name(third)  # type: ignore[union-attr]


def test_a_neighbour_that_borrows_our_boot_and_lies_in_the_future_suppresses_nothing() -> None:
    came = there(7, EIGHT)
    came = replace(came, time=replace(came.time, boot_id=NOW.boot_id, boottime_ms=NOW.boottime_ms + 10**9))
    found = last_at_site([], [heard(came)])
    assert direction_of(found, NOW, POLICY) == NewPunch(
        Direction.OUT, "alternated", assumed=True, follows=name(came)
    )


def test_a_ring_of_punches_that_follow_each_other_ends() -> None:
    one = there(7, EIGHT, "in")
    two = replace(there(1, EIGHT, "out", follows=name(one)), origin=replace(OTHER, terminal="third"))
    one = replace(one, data={**one.data, "follows": name(two)})
    assert last_at_site([punch(1)], [heard(one), heard(two, place=2)]) is not None


def test_when_it_came_here_bounds_when_it_was_made() -> None:
    undated = there(7, "1970-01-01T00:01:00.000Z", "out", synchronised=False)
    later = replace(there(1, FOUR), origin=replace(OTHER, terminal="third"), time=at(FOUR, boot="p" * 36))
    found = last_at_site([], [heard(undated, 0, 1, "2026-03-02T09:00:00.000Z"), heard(later, 0, 2, FOUR)])
    assert found is not None
    assert (found.direction, found.unsure) == (Direction.IN, False)


def test_a_void_at_another_door_takes_our_punch_back_and_an_amendment_turns_it() -> None:
    came, went = punch(1), punch(2, FOUR, "out")
    late = "2026-03-02T17:00:00.000Z"
    void = correction(5, "voided", went, utc=late, origin=OTHER, epoch=THERE)
    found = last_at_site([came, went], [heard(void, head=2)])
    assert found is not None
    assert (found.direction, found.seq) == (Direction.IN, 1)
    turned = correction(5, "amended", went, utc=late, direction="in", origin=OTHER, epoch=THERE)
    assert last_at_site([came, went], [heard(turned, head=2)]).direction is Direction.IN  # type: ignore[union-attr]
    first = heard(void, head=1, place=1)  # it came before the punch that it voids could be made here
    assert last_at_site([came], [first]).direction is Direction.IN  # type: ignore[union-attr]


def test_our_void_takes_a_punch_of_another_door_back() -> None:
    came = there(7, EIGHT)
    void = correction(2, "voided", came, utc=FOUR)
    assert last_at_site([void], [heard(came)]) is None
    added = correction(3, "added", utc=FOUR, direction="out", at="2026-03-02T12:00:00.000Z")
    found = last_at_site([added], [heard(came)])
    assert found is not None
    assert (found.direction, found.seq, found.made) == (Direction.OUT, None, "2026-03-02T12:00:00.000Z")


def test_a_break_that_began_at_the_other_door_ends_here() -> None:
    out = there(7, EIGHT, "out", activity="break")
    found = last_at_site([], [heard(out)])
    assert found is not None
    assert found.on_break
    now = replace(NOW, utc="2026-03-02T08:30:00.000Z")
    assert direction_of(found, now, POLICY) == NewPunch(
        Direction.IN, "alternated", activity=Activity.BREAK, follows=name(out)
    )


def test_what_came_while_another_journal_was_in_use_is_old_unless_the_clocks_tell_otherwise() -> None:
    own = punch(1, "2026-03-02T12:00:00.000Z", "out")
    before = replace(heard(there(7, EIGHT, synchronised=False)), epoch="0" * 32, head=900)
    found = last_at_site([own], [before])
    assert found is not None
    assert (found.direction, found.unsure) == (Direction.OUT, True)
    dated = replace(before, utc="2026-03-02T09:00:00.000Z")
    assert not last_at_site([own], [dated]).unsure  # type: ignore[union-attr]
