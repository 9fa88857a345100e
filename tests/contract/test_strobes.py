"""One suite over every Strobe adapter: a simulated one, gpiozero's mock pins, its lgpio pins on a fake chip."""

import sys
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from gpiozero import LED
from gpiozero.pins.mock import MockFactory

from edge.adapters.raspberry_pi.gpio import open_lgpio
from edge.adapters.raspberry_pi.strobe import GpioStrobe
from edge.adapters.replay.camera import ReplayCamera
from edge.adapters.replay.strobe import ReplayStrobe
from edge.config_schema import CameraConfig, Recognition
from edge.errors import SignalsError
from edge.ports import Strobe
from edge.terminal.adapters import strobe as chosen_strobe
from tests.support.contracts import contract, holds
from tests.support.gpio_chip import FakeChip, dev_with

PIN = 23


@dataclass
class Rig:
    """An adapter and a look at its lamp, past the adapter."""

    strobe: Any
    look: Any
    extra: Any = None


@pytest.fixture
def simulated():
    strobe = ReplayStrobe(lambda pixels: pixels + 1)
    dark = np.zeros((2, 2, 3), np.uint8)
    return Rig(strobe, lambda: bool(strobe.falls_on(dark).any()))


@pytest.fixture
def mock_gpio():
    factory = MockFactory()
    strobe = GpioStrobe(PIN, factory)
    return Rig(strobe, lambda: bool(factory.pin(PIN).state), factory)


@pytest.fixture
def lgpio_gpio(monkeypatch, tmp_path):
    chip = FakeChip({0: "pinctrl-rp1"})
    monkeypatch.setitem(sys.modules, "lgpio", chip)
    monkeypatch.delitem(sys.modules, "gpiozero.pins.lgpio", raising=False)
    monkeypatch.setenv("LG_WD", "")
    monkeypatch.setattr("gpiozero.pins.local.get_pi_revision", lambda: 0xC04170)
    strobe = GpioStrobe(PIN, open_lgpio(tmp_path, dev_with(tmp_path, chip.labels)))
    yield Rig(strobe, lambda: bool(chip.levels[PIN]), chip)
    sys.modules.pop("gpiozero.pins.lgpio", None)


@pytest.fixture(
    params=[
        pytest.param("simulated", marks=contract(Strobe, ReplayStrobe, "pictures")),
        pytest.param("mock_gpio", marks=contract(Strobe, GpioStrobe, "gpiozero's mock pins")),
        pytest.param("lgpio_gpio", marks=contract(Strobe, GpioStrobe, "a fake chip under lgpio's calls")),
    ]
)
def rig(request):
    found = request.getfixturevalue(request.param)
    holds(request, found.strobe)
    yield found
    found.strobe.close()


def test_a_strobe_begins_dark(rig) -> None:
    assert not rig.look()


def test_a_strobe_is_lit_and_dark_as_told(rig) -> None:
    for lit in (True, True, False, False, True):
        rig.strobe.light(lit)
        assert rig.look() == lit


def test_closing_leaves_it_dark_and_may_be_repeated(rig) -> None:
    rig.strobe.light(True)
    rig.strobe.close()
    assert not rig.look()
    rig.strobe.close()


def test_a_closed_strobe_refuses_to_light(rig) -> None:
    rig.strobe.close()
    with pytest.raises(SignalsError, match="is closed: open a new one"):
        rig.strobe.light(True)
    assert not rig.look()


# --- the pins ---


def test_the_whole_history_of_the_pin(mock_gpio) -> None:
    pin = mock_gpio.extra.pin(PIN)
    pin.clear_states()
    mock_gpio.strobe.light(True)
    mock_gpio.strobe.close()
    assert [one.state for one in pin.states] == [False, True, False], "driven low, not only let go"


def test_a_pin_that_another_holds_is_refused_and_nothing_stays_reserved() -> None:
    factory = MockFactory()
    other = LED(PIN, pin_factory=factory)
    with pytest.raises(SignalsError, match="no other program holds it"):
        GpioStrobe(PIN, factory)
    other.close()
    GpioStrobe(PIN, factory).close()


def test_a_chip_that_fails_while_running_is_our_error(lgpio_gpio, monkeypatch) -> None:
    monkeypatch.setattr(lgpio_gpio.extra, "broken", True)
    with pytest.raises(SignalsError, match="cannot be driven any more"):
        lgpio_gpio.strobe.light(True)
    with pytest.raises(SignalsError, match="could not be switched off"):
        lgpio_gpio.strobe.close()
    assert lgpio_gpio.extra.opened == [], "released all the same"


# --- the replay camera, and which one a configuration takes ---


def test_the_replay_camera_shows_what_its_strobe_lights() -> None:
    photo = np.full((120, 160, 3), 90, np.uint8)
    strobe = ReplayStrobe(lambda pixels: pixels + 30)
    camera = ReplayCamera([photo], motion=False, strobe=strobe, fps=60)
    camera.open()
    means = []
    for lit in (False, True, False):
        strobe.light(lit)
        frame = camera.read(1.0)
        assert frame is not None
        means.append(float(frame.pixels.mean()))
    camera.close()
    assert means[1] - means[0] == pytest.approx(30, abs=1)
    assert means[2] == pytest.approx(means[0], abs=1)


def test_a_configuration_takes_none_a_simulated_one_or_a_pin(monkeypatch) -> None:
    def made(camera: CameraConfig, pin: int) -> object:
        return chosen_strobe(SimpleNamespace(camera=camera, recognition=Recognition(strobe=pin)))

    assert made(CameraConfig(), 0) is None
    assert isinstance(made(CameraConfig(kind="replay", replay="photos"), PIN), ReplayStrobe)
    monkeypatch.setattr("edge.adapters.raspberry_pi.gpio.open_lgpio", lambda directory: MockFactory())
    driven = made(CameraConfig(), PIN)
    assert isinstance(driven, GpioStrobe)
    driven.close()
