"""The infrared lamp on a GPIO, through gpiozero on lgpio: the pin switches a transistor, high is light."""

from contextlib import ExitStack
from typing import Any

from edge.adapters.raspberry_pi.gpio import pin_errors, with_reentrant_lock
from edge.errors import SignalsError


class GpioStrobe:
    """The Strobe port on a gpiozero factory. It owns the factory and closes it."""

    def __init__(self, pin: int, factory: Any) -> None:
        """`pin` is a Broadcom number; `factory` is `open_lgpio(...)`, one of its own, or a `MockFactory`.

        Raises:
            SignalsError: the pin is not there, or busy.
        """
        import gpiozero  # noqa: PLC0415  # 90 ms that a terminal without a lamp saves

        with_reentrant_lock(factory)
        self._error = pin_errors()
        self._closed = False
        self._stack = ExitStack()
        self._stack.callback(factory.close)
        try:
            device = gpiozero.DigitalOutputDevice(pin, initial_value=False, pin_factory=factory)
        except self._error as error:
            self._stack.close()
            raise SignalsError(
                f"the strobe's GPIO {pin} cannot be driven: {error}; see that no other program holds it (gpioinfo) "
                "and that recognition.strobe is the pin of docs/wiring.md"
            ) from error
        self._lamp = self._stack.enter_context(device)

    def light(self, lit: bool) -> None:
        """On or off, at once. Raises SignalsError."""
        if self._closed:
            raise SignalsError("the strobe is closed: open a new one")
        try:
            self._lamp.value = lit
        except self._error as error:
            raise SignalsError(
                f"the strobe cannot be driven any more: {error}; check the wiring, restart"
            ) from error

    def close(self) -> None:
        """Dark, the pin back to an input, the chip released; safe to call twice. Raises SignalsError."""
        if self._closed:
            return
        self._closed = True
        try:
            with self._stack:
                # A device's own close turns the pin into an input without first driving it low.
                self._lamp.off()
        except self._error as error:
            raise SignalsError(f"the strobe could not be switched off: {error}; check the wiring") from error
