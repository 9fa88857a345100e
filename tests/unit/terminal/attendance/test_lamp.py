"""The lamp is dark in the end, whatever happens to whoever lit it."""

import time

import pytest
from gpiozero.pins.mock import MockFactory

from edge.adapters.raspberry_pi.strobe import GpioStrobe
from edge.adapters.replay.strobe import ReplayStrobe
from edge.domain.pad.strobe_timing import EVERY_MS, LONGEST_MS
from edge.errors import SignalsError
from edge.terminal.attendance.strobe import Lamp
from edge.terminal.runtime.workers import Stop, Worker


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.ms = 1_000

    def __call__(self) -> int:
        return self.ms * 1_000_000


@pytest.fixture
def now() -> Hand:
    return Hand()


@pytest.fixture
def strobe() -> ReplayStrobe:
    return ReplayStrobe()


@pytest.fixture
def lamp(strobe: ReplayStrobe, now: Hand) -> Lamp:
    return Lamp(strobe, now)


def test_the_lamp_is_dark_until_it_is_asked(lamp: Lamp, strobe: ReplayStrobe) -> None:
    lamp.run_once(0)
    assert not strobe.lit
    assert lamp.flash()
    lamp.run_once(0)
    assert strobe.lit
    lamp.end()
    lamp.run_once(0)
    assert not strobe.lit


def test_it_goes_out_though_nobody_ends_it(lamp: Lamp, strobe: ReplayStrobe, now: Hand) -> None:
    lamp.flash()
    lamp.run_once(0)
    now.ms += LONGEST_MS - 1
    lamp.run_once(0)
    assert strobe.lit
    now.ms += 1
    lamp.run_once(0)
    assert not strobe.lit


def test_whoever_asks_all_the_time_gets_two_fifths(lamp: Lamp, strobe: ReplayStrobe, now: Hand) -> None:
    lit = 0
    for _ in range(10 * EVERY_MS):
        lamp.flash()
        lamp.run_once(0)
        lit += strobe.lit
        now.ms += 1
    assert lit == 10 * LONGEST_MS


def test_the_switches_are_dated_and_few(lamp: Lamp, now: Hand) -> None:
    for _ in range(20):
        assert lamp.flash()
        lamp.run_once(0)
        assert (lamp.switches[-1].lit, lamp.switches[-1].begun_ns) == (True, now())
        assert lamp.switches[-1].done_ns == now()
        now.ms += 100
        lamp.end()
        lamp.run_once(0)
        now.ms += EVERY_MS
    assert [one.lit for one in lamp.switches] == [True, False] * 4
    assert lamp.switches[-1].begun_ns - lamp.switches[-2].begun_ns == 100_000_000


def test_a_closed_lamp_is_never_lit_again(lamp: Lamp, strobe: ReplayStrobe) -> None:
    lamp.flash()
    lamp.run_once(0)
    lamp.close()
    assert not strobe.lit
    assert not lamp.flash()
    lamp.run_once(0)
    lamp.close()
    assert not strobe.lit


class Broken(ReplayStrobe):
    """A pin that fails as it is switched, and is let go all the same."""

    def light(self, lit: bool) -> None:
        super().light(lit)
        raise SignalsError("a pin failed; check the wiring")


def run(lamp: Lamp, stop: Stop) -> Worker:
    def body() -> bool:
        lamp.run_once(0.5)
        return True

    worker = Worker("strobe", body, stop, stale_after_s=60.0, closing=lamp.close)
    worker.start()
    return worker


def test_an_error_ends_its_loop_and_leaves_it_dark() -> None:
    strobe, stop = Broken(), Stop()
    lamp = Lamp(strobe, time.monotonic_ns)
    worker = run(lamp, stop)
    lamp.flash()
    assert worker.join(60)
    assert isinstance(worker.error, SignalsError)
    assert stop.is_set()
    assert not strobe.lit


def test_on_its_thread_it_goes_out_by_itself_while_whoever_lit_it_hangs() -> None:
    factory, stop = MockFactory(), Stop()
    lamp = Lamp(GpioStrobe(23, factory), time.monotonic_ns)
    pin = factory.pin(23)
    worker = run(lamp, stop)
    pin.clear_states()
    lamp.flash()
    deadline = time.monotonic() + 60
    while len(pin.states) < 3:
        assert time.monotonic() < deadline, "it stays lit"
        time.sleep(0.005)
    assert [one.state for one in pin.states] == [False, True, False]
    assert not worker.stale()
    stop.set("the test is over")
    assert worker.join(60)


def test_a_stop_in_the_middle_of_a_flash_leaves_the_pin_low() -> None:
    factory, stop = MockFactory(), Stop()
    lamp = Lamp(GpioStrobe(23, factory), time.monotonic_ns)
    pin = factory.pin(23)
    worker = run(lamp, stop)
    lamp.flash()
    deadline = time.monotonic() + 60
    while not pin.state:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    stop.set("the test is over")
    assert worker.join(60)
    assert pin.state is False
