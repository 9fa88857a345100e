"""The pins of the header: the chip that drives them, and the errors of a pin, for every device on them.

Written against gpiozero 2.0.1 and lgpio 0.2.2. The pin factory is always constructed here and handed to every
device: by itself, gpiozero silently tries one library after the other, down to one that drives nothing.
"""

import os
import sys
import threading
from pathlib import Path
from typing import Any

from edge.errors import SignalsError

HEADER_CHIPS = ("pinctrl-rp1", "pinctrl-bcm")
"""First characters of the labels of the chips that drive the 40-pin header: the Pi 5, and all before it.

Labels are compared and not numbers: kernels have renumbered the Pi 5's chip (4, then 0).
"""


_RESERVING = threading.RLock()
"""The lock of the reserved pins, for every factory in this process."""


def open_lgpio(working_directory: Path, devices: Path = Path("/dev")) -> Any:
    """A gpiozero factory on the chip that drives the header.

    lgpio makes a FIFO in $LG_WD on import, or else in the process's working directory, which our sandbox forbids:
    so `working_directory` must be writable (the unit's RuntimeDirectory).

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


def with_reentrant_lock(factory: Any) -> Any:
    """The factory, whose pins can be reserved while Python collects a device that failed to close.

    gpiozero 2.0.1 reserves pins under one lock for all factories, and a device that is collected then, with its pin
    not given back, waits for that lock in the same thread for ever.
    """
    factory._res_lock = _RESERVING  # noqa: SLF001 - gpiozero has no other way to it
    return factory


def pin_errors() -> tuple[type[Exception], ...]:
    """The errors that a device on a pin may raise, with the factory that was opened."""
    import gpiozero  # noqa: PLC0415  # 90 ms that a console terminal saves

    found: tuple[type[Exception], ...] = (gpiozero.GPIOZeroError, OSError)
    if (lgpio := sys.modules.get("lgpio")) is not None:  # lgpio's errors pass through gpiozero, and are no OSError
        found += (lgpio.error,)
    return found
