"""Parts that fail while the terminal runs: nothing raises, each is opened again, and it is then as it should be."""

import errno

import pytest

from edge.adapters import reopening_devices
from edge.adapters.reopening_devices import CaredButtons, CaredReader, CaredSignals, CaredStrobe
from edge.domain.attendance.cues import CUES, DARK, CueName, Lights
from edge.domain.people.credentials import Read, Token
from edge.errors import ButtonsError, ReaderError, SignalsError
from edge.ports import Buttons, Reader, Signals, Strobe
from tests.support.contracts import contract

FAILING = "hardware that fails when it is told to"

GREEN = Lights(green=True)
CAUSES = [
    SignalsError("a pin is busy; free it"),
    ReaderError("it is gone; plug it in"),
    OSError(errno.EIO, "Input/output error"),
    PermissionError(errno.EACCES, "Permission denied"),
]


class Hardware:
    """A Signals, a Strobe and a Reader, which fails as long as it is `broken`."""

    def __init__(self, bench: "Bench") -> None:
        self.bench, self.closed = bench, 0
        self.away = False
        self.lights: Lights | bool = DARK

    def work(self) -> None:
        if self.bench.broken is not None:
            raise self.bench.broken

    def open(self) -> None:
        self.work()

    def announce(self, cue: object) -> None:
        self.work()

    def apply(self, lights: Lights) -> None:
        self.work()
        self.lights = lights

    light = apply

    def read(self, timeout_s: float) -> Read | None:
        self.work()
        return Read(Token.BADGE, "4711")

    def close(self) -> None:
        self.closed += 1
        self.work()


class Bench:
    def __init__(self) -> None:
        self.now, self.broken, self.made = 0.0, None, []

    def make(self) -> Hardware:
        self.made.append(Hardware(self))
        self.made[-1].work()
        return self.made[-1]

    def later(self) -> None:
        self.now += reopening_devices.RETRY_S + 1

    def clock(self) -> float:
        return self.now


@pytest.fixture
def bench() -> Bench:
    return Bench()


@contract(Signals, CaredSignals, FAILING)
@pytest.mark.parametrize("cause", CAUSES)
def test_lights_that_fail_are_opened_again_and_lit_as_they_should_be(bench, cause, caplog):
    signals = CaredSignals(bench.make, bench.clock)
    bench.broken = cause
    signals.announce(CUES[CueName.STARTING])
    signals.apply(GREEN)
    assert signals.failing
    for _ in range(5):
        signals.look()
        signals.apply(GREEN)
    assert len(bench.made) == 1, "not tried before its time"
    bench.later()
    signals.look()
    assert len(bench.made) == 2, "and in vain"
    bench.broken = None
    bench.later()
    signals.look()
    assert bench.made[-1].lights == GREEN
    assert not signals.failing
    assert caplog.text.count(str(cause)) == 1
    signals.close()
    signals.close()
    signals.apply(DARK)
    assert bench.made[-1].closed == 1
    assert bench.made[-1].lights == GREEN, "closed for good"


@contract(Signals, CaredSignals, FAILING)
@pytest.mark.parametrize("cause", CAUSES)
def test_lights_that_are_missing_at_the_start_come_later(bench, cause):
    bench.broken = cause
    signals = CaredSignals(bench.make, bench.clock)
    assert signals.failing
    bench.broken = None
    bench.later()
    signals.apply(GREEN)
    assert bench.made[-1].lights == GREEN
    assert not signals.failing


@contract(Strobe, CaredStrobe, FAILING)
@pytest.mark.parametrize("cause", CAUSES)
def test_a_lamp_that_fails_stays_dark_and_raises_nothing(bench, cause):
    strobe = CaredStrobe(bench.make, bench.clock)
    bench.broken = cause
    strobe.light(True)
    strobe.light(False)
    assert strobe.failing
    bench.broken = None
    bench.later()
    strobe.light(True)
    assert bench.made[-1].lights is True
    assert not strobe.failing
    strobe.close()


@pytest.mark.parametrize(
    "cared",
    [
        pytest.param(CaredReader, marks=contract(Reader, CaredReader, FAILING)),
        pytest.param(CaredButtons, marks=contract(Buttons, CaredButtons, FAILING)),
    ],
)
@pytest.mark.parametrize("cause", [*CAUSES, ButtonsError("a pin is busy; free it")])
def test_a_reader_or_buttons_that_fail_are_opened_again(bench, cared, cause):
    bench.broken = cause
    reader = cared(bench.make, bench.clock)
    reader.open()
    assert reader.failing
    assert reader.read(0) is None
    bench.broken = None
    bench.later()
    assert reader.read(0) == Read(Token.BADGE, "4711")
    assert not reader.failing
    bench.broken = cause
    assert reader.read(0) is None
    assert reader.failing
    bench.broken = None
    bench.later()
    assert reader.read(0) == Read(Token.BADGE, "4711")
    bench.made[-1].away = True
    assert reader.read(0) == Read(Token.BADGE, "4711")
    assert reader.failing, "one of its devices is away"
    reader.close()
