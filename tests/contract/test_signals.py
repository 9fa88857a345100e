"""One suite over every Signals adapter: console, browser, gpiozero's mock pins, its lgpio pins on a fake chip."""

import io
import os
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from edge.adapters.browser.signals import BrowserSignals
from edge.adapters.raspberry_pi.gpio import open_lgpio
from edge.adapters.raspberry_pi.signals import GpioPins, GpioSignals
from edge.adapters.raspberry_pi.strobe import GpioStrobe
from edge.adapters.replay.console_signals import ConsoleSignals, draw_lamps, draw_notes, draw_rhythm, wants_colour
from edge.domain.attendance.cues import CUES, DARK, HIGH_HZ, MID_HZ, CueName, Lights
from edge.errors import SignalsError
from edge.ports import Signals
from tests.support.contracts import contract, holds
from tests.support.gpio_chip import FakeChip, dev_with

PINS = GpioPins()
ALL_ON = Lights(green=True, amber=True, red=True, tone_hz=MID_HZ)


@dataclass
class Rig:
    """An adapter and a look at its outputs, past the adapter."""

    signals: Any
    look: Any
    extra: dict = field(default_factory=dict)


def _look_at_mock(pins):
    def look():
        tone = int(pins["buzzer"].frequency or 0) if pins["buzzer"].state else 0
        return Lights(*(bool(pins[name].state) for name in ("green", "amber", "red")), tone)

    return look


@pytest.fixture
def console():
    signals = ConsoleSignals(io.StringIO(), stamp=lambda: "12:00:00.000")
    return Rig(signals, lambda: signals.lights)


@pytest.fixture
def mock_gpio():
    from gpiozero.pins.mock import MockFactory, MockPWMPin

    factory = MockFactory(pin_class=MockPWMPin)
    signals = GpioSignals(PINS, factory)
    pins = {name: factory.pin(getattr(PINS, name)) for name in ("green", "amber", "red", "buzzer")}
    return Rig(signals, _look_at_mock(pins), {"pins": pins, "factory": factory})


@pytest.fixture
def chip(monkeypatch):
    """Put a fake lgpio where gpiozero imports it from, and a Pi where it looks for its revision."""
    fake = FakeChip({})
    monkeypatch.setitem(sys.modules, "lgpio", fake)
    monkeypatch.delitem(sys.modules, "gpiozero.pins.lgpio", raising=False)
    monkeypatch.setenv("LG_WD", "")
    monkeypatch.setattr("gpiozero.pins.local.get_pi_revision", lambda: 0xC04170)  # a Pi 5
    yield fake
    sys.modules.pop("gpiozero.pins.lgpio", None)


@pytest.fixture
def lgpio_gpio(chip, tmp_path):
    chip.labels = {0: "brcmvirt-gpio", 4: "pinctrl-rp1"}
    signals = GpioSignals(PINS, open_lgpio(tmp_path, dev_with(tmp_path, chip.labels)))

    def look():
        frequency, duty = chip.pwm.get(PINS.buzzer, (0, 0))
        on = (bool(chip.levels[getattr(PINS, name)]) for name in ("green", "amber", "red"))
        return Lights(*on, int(frequency) if duty else 0)

    return Rig(signals, look, {"chip": chip})


@pytest.fixture
def browser():
    told = [("lights", {"green": False, "amber": False, "red": False, "tone_hz": 0})]
    signals = BrowserSignals(lambda topic, message: told.append((topic, message)))

    def look():
        return Lights(**next(message for topic, message in reversed(told) if topic == "lights"))

    return Rig(signals, look, {"told": told})


@pytest.fixture(
    params=[
        pytest.param("console", marks=contract(Signals, ConsoleSignals, "a stream of text")),
        pytest.param("browser", marks=contract(Signals, BrowserSignals, "the page's own calls")),
        pytest.param("mock_gpio", marks=contract(Signals, GpioSignals, "gpiozero's mock pins")),
        pytest.param("lgpio_gpio", marks=contract(Signals, GpioSignals, "a fake chip under lgpio's calls")),
    ]
)
def rig(request):
    found = request.getfixturevalue(request.param)
    holds(request, found.signals)
    yield found
    found.signals.close()


def test_signals_begin_dark(rig):
    assert rig.look() == DARK


@pytest.mark.parametrize("name", CUES)
def test_every_step_of_every_cue_is_shown_and_none_leaves_a_light_on(rig, name):
    rig.signals.announce(CUES[name])
    for step in CUES[name].steps:
        rig.signals.apply(step.lights)
        assert rig.look() == step.lights
    rig.signals.apply(DARK)
    assert rig.look() == DARK


def test_a_tone_changes_without_a_pause(rig):
    rig.signals.apply(Lights(green=True, tone_hz=MID_HZ))
    rig.signals.apply(Lights(green=True, tone_hz=HIGH_HZ))
    assert rig.look() == Lights(green=True, tone_hz=HIGH_HZ)


def test_the_same_lights_again_are_no_event(rig):
    rig.signals.apply(ALL_ON)
    rig.signals.apply(ALL_ON)
    assert rig.look() == ALL_ON


def test_closing_leaves_all_dark_and_may_be_repeated(rig):
    rig.signals.apply(ALL_ON)
    rig.signals.close()
    assert rig.look() == DARK
    rig.signals.close()
    assert rig.look() == DARK


def test_closed_signals_refuse_to_light(rig):
    rig.signals.close()
    with pytest.raises(SignalsError, match="closed: open new ones"):
        rig.signals.apply(ALL_ON)


# --- the browser ---


def test_a_page_is_told_the_words_and_the_rhythm_of_a_cue(browser):
    browser.signals.announce(CUES[CueName.IN])
    topic, message = browser.extra["told"][-1]
    assert topic == "cue"
    assert (message["name"], message["text"], message["repeat"]) == ("in", "IN", False)
    assert message["steps"][1] == {"ms": 250, "green": True, "amber": False, "red": False, "tone_hz": HIGH_HZ}


def test_a_page_is_told_once_that_the_lights_are_closed(browser):
    browser.signals.close()
    before = len(browser.extra["told"])
    browser.signals.close()
    assert len(browser.extra["told"]) == before
    with pytest.raises(SignalsError, match="open new ones"):
        browser.signals.announce(CUES[CueName.IN])


# --- the mock pins: whole histories ---


def test_the_whole_history_of_each_pin(mock_gpio):
    for pin in mock_gpio.extra["pins"].values():
        pin.clear_states()
    for step in CUES[CueName.ALREADY_IN].steps:
        mock_gpio.signals.apply(step.lights)
    mock_gpio.signals.close()
    states = {name: [s.state for s in pin.states] for name, pin in mock_gpio.extra["pins"].items()}
    assert states == {
        "green": [0, 1, 0, 1, 0, 1, 0],
        "amber": [0],
        "red": [0],
        "buzzer": [0, 0.5, 0, 0.5, 0, 0.5, 0],
    }


def test_an_active_buzzer_is_switched_and_not_modulated():
    from gpiozero.pins.mock import MockFactory

    factory = MockFactory()  # pins that cannot do PWM at all
    signals = GpioSignals(GpioPins(active_buzzer=True), factory)
    pin = factory.pin(PINS.buzzer)
    signals.apply(Lights(tone_hz=MID_HZ))
    assert pin.state is True
    signals.apply(DARK)
    assert pin.state is False
    signals.apply(ALL_ON)
    lamp = factory.pin(PINS.green)
    signals.close()
    assert [s.state for s in pin.states] == [False, True, False, True, False]
    assert [s.state for s in lamp.states] == [False, True, False], "driven low, not only let go"


@pytest.mark.parametrize(
    ("pins", "lines"),
    [
        (GpioPins(green=0), ["green: GPIO 0 is not on the header"]),
        (GpioPins(red=28, amber=-1), ["amber: GPIO -1", "red: GPIO 28"]),
        (GpioPins(green=17, amber=17, red=17), ["amber: GPIO 17 already drives green", "red: GPIO 17"]),
    ],
)
def test_all_wrong_pins_are_named_at_once(pins, lines):
    from gpiozero.pins.mock import MockFactory, MockPWMPin

    with pytest.raises(SignalsError) as caught:
        GpioSignals(pins, MockFactory(pin_class=MockPWMPin))
    for line in lines:
        assert line in str(caught.value)


def test_a_pin_that_another_holds_is_refused_and_nothing_stays_reserved():
    from gpiozero import LED
    from gpiozero.pins.mock import MockFactory, MockPWMPin

    factory = MockFactory(pin_class=MockPWMPin)
    other = LED(PINS.red, pin_factory=factory)
    with pytest.raises(SignalsError, match="no other program holds it"):
        GpioSignals(PINS, factory)
    other.close()
    GpioSignals(PINS, factory).close()


def test_a_device_that_failed_to_close_may_be_collected_while_pins_are_reserved(monkeypatch):
    """As it happens when lights are opened again: Python collects whenever it likes, and the device then gives its
    pin back under the lock that the new devices hold.
    """
    from gpiozero.pins.mock import MockFactory, MockPWMPin

    factory = MockFactory(pin_class=MockPWMPin)
    lost = [GpioSignals(PINS, factory)]
    find, collected = factory.board_info.find_pin, []

    def collecting(name):
        while lost:
            collected.append(lost.pop()._buzzer.__del__())
        return find(name)

    monkeypatch.setattr(type(factory.board_info), "find_pin", lambda _board, name: collecting(name))
    opened = threading.Thread(target=lambda: GpioStrobe(23, factory).close(), daemon=True)
    opened.start()
    opened.join(60)
    assert collected == [None]
    assert not opened.is_alive()


# --- lgpio: finding the chip ---


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({0: "pinctrl-rp1", 10: "gpio-brcmstb@107d508500"}, 0),
        ({0: "gpio-brcmstb", 4: "pinctrl-rp1", 10: "x"}, 4),
        ({0: "pinctrl-bcm2711", 1: "raspberrypi-exp-gpio"}, 0),
        ({0: "raspberrypi-exp-gpio", 1: "pinctrl-bcm2835"}, 1),
        ({0: None, 2: "pinctrl-rp1"}, 2),
        ({2: "x", 10: "pinctrl-rp1"}, 10),
    ],
)
def test_the_chip_is_found_by_its_label(chip, tmp_path, labels, expected):
    chip.labels = labels
    factory = open_lgpio(tmp_path, dev_with(tmp_path, labels))
    assert factory.chip == expected
    assert chip.opened == [expected], "no other chip stays open"
    factory.close()
    assert chip.opened == []


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({}, r"found: none\): run on a Raspberry Pi"),
        ({0: "pl061"}, "/dev/gpiochip0: pl061"),
        ({0: None, 1: "pl061"}, "add the user to the group gpio"),
    ],
)
def test_no_chip_says_what_was_found_and_what_to_do(chip, tmp_path, labels, message):
    chip.labels = labels
    with pytest.raises(SignalsError, match=message):
        open_lgpio(tmp_path, dev_with(tmp_path, labels))


def test_without_lgpio_the_cure_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "lgpio", None)
    monkeypatch.setenv("LG_WD", "")
    with pytest.raises(SignalsError, match="apt install python3-lgpio"):
        open_lgpio(tmp_path)


class WanderingFinder:
    """Imports lgpio as the real one does: it moves the process into $LG_WD and opens a fifo there."""

    def __init__(self, fake):
        self.fake = fake

    def find_spec(self, name, path, target=None):
        from importlib.machinery import ModuleSpec

        return ModuleSpec(name, self) if name == "lgpio" else None

    def create_module(self, spec):
        os.chdir(os.environ["LG_WD"])
        return self.fake

    def exec_module(self, module):
        pass


def test_the_process_stays_where_it_stood(chip, tmp_path, monkeypatch):
    chip.labels = {0: "pinctrl-rp1"}
    devices = dev_with(tmp_path, chip.labels)
    monkeypatch.delitem(sys.modules, "lgpio")
    monkeypatch.setattr(sys, "meta_path", [WanderingFinder(chip), *sys.meta_path])
    standing = Path.cwd()
    (tmp_path / "fifo").mkdir()
    open_lgpio(tmp_path / "fifo", devices).close()
    assert Path.cwd() == standing
    assert os.environ["LG_WD"] == str(tmp_path / "fifo")


def test_a_directory_that_lgpio_cannot_write_is_named(chip, tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "lgpio")
    monkeypatch.setattr(sys, "meta_path", [WanderingFinder(chip), *sys.meta_path])
    with pytest.raises(SignalsError, match=r"absent.*make it writable"):
        open_lgpio(tmp_path / "absent", dev_with(tmp_path, []))


def test_a_chip_that_fails_while_running_is_our_error(lgpio_gpio, monkeypatch):
    monkeypatch.setattr(lgpio_gpio.extra["chip"], "broken", True)
    with pytest.raises(SignalsError, match="cannot be driven any more"):
        lgpio_gpio.signals.apply(ALL_ON)
    with pytest.raises(SignalsError, match="could not be switched off"):
        lgpio_gpio.signals.close()
    assert lgpio_gpio.extra["chip"].opened == [], "released all the same"


# --- the console's drawing ---


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "expected"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_colour_is_asked_of_the_terminal_and_of_the_person(monkeypatch, stream, environment, expected):
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert wants_colour(stream) is expected


def test_a_line_in_black_and_white(console):
    console.signals.announce(CUES[CueName.IN])
    console.signals.announce(CUES[CueName.ALREADY_OUT])
    console.signals.announce(CUES[CueName.LOOKING])
    assert console.signals._stream.getvalue() == (
        "12:00:00.000  G · ·  ▮▮▮▮▮▮▮▮▮▮▮        ♪ 880 1760  IN\n"
        "12:00:00.000  G · ·  ▮·▮·▮·             ♪ 1760 ×3   ALREADY OUT\n"
        "12:00:00.000  · A ·  ▮·…                            looking\n"
    )


def test_colours():
    assert draw_lamps(CUES[CueName.COOLDOWN], colour=True) == "\x1b[2m□\x1b[0m \x1b[33m■\x1b[0m \x1b[31m■\x1b[0m"


def test_no_two_cues_are_drawn_alike_even_without_their_words():
    drawn = {(draw_lamps(c, colour=False), draw_rhythm(c), draw_notes(c)) for c in CUES.values()}
    assert len(drawn) == len(CUES)


def test_hidden_cues_are_not_drawn():
    stream = io.StringIO()
    signals = ConsoleSignals(stream, hidden={CueName.IDLE})
    signals.announce(CUES[CueName.IDLE])
    assert stream.getvalue() == ""
    signals.announce(CUES[CueName.REFUSED])
    assert "not recognised" in stream.getvalue()


def test_a_console_that_is_gone_or_too_narrow_in_letters_is_our_error():
    gone = io.StringIO()
    gone.close()
    ascii_only = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    for stream in (gone, ascii_only):
        with pytest.raises(SignalsError, match="cannot be written"):
            ConsoleSignals(stream, colour=False).announce(CUES[CueName.IN])
