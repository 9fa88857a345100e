"""Signals on GPIO: three LEDs and a piezo buzzer, through gpiozero on lgpio.

Written against gpiozero 2.0.1 and lgpio 0.2.2. The pin factory is always constructed here and handed to every
device: left to itself gpiozero falls back from one library to the next without a word, down to one that drives
nothing.
"""

import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from edge.domain.attendance.cues import DARK, Cue, Lights
from edge.errors import SignalsError

HEADER_CHIPS = ("pinctrl-rp1", "pinctrl-bcm")
"""How the labels of the chips begin that drive the 40-pin header: the Pi 5, and all before it.

The label and not the number: kernels have renumbered the Pi 5's chip (4, then 0).
"""
_GPIO_RANGE = range(2, 28)
"""GPIO numbers on the 40-pin header; 0 and 1 are the HAT's identification bus."""


@dataclass(frozen=True, slots=True)
class GpioPins:
    """Which GPIO (Broadcom number, not the place on the header) drives what; docs/wiring.md draws it."""

    green: int = 17
    amber: int = 27
    red: int = 22
    buzzer: int = 18
    active_buzzer: bool = False
    """True for a buzzer that sounds its own pitch when given a voltage: it renders every tone as that pitch."""

    def problems(self) -> list[str]:
        """Everything wrong with the choice; each line begins with the key."""
        found = []
        owner: dict[int, str] = {}
        for field in fields(self):
            number = getattr(self, field.name)
            if isinstance(number, bool):
                continue
            if number not in _GPIO_RANGE:
                found.append(f"{field.name}: GPIO {number} is not on the header; choose one from 2 to 27")
            elif number in owner:
                found.append(f"{field.name}: GPIO {number} already drives {owner[number]}; choose another")
            owner.setdefault(number, field.name)
        return found


def open_lgpio(working_directory: Path, devices: Path = Path("/dev")) -> Any:
    """A gpiozero factory on the chip that drives the header.

    lgpio makes a fifo in $LG_WD on import, or else where the process stands, which our sandbox forbids: so
    `working_directory` must be writable (the unit's RuntimeDirectory).

    Raises:
        SignalsError: no library, no such chip, no permission; the message names the cure.
    """
    os.environ["LG_WD"] = str(working_directory)
    standing = Path.cwd()
    try:
        import lgpio  # noqa: PLC0415  # only a Pi has it
        from gpiozero.exc import BadPinFactory, PinUnknownPi  # noqa: PLC0415  # 90 ms that a console terminal saves
        from gpiozero.pins.lgpio import LGPIOFactory  # noqa: PLC0415  # imports lgpio
    except ImportError as error:
        raise SignalsError(
            f"the GPIO library cannot be loaded ({error}): apt install python3-lgpio, and make the virtual "
            'environment with --system-site-packages; or set signals to "console"'
        ) from error
    except OSError as error:
        raise SignalsError(
            f"the GPIO library cannot make its fifo in {working_directory} ({error}): make it writable; "
            "the unit's RuntimeDirectory= does"
        ) from error
    finally:
        os.chdir(standing)  # importing lgpio moves the whole process into $LG_WD
    number = _find_chip(lgpio, devices)
    try:
        return LGPIOFactory(chip=number)
    except (lgpio.error, OSError, BadPinFactory, PinUnknownPi) as error:
        raise SignalsError(
            f"/dev/gpiochip{number} cannot be used: {error}; is another program using it?"
        ) from error


def _find_chip(lgpio: Any, devices: Path) -> int:
    numbers = sorted(int(path.name.removeprefix("gpiochip")) for path in devices.glob("gpiochip[0-9]*"))
    labels, refused = [], []
    for number in numbers:
        try:
            handle = lgpio.gpiochip_open(number)
        except lgpio.error as error:
            refused.append(f"/dev/gpiochip{number}: {error}")
            continue
        try:
            _status, _lines, _name, label = lgpio.gpio_get_chip_info(handle)
        finally:
            lgpio.gpiochip_close(handle)
        if label.startswith(HEADER_CHIPS):
            return number
        labels.append(f"/dev/gpiochip{number}: {label}")
    if refused:
        raise SignalsError(
            f"no GPIO chip may be opened ({'; '.join(refused)}): add the user to the group gpio, and see "
            "DeviceAllow= of the unit"
        )
    raise SignalsError(
        f"no GPIO chip drives a Raspberry Pi header (found: {'; '.join(labels) or 'none'}): run on a Raspberry "
        'Pi, or set signals to "console"'
    )


class GpioSignals:
    """The Signals port on a gpiozero factory. It owns the factory and closes it."""

    def __init__(self, pins: GpioPins, factory: Any) -> None:
        """`factory` is `open_lgpio(...)`, or a `MockFactory` whose pins can do PWM.

        Raises:
            SignalsError: a pin is wrong, twice used or busy.
        """
        import gpiozero  # noqa: PLC0415  # 90 ms that a console terminal saves

        self._error: tuple[type[Exception], ...] = (gpiozero.GPIOZeroError, OSError)
        if (lgpio := sys.modules.get("lgpio")) is not None:  # its errors pass through gpiozero, and are no OSError
            self._error += (lgpio.error,)
        self._lights = DARK
        self._stack = ExitStack()
        self._stack.callback(factory.close)
        try:
            if problems := pins.problems():
                raise SignalsError("the pins cannot be used:\n" + "\n".join(f"  {line}" for line in problems))
            self._lamps = {
                name: self._stack.enter_context(gpiozero.LED(getattr(pins, name), pin_factory=factory))
                for name in ("green", "amber", "red")
            }
            buzzer_type = gpiozero.Buzzer if pins.active_buzzer else gpiozero.PWMOutputDevice
            self._buzzer = self._stack.enter_context(buzzer_type(pins.buzzer, pin_factory=factory))
        except self._error as error:
            self._stack.close()
            if isinstance(error, SignalsError):
                raise
            raise SignalsError(
                f"a GPIO pin cannot be driven: {error}; see that no other program holds it (gpioinfo) and that the "
                "pins in the configuration are those of docs/wiring.md"
            ) from error
        self._tonal = not pins.active_buzzer
        self._closed = False

    def announce(self, cue: Cue) -> None:
        """Nothing to draw."""

    def apply(self, lights: Lights) -> None:
        """Set every output that changes. Raises SignalsError."""
        if self._closed:
            raise SignalsError("the GPIO signals are closed: open new ones")
        try:
            for name, lamp in self._lamps.items():
                lamp.value = getattr(lights, name)
            if lights.tone_hz != self._lights.tone_hz:
                self._sound(lights.tone_hz)
        except self._error as error:
            raise SignalsError(
                f"a GPIO pin cannot be driven any more: {error}; check the wiring, restart"
            ) from error
        self._lights = lights

    def close(self) -> None:
        """All outputs off, the pins back to inputs, the chip released; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        try:
            with self._stack:
                # A device's own close turns the pin into an input without first driving it low.
                for lamp in self._lamps.values():
                    lamp.off()
                self._sound(0)
        except self._error as error:
            raise SignalsError(f"a GPIO pin could not be switched off: {error}; check the wiring") from error

    def _sound(self, tone_hz: int) -> None:
        if not self._tonal:
            self._buzzer.value = bool(tone_hz)
        elif tone_hz:
            self._buzzer.frequency = tone_hz
            self._buzzer.value = 0.5  # a square wave
        else:
            self._buzzer.value = 0
