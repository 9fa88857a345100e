"""Signals on GPIO: three LEDs and a piezo buzzer, through gpiozero on lgpio."""

from contextlib import ExitStack
from dataclasses import dataclass, fields
from typing import Any

from edge.adapters.raspberry_pi.gpio import pin_errors, with_reentrant_lock
from edge.domain.attendance.cues import DARK, Cue, Lights
from edge.errors import SignalsError

_GPIO_RANGE = range(2, 28)
"""GPIO numbers on the 40-pin header; 0 and 1 are the HAT's identification bus."""


@dataclass(frozen=True, slots=True)
class GpioPins:
    """The GPIO of each output (Broadcom number, not the place on the header); docs/wiring.md draws it."""

    green: int = 17
    amber: int = 27
    red: int = 22
    buzzer: int = 18
    active_buzzer: bool = False
    """True for a buzzer that sounds at its own pitch when it gets a voltage: it plays every tone at that pitch."""

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


class GpioSignals:
    """The Signals port on a gpiozero factory. It owns the factory and closes it."""

    def __init__(self, pins: GpioPins, factory: Any) -> None:
        """`factory` is `open_lgpio(...)`, or a `MockFactory` whose pins can do PWM.

        Raises:
            SignalsError: a pin is wrong, twice used or busy.
        """
        import gpiozero  # noqa: PLC0415  # 90 ms that a console terminal saves

        with_reentrant_lock(factory)
        self._error = pin_errors()
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
        """Does nothing: there is nothing to draw."""

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
