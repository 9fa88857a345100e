"""One suite over every Buttons adapter: a script on a FIFO and on a file, the widgets of a browser, gpiozero's mock
pins, its lgpio pins on a fake chip.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from gpiozero import LED
from gpiozero.pins.mock import MockFactory, MockPin

from edge.adapters.browser.buttons import WAITING, BrowserButtons
from edge.adapters.raspberry_pi import buttons as gpio_buttons
from edge.adapters.raspberry_pi.buttons import ButtonPins, GpioButtons
from edge.adapters.raspberry_pi.gpio import open_lgpio
from edge.adapters.replay.buttons import ScriptButtons
from edge.config_schema import ButtonsConfig
from edge.domain.attendance.presses import Contact, ContactChange
from edge.errors import ButtonsError, SignalsError
from edge.ports import Buttons
from edge.terminal import adapters
from tests.support.contracts import contract, holds
from tests.support.gpio_chip import FakeChip, dev_with

PINS = {Contact.IN: 5, Contact.OUT: 6, Contact.BREAK: 13, Contact.TAMPER: 19, Contact.MOTION: 26}
AT_REST = [ContactChange(contact, False, first=True) for contact in Contact]


@dataclass
class Stand:
    """Buttons, and somebody in front of them: `do(contact, active)`."""

    buttons: Buttons
    do: Callable[[Contact, bool], None]
    first: list[ContactChange] = field(default_factory=list)
    """What is told when nothing is pressed, and the box is closed."""

    def open(self) -> None:
        self.buttons.open()
        assert [self.buttons.read(1) for _ in self.first] == self.first


def line(contact: Contact, active: bool) -> str:
    words = {
        (Contact.TAMPER, True): "opened",
        (Contact.TAMPER, False): "closed",
        (Contact.MOTION, True): "motion",
    }
    return words.get((contact, active), f"{'hold' if active else 'release'} {contact}") + "\n"


def on_a_pipe(path: Path, _: pytest.MonkeyPatch) -> Stand:
    os.mkfifo(path)
    writer = os.open(path, os.O_RDWR)
    return Stand(ScriptButtons(path), lambda *what: os.write(writer, line(*what).encode()) and None)


def on_a_file(path: Path, _: pytest.MonkeyPatch) -> Stand:
    path.touch()

    def write(contact: Contact, active: bool) -> None:
        with path.open("a") as file:
            file.write(line(contact, active))

    return Stand(ScriptButtons(path), write)


def level(contact: Contact, active: bool, pull: str) -> bool:
    """Whether a pin is high: a button connects it to GND under a pull-up, a closed box does as well."""
    if contact is Contact.MOTION:
        return active
    connected = active is not (contact is Contact.TAMPER)
    return connected is (pull == "down")


class WiredPin(MockPin):
    """A mock pin to which a switch or sensor is wired, which is stronger than the pull."""

    outside: bool | None = None

    def _set_pull(self, value: str) -> None:
        super()._set_pull(value)
        self.wire(self.outside)

    def wire(self, high: bool | None) -> None:
        self.outside = high
        if high is not None:
            (self.drive_high if high else self.drive_low)()


def on_mock_pins(pull: str) -> Callable[[Path, pytest.MonkeyPatch], Stand]:
    def making(_: Path, __: pytest.MonkeyPatch) -> Stand:
        factory = MockFactory(pin_class=WiredPin)

        def do(contact: Contact, active: bool) -> None:
            factory.pin(PINS[contact]).wire(level(contact, active, pull))

        buttons = GpioButtons(ButtonPins(PINS, pull, 0.0), lambda: factory)
        for contact in Contact:
            do(contact, False)
        return Stand(buttons, do, AT_REST)

    return making


def on_lgpio(path: Path, monkeypatch: pytest.MonkeyPatch) -> Stand:
    chip = FakeChip({0: "pinctrl-rp1"})
    monkeypatch.setitem(sys.modules, "lgpio", chip)
    monkeypatch.delitem(sys.modules, "gpiozero.pins.lgpio", raising=False)
    monkeypatch.setenv("LG_WD", "")
    monkeypatch.setattr("gpiozero.pins.local.get_pi_revision", lambda: 0xC04170)
    devices = dev_with(path.parent, chip.labels)
    for contact, pin in PINS.items():
        chip.outside[pin] = int(level(contact, False, "up"))
    buttons = GpioButtons(ButtonPins(PINS), lambda: open_lgpio(path.parent, devices))
    return Stand(
        buttons, lambda contact, active: chip.drive(PINS[contact], int(level(contact, active, "up"))), AT_REST
    )


def in_a_browser(_: Path, __: pytest.MonkeyPatch) -> Stand:
    buttons = BrowserButtons()
    return Stand(buttons, lambda contact, active: buttons.move(contact, active) and None, AT_REST)


@pytest.fixture(
    params=[
        pytest.param(on_a_pipe, id="fifo", marks=contract(Buttons, ScriptButtons, "a FIFO")),
        pytest.param(on_a_file, id="file", marks=contract(Buttons, ScriptButtons, "a file that grows")),
        pytest.param(in_a_browser, id="browser", marks=contract(Buttons, BrowserButtons, "the page's own calls")),
        pytest.param(
            on_mock_pins("up"),
            id="mock-up",
            marks=contract(Buttons, GpioButtons, "gpiozero's mock pins, pulled up"),
        ),
        pytest.param(
            on_mock_pins("down"),
            id="mock-down",
            marks=contract(Buttons, GpioButtons, "gpiozero's mock pins, pulled down"),
        ),
        pytest.param(on_lgpio, id="lgpio", marks=contract(Buttons, GpioButtons, "a fake chip under lgpio's calls")),
    ],
)
def stand(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    made: Stand = request.param(tmp_path / "script", monkeypatch)
    holds(request, made.buttons)
    yield made
    made.buttons.close()
    sys.modules.pop("gpiozero.pins.lgpio", None)


@pytest.mark.parametrize("contact", [Contact.IN, Contact.OUT, Contact.BREAK, Contact.TAMPER])
def test_each_contact_is_told_when_it_changes_and_when_it_changes_back(stand: Stand, contact: Contact) -> None:
    stand.open()
    for active in (True, False, True):
        stand.do(contact, active)
        assert stand.buttons.read(60) == ContactChange(contact, active)
    assert stand.buttons.read(0.05) is None


def test_a_motion_is_told(stand: Stand) -> None:
    stand.open()
    stand.do(Contact.MOTION, True)
    assert stand.buttons.read(60) == ContactChange(Contact.MOTION, True)


def test_several_come_in_their_order(stand: Stand) -> None:
    stand.open()
    wanted = [ContactChange(contact, active) for active in (True, False) for contact in list(Contact)[:4]]
    for change in wanted:
        stand.do(change.contact, change.active)
    assert [stand.buttons.read(60) for _ in wanted] == wanted


def test_without_a_change_they_wait_their_time_and_return_none(stand: Stand) -> None:
    stand.open()
    began = time.monotonic()
    assert stand.buttons.read(0.2) is None
    assert time.monotonic() - began > 0.15


def test_they_are_away_until_they_are_open_and_may_be_closed_twice(stand: Stand) -> None:
    assert stand.buttons.away
    stand.buttons.close()
    with pytest.raises(ButtonsError, match="open them first"):
        stand.buttons.read(0)
    stand.open()
    assert not stand.buttons.away
    stand.buttons.close()
    stand.buttons.close()
    assert stand.buttons.away


@pytest.mark.parametrize("button", ["in", "out", "break"])
def test_a_word_of_a_script_is_a_press_and_other_lines_are_skipped(tmp_path: Path, button: str) -> None:
    path = tmp_path / "lines"
    path.write_text("out\n")
    buttons = ScriptButtons(path)
    buttons.open()
    with path.open("ab") as file:
        file.write(b"\xff\xfe\nhold\nhold tea\npress in\nIN\n\n  " + button.encode() + b"  \n")
    assert [buttons.read(5), buttons.read(5)] == [
        ContactChange(Contact(button), True),
        ContactChange(Contact(button), False),
    ]
    assert buttons.read(0.05) is None
    buttons.close()


def test_a_script_that_is_not_there_names_the_cure(tmp_path: Path) -> None:
    with pytest.raises(ButtonsError, match="mkfifo"):
        ScriptButtons(tmp_path / "none").open()


def test_a_box_that_is_open_and_a_button_that_is_held_at_the_start_are_told() -> None:
    factory = MockFactory(pin_class=WiredPin)
    factory.pin(5).wire(False)
    factory.pin(19).wire(True)
    buttons = GpioButtons(ButtonPins({Contact.IN: 5, Contact.TAMPER: 19}), lambda: factory)
    buttons.open()
    assert [buttons.read(1), buttons.read(1)] == [
        ContactChange(Contact.IN, True, first=True),
        ContactChange(Contact.TAMPER, True, first=True),
    ]
    buttons.close()


def test_the_debouncing_is_handed_to_the_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand = on_lgpio(tmp_path / "script", monkeypatch)
    stand.open()
    chip = sys.modules["lgpio"]
    assert {pin: chip.debounced[pin] for pin in PINS.values()} == dict.fromkeys(PINS.values(), 30_000)
    assert chip.pulls[5] == chip.pulls[19] == chip.SET_PULL_UP
    assert chip.pulls[26] == chip.SET_PULL_DOWN, "a motion sensor drives its pin high"
    stand.buttons.close()
    sys.modules.pop("gpiozero.pins.lgpio", None)


def test_a_pin_that_another_holds_is_refused_and_nothing_stays_reserved() -> None:
    factory = MockFactory()
    other = LED(6, pin_factory=factory)
    buttons = GpioButtons(ButtonPins({Contact.IN: 5, Contact.OUT: 6}), lambda: factory)
    with pytest.raises(ButtonsError, match="no other program holds it"):
        buttons.open()
    assert buttons.away
    other.close()
    buttons.open()
    buttons.close()


def test_changes_that_found_no_room_are_made_good_by_the_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpio_buttons, "WAITING", 4)
    factory = MockFactory()
    buttons = GpioButtons(ButtonPins({Contact.IN: 5}, debounce_s=0.0), lambda: factory)
    buttons.open()
    pin = factory.pin(5)
    for _ in range(10):
        pin.drive_low()
        pin.drive_high()
    pin.drive_low()
    told = [buttons.read(0.01) for _ in range(6)]
    down, up = ContactChange(Contact.IN, True), ContactChange(Contact.IN, False)
    assert told == [replace(up, first=True), down, up, down, None, None]
    pin.drive_high()
    assert buttons.read(1) == up
    for _ in range(2):
        pin.drive_low()
        pin.drive_high()
    pin.drive_low()
    assert [buttons.read(0.01) for _ in range(6)] == [down, up, down, up, down, None]
    buttons.close()


def test_without_a_chip_the_cure_is_named_and_nothing_is_imported_without_buttons(tmp_path: Path, site) -> None:
    from edge import config

    loaded = config.load(site.config).config
    assert adapters.buttons(loaded) is None
    assert ButtonsConfig().kind == "none"
    with pytest.raises(SignalsError, match=r"lgpio|Raspberry Pi"):
        GpioButtons(ButtonPins(PINS), lambda: open_lgpio(tmp_path, tmp_path)).open()


# --- the browser ---


def test_what_a_page_presses_while_the_terminal_is_off_is_not_pressed_when_it_is_on() -> None:
    buttons = BrowserButtons()
    assert not buttons.move(Contact.TAMPER, True)
    assert not buttons.move(Contact.IN, True)
    buttons.open()
    first = [buttons.read(1) for _ in Contact]
    assert first == [ContactChange(one, one in {Contact.IN, Contact.TAMPER}, first=True) for one in Contact]
    assert buttons.move(Contact.IN, False)
    assert buttons.read(1) == ContactChange(Contact.IN, False)
    buttons.close()


def test_a_flood_of_a_page_is_bounded_and_no_button_stays_down() -> None:
    buttons = BrowserButtons()
    buttons.open()
    for _ in range(10 * WAITING):
        buttons.move(Contact.OUT, True)
        buttons.move(Contact.OUT, False)
    told = []
    while (change := buttons.read(0.01)) is not None:
        told.append(change)
    assert len(told) <= WAITING + 1
    assert told[-1] == ContactChange(Contact.OUT, False)
    buttons.close()


def test_unplugged_buttons_are_away_and_tell_their_state_when_they_are_back() -> None:
    buttons = BrowserButtons()
    buttons.open()
    for _ in Contact:
        buttons.read(1)
    buttons.unplugged = True
    assert buttons.away
    assert not buttons.move(Contact.TAMPER, True)
    assert buttons.read(0.01) is None
    buttons.unplugged = False
    assert buttons.read(1) == ContactChange(Contact.TAMPER, True)
    buttons.close()
