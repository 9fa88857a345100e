"""90 days that are 90 days: by a simulated terminal whose clocks lie, and by ten thousand random lives of one."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.domain.evidence import (
    GRACE_MS,
    KEEP_MS,
    LOOK_MS,
    Collected,
    Passage,
    advance,
    begin,
    certain,
    collected,
    expired,
)
from edge.domain.types import TimeEvidence

DAY = 24 * 3_600_000
LIMIT = 90 * DAY
START = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass
class World:
    """The true time, and a terminal that knows it only through its clocks."""

    true: int = 0
    booted: int = 0
    boot: int = 1
    wrong: int = 0
    """What the wall clock is off by."""
    synchronised: bool = True
    passage: Passage = field(init=False)

    def __post_init__(self) -> None:
        self.passage = begin(self.now())

    def now(self) -> TimeEvidence:
        utc = (START + timedelta(milliseconds=self.true + self.wrong)).isoformat(timespec="milliseconds")
        return TimeEvidence(
            utc.replace("+00:00", "Z"), 0, "UTC", f"boot-{self.boot}", self.true - self.booted, self.synchronised
        )

    def look(self) -> None:
        self.passage = advance(self.passage, self.now())

    def run(self, ms: int, every: int = LOOK_MS) -> None:
        end = self.true + ms
        while self.true < end:
            self.true = min(end, self.true + every)
            self.look()

    def off(self, ms: int, *, wrong: int = 0, synchronised: bool = False) -> None:
        self.true += ms
        self.booted, self.boot, self.wrong, self.synchronised = self.true - 1, self.boot + 1, wrong, synchronised
        self.look()

    def set(self, wrong: int, *, synchronised: bool) -> None:
        self.wrong, self.synchronised = wrong, synchronised
        self.look()

    def take(self) -> Collected:
        return collected(self.passage, self.now(), self.now())

    def gone(self, one: Collected) -> bool:
        return expired(one, self.passage)


def test_it_is_there_for_its_time_and_no_longer() -> None:
    world = World()
    one = world.take()
    world.run(89 * DAY)
    assert not world.gone(one)
    assert certain(one, world.passage)
    world.run(DAY)
    assert world.gone(one)


@pytest.mark.parametrize("wrong", [-400 * DAY, -DAY, DAY, 400 * DAY])
@pytest.mark.parametrize("synchronised", [True, False])
def test_within_one_boot_no_setting_of_the_clock_moves_the_day(wrong: int, synchronised: bool) -> None:
    world = World()
    one = world.take()
    world.run(10 * DAY)
    world.set(wrong, synchronised=synchronised)
    world.run(79 * DAY)
    assert not world.gone(one)
    world.run(DAY)
    assert world.gone(one)


def test_without_a_time_server_ever_a_boot_still_counts_its_days() -> None:
    world = World(synchronised=False, wrong=-5_000 * DAY)
    one = world.take()
    world.run(89 * DAY)
    assert not world.gone(one)
    world.run(DAY)
    assert world.gone(one)


def test_a_power_cut_of_minutes_costs_nothing_once_a_time_server_is_heard() -> None:
    world = World()
    one = world.take()
    for _ in range(20):
        world.run(2 * DAY)
        world.off(5 * 60_000, wrong=-5 * 60_000)
        assert not certain(one, world.passage)
        world.run(120_000)
        assert not world.gone(one)
        world.set(0, synchronised=True)
        assert certain(one, world.passage)
    assert not world.gone(one)
    world.run(LIMIT - world.true)
    assert world.gone(one)


@pytest.mark.parametrize(
    ("wrong", "synchronised"),
    [(0, False), (0, True), (-100 * DAY, False), (-400 * DAY, False), (-400 * DAY, True)],
    ids=["a clock with a battery", "a time server", "no clock", "set back", "set back, and said to be right"],
)
def test_after_100_days_without_power_it_is_gone(wrong: int, synchronised: bool) -> None:
    world = World()
    one = world.take()
    world.run(DAY)
    world.off(100 * DAY, wrong=wrong, synchronised=synchronised)
    if wrong == 0:
        assert world.gone(one), "at the first look: nothing else ran"
    else:
        assert not certain(one, world.passage), "until it is gone nobody gets it"
        world.run(GRACE_MS)
        assert world.gone(one)


def test_after_100_days_the_first_word_of_a_time_server_deletes_it() -> None:
    world = World()
    one = world.take()
    world.off(100 * DAY, wrong=-100 * DAY)
    assert not world.gone(one)
    world.run(60_000)
    world.set(0, synchronised=True)
    assert world.gone(one)


def test_starts_without_a_time_server_do_not_begin_the_grace_anew() -> None:
    world = World()
    one = world.take()
    for _ in range(GRACE_MS // LOOK_MS):
        assert not world.gone(one)
        world.off(1_000, wrong=-world.true)
        world.run(1_000)
    assert world.gone(one)


def test_a_clock_that_was_set_forward_before_the_power_went_hides_no_day() -> None:
    """The synchronised flag stays when somebody sets the clock by hand."""
    world = World()
    one = world.take()
    world.run(DAY)
    world.set(95 * DAY, synchronised=True)
    world.off(100 * DAY, synchronised=True)
    assert world.gone(one)


def test_a_clock_that_is_set_back_at_the_start_hides_its_days_until_it_is_corrected_only() -> None:
    world = World()
    one = world.take()
    world.off(100 * DAY, wrong=-99 * DAY, synchronised=True)
    world.run(LOOK_MS)
    world.set(0, synchronised=True)
    assert world.gone(one)


def test_what_was_collected_without_a_time_server_counts_from_the_last_that_was_heard() -> None:
    world = World()
    world.run(DAY)
    world.off(1_000, wrong=-5_000 * DAY)
    one = world.take()
    world.off(100 * DAY, synchronised=True)
    assert world.gone(one)


def test_a_clock_that_goes_back_between_two_boots_proves_nothing() -> None:
    world = World()
    one = world.take()
    world.run(10 * DAY)
    world.off(1_000, wrong=-5 * DAY, synchronised=True)
    assert not certain(one, world.passage)
    world.run(GRACE_MS)
    assert world.gone(one)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("run"), st.integers(0, 20 * DAY)),
        st.tuples(st.just("off"), st.integers(0, 120 * DAY)),
        st.tuples(st.just("set"), st.integers(-200 * DAY, 200 * DAY)),
        st.tuples(st.just("right"), st.just(0)),
    ),
    max_size=12,
)


@settings(max_examples=300, deadline=None)
@given(before=STEPS, after=STEPS)
def test_it_is_never_late_whatever_is_done_to_clock_and_power(
    before: list[tuple[str, int]], after: list[tuple[str, int]]
) -> None:
    """An unsynchronised clock may say anything; a synchronised one is right. The power goes when it goes."""
    world = World()

    def do(step: tuple[str, int]) -> None:
        what, size = step
        if what == "run":
            world.run(size, every=6 * 3_600_000)
        elif what == "off":
            world.off(size, wrong=world.wrong - size)  # no clock with a battery: it goes on where it was
        else:
            world.set(size, synchronised=what == "right")

    for step in before:
        do(step)
    one, at, total = world.take(), world.true, world.passage.total_ms
    for step in after:
        do(step)
        assert world.passage.total_ms >= total
        total = world.passage.total_ms
        if world.gone(one):
            return
        if world.true - at >= LIMIT:
            assert not certain(one, world.passage), "certain, and yet too old"
            world.run(GRACE_MS)
            assert world.gone(one)
            return
    assert world.passage.total_ms - one.total_ms < KEEP_MS
