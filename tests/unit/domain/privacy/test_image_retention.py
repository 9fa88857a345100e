"""90 days that are 90 days: by a simulated terminal whose clocks lie, and by thousands of random lives of one."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from edge.domain.privacy import image_retention
from edge.domain.privacy.image_retention import (
    GRACE_MS,
    LOOK_MS,
    Collected,
    ElapsedTime,
    advance,
    begin,
    certain,
    collected,
    expired,
)
from edge.domain.time.evidence import TimeEvidence

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
    passage: ElapsedTime = field(init=False)

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


def test_a_terminal_that_never_heard_a_time_server_keeps_nothing_over_a_restart() -> None:
    world = World(synchronised=False)
    one = world.take()
    world.off(60 * DAY, synchronised=True)
    assert world.gone(one)
    two = world.take()
    world.off(60 * DAY, synchronised=True)
    assert not world.gone(two), "from then on it knows"
    assert certain(two, world.passage)


def test_two_boots_after_a_contradiction_do_not_hide_the_first_gap() -> None:
    world = World(wrong=300 * DAY)
    one = world.take()
    world.off(80 * DAY, synchronised=True)
    assert not certain(one, world.passage)
    world.off(20 * DAY, synchronised=True)
    assert world.gone(one)


def test_a_clock_that_goes_back_between_two_boots_proves_nothing() -> None:
    world = World()
    one = world.take()
    world.run(10 * DAY)
    world.off(1_000, wrong=-5 * DAY, synchronised=True)
    assert not certain(one, world.passage)
    world.run(GRACE_MS)
    assert world.gone(one)


HOURS = (60_000, LOOK_MS, 2 * 3_600_000, 5 * DAY)
OFF = (1_000, DAY, 30 * DAY, 60 * DAY, 80 * DAY)
WRONG = (-100 * DAY, -40 * DAY, 40 * DAY, 100 * DAY, 300 * DAY)


class Life:
    """One terminal's: its clock says anything, and that it is synchronised, too, once it was right in that boot."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        heard = chance.random() < 0.5
        self.world = World(synchronised=heard, wrong=0 if heard else chance.choice((0, -300 * DAY, 300 * DAY)))
        self.right = {1} if heard else set()

    def step(self) -> None:
        world, chance, which = self.world, self.chance, self.chance.random()
        if which < 0.25:
            world.run(chance.choice(HOURS), every=6 * 3_600_000)
        elif which < 0.6:
            gap, heard = chance.choice(OFF), chance.random() < 0.4
            world.off(
                gap, wrong=0 if heard else world.wrong - gap, synchronised=heard
            )  # else it goes on where it was
            self.right |= {world.boot} if heard else set()
        elif which < 0.75:
            world.set(0, synchronised=True)
            self.right.add(world.boot)
        else:
            world.set(chance.choice(WRONG), synchronised=which < 0.85 and world.boot in self.right)

    def late(self) -> bool:
        """Take one at some moment: whether it is there after its 90 days, or certain and not gone."""
        for _ in range(self.chance.randrange(5)):
            self.step()
        one, at = self.world.take(), self.world.true
        for _ in range(self.chance.randrange(1, 9)):
            self.step()
            if self.world.gone(one):
                return False
            if self.world.true - at >= LIMIT:
                known = certain(one, self.world.passage)
                self.world.run(GRACE_MS)
                return known or not self.world.gone(one)
        return False


def late(lives: int) -> int:
    chance = Random(1)
    return sum(Life(chance).late() for _ in range(lives))


def test_it_is_never_late_whatever_is_done_to_clock_and_power() -> None:
    assert late(6_000) == 0


@pytest.mark.parametrize("broken", ["the gap before a contradiction", "the grace", "synchronised time", "90 days"])
def test_the_simulation_finds_a_rule_that_is_late(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    match broken:
        case "the gap before a contradiction":
            monkeypatch.setattr(
                image_retention,
                "_base",
                lambda ended: (ended.base_ms if ended.anchor_ms is None else ended.anchor_ms, 1),
            )
        case "the grace":
            monkeypatch.setattr(image_retention, "GRACE_MS", 1 << 60)
        case "synchronised time":
            hear = image_retention._hear
            monkeypatch.setattr(
                image_retention, "_hear", lambda passage, now: replace(hear(passage, now), proven=True)
            )
        case _:
            monkeypatch.setattr(image_retention, "KEEP_MS", LIMIT + DAY)
    assert late(6_000) > 0
