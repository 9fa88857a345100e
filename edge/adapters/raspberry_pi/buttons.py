"""Buttons, tamper switch and motion sensor on GPIO, through gpiozero on lgpio.

gpiozero calls back on threads of its own; the changes wait in a queue for the thread that reads. Debouncing is the
kernel's: a level must stand for the given time before it is told.
"""

import queue
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from edge.adapters.raspberry_pi.gpio import pin_errors, with_reentrant_lock
from edge.domain.attendance.presses import Contact, ContactChange
from edge.errors import ButtonsError

WAITING = 256
"""Most changes that wait; the levels that were lost are told again."""


@dataclass(frozen=True, slots=True)
class ButtonPins:
    """The GPIO of each contact (Broadcom number); a contact that is not wired is not named."""

    pins: dict[Contact, int]
    pull: str = "up"
    """`up`: buttons and tamper switch connect their pin to GND. `down`: to 3.3 V."""
    debounce_s: float = 0.03


class GpioButtons:
    """The Buttons port on a gpiozero factory, which it makes when it is opened and closes."""

    def __init__(self, pins: ButtonPins, make_factory: Callable[[], Any]) -> None:
        """`make_factory` gives `open_lgpio(...)`, or a `MockFactory`. It may raise SignalsError."""
        self._pins, self._make_factory = pins, make_factory
        self._stack: ExitStack | None = None
        self._devices: dict[Contact, Any] = {}
        self._told: dict[Contact, bool] = {}
        self._changes: queue.Queue[ContactChange] = queue.Queue(WAITING)
        self._lost = False
        """Whether a change found no room."""

    def open(self) -> None:
        """Take the pins. The level of each contact is told first.

        Raises:
            ButtonsError: a pin is busy, or not there.
            SignalsError: there is no GPIO library, or no chip.
        """
        if self._stack is not None:
            return
        stack = ExitStack()
        factory = with_reentrant_lock(self._make_factory())
        stack.callback(factory.close)
        errors = pin_errors()
        try:
            for contact, pin in self._pins.pins.items():
                self._devices[contact] = stack.enter_context(self._device(contact, pin, factory))
        except errors as error:
            stack.close()
            self._devices = {}
            raise ButtonsError(
                f"a button's GPIO pin cannot be read: {error}; see that no other program holds it (gpioinfo) and "
                "that the pins under [buttons] are those of docs/wiring.md"
            ) from error
        self._stack = stack

    def read(self, timeout_s: float) -> ContactChange | None:
        """The next change; None when none came in time. Raises ButtonsError."""
        if self._stack is None:
            raise ButtonsError("the buttons are not open; open them first")
        try:
            change = self._changes.get(timeout=timeout_s)
        except queue.Empty:
            return self._missed()
        self._told[change.contact] = change.active
        return change

    @property
    def away(self) -> bool:
        """Whether the pins are not held."""
        return self._stack is None

    def close(self) -> None:
        """Give the pins back; safe to call twice, and without open. Raises ButtonsError."""
        stack, self._stack, self._devices = self._stack, None, {}
        self._told, self._changes, self._lost = {}, queue.Queue(WAITING), False
        if stack is None:
            return
        try:
            stack.close()
        except pin_errors() as error:
            raise ButtonsError(f"a button's pin could not be given back: {error}; check the wiring") from error

    def _device(self, contact: Contact, pin: int, factory: Any) -> Any:
        import gpiozero  # noqa: PLC0415  # 90 ms that a terminal without buttons saves

        # A motion sensor drives its pin high by itself. The pull keeps the pin quiet while no sensor is plugged in.
        up = self._pins.pull == "up" and contact is not Contact.MOTION
        device = gpiozero.DigitalInputDevice(
            pin, pull_up=up, bounce_time=self._pins.debounce_s or None, pin_factory=factory
        )
        at_rest = contact is Contact.TAMPER  # closed while the box is: a cut cable tells the same as an opened box
        device.when_activated = lambda: self._put(ContactChange(contact, not at_rest))
        device.when_deactivated = lambda: self._put(ContactChange(contact, at_rest))
        self._put(ContactChange(contact, _active(contact, device), first=True))
        return device

    def _put(self, change: ContactChange) -> None:
        try:
            self._changes.put_nowait(change)
        except queue.Full:
            self._lost = True

    def _missed(self) -> ContactChange | None:
        """After changes were lost: a contact whose level is not the one that was told last."""
        if not self._lost:
            return None
        for contact, device in self._devices.items():
            active = _active(contact, device)
            if active is not self._told.get(contact, False):
                self._told[contact] = active
                return ContactChange(contact, active)
        self._lost = False
        return None


def _active(contact: Contact, device: Any) -> bool:
    return bool(device.value) is not (contact is Contact.TAMPER)
