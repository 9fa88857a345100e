"""The rules of the configuration that concern more than one key, and the list of its values that are paths."""

import re
from collections.abc import Iterator

from edge.config_schema import CREDENTIAL, Config
from edge.domain.pad.strobe_timing import SLOWEST_FPS
from edge.toml_text import written

PATHS = (
    ("storage", ("state", "models")),
    ("keys", ("identity", "storage", "ledger", "authority")),
    ("camera", ("device", "replay")),
    ("recognition", ("shadow",)),
    ("reader", ("badge", "keypad", "script")),
    ("control", ("socket",)),
    ("buttons", ("script",)),
    ("policy", ("text",)),
    ("uplink", ("ca", "certificate", "key")),
    ("evidence", ("key",)),
)
_LENDABLE = {"keys.identity", "keys.storage", "uplink.key"}
"""The paths that may be a credential; every other file is read at its own path."""
_MAY_BE_EMPTY = {
    *(
        "storage.models",
        "keys.authority",
        "camera.device",
        "camera.replay",
        "recognition.shadow",
        "control.socket",
        "buttons.script",
    ),
    *(f"reader.{key}" for key in ("badge", "keypad", "script")),
}
"""The paths that may be empty. Any other path, if empty, would mean the configuration's own folder."""
_CREDENTIAL_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,254}")
_HOST = re.compile(r"[A-Za-z0-9._:%-]+")
_PULLED_UP = frozenset({2, 3})
"""Pins with a pull-up resistor of their own (I2C)."""
_LEAST_CROP = 20
"""Per cent of the picture: less of it shows no face with anything around it."""
_OF_THE_CENTRE = ("authority", "ledger")
"""The common names of the centre's own certificates. The broker would take a terminal with such a name for the
centre.
"""


def problems(config: Config) -> Iterator[str]:
    """The problems that these rules find. Each text begins with the path of its key. `config` holds its paths as
    they were written.
    """
    yield from _paths(config)
    if config.terminal.name in _OF_THE_CENTRE:
        yield f'terminal.name: "{config.terminal.name}" is the name of a certificate of the centre; choose another'
    if config.uplink is not None and not _is_host(config.uplink.host):
        yield f"uplink.host: {written(config.uplink.host)} is no host name or address; give the broker's"
    yield from _camera(config)
    reader = config.reader
    if reader.kind == "evdev" and not (reader.badge or reader.keypad):
        yield 'reader.badge: is missing; reader.kind = "evdev" needs reader.badge, reader.keypad or both'
    if reader.kind == "script" and not reader.script:
        yield 'reader.script: is missing; reader.kind = "script" needs a file or FIFO to read lines from'
    if reader.kind == "none" and config.recognition.mode != "face":
        yield f'recognition.mode: "{config.recognition.mode}" needs a badge reader; set reader.kind'
    yield from _strobe(config)
    yield from _buttons(config)
    signals = config.signals
    pins = {"green": signals.green, "amber": signals.amber, "red": signals.red, "buzzer": signals.buzzer}
    if signals.kind == "gpio" and len(set(pins.values())) < len(pins):
        yield f"signals: each output needs a pin of its own, not {pins}"


def _camera(config: Config) -> Iterator[str]:
    chosen = config.camera
    if chosen.kind == "replay" and not chosen.replay:
        yield 'camera.replay: is missing; camera.kind = "replay" needs a folder of photographs, or a video file'
    if chosen.kind == "usb" and not chosen.device:
        yield 'camera.device: is missing; camera.kind = "usb" needs a name of /dev/v4l/by-id'
    if chosen.crop:
        left, top, width, height = (int(word) for word in chosen.crop.split())
        if left + width > 100 or top + height > 100 or min(width, height) < _LEAST_CROP:
            yield (
                f"camera.crop: {written(chosen.crop)} is not allowed; left and width, and top and height, are "
                f"together at most 100, and width and height at least {_LEAST_CROP}"
            )


def _paths(config: Config) -> Iterator[str]:
    for section, keys in PATHS:
        values = getattr(config, section)
        for key in () if values is None else keys:
            name, path = f"{section}.{key}", getattr(values, key)
            if not path and name not in _MAY_BE_EMPTY:
                yield f"{name}: is empty; it must be a path"
            if not path.startswith(CREDENTIAL):
                continue
            if name not in _LENDABLE:
                yield f"{name}: {written(path)} is not allowed; it must be a path, not a credential"
            elif _CREDENTIAL_NAME.fullmatch(path.removeprefix(CREDENTIAL)) is None:
                yield f"{name}: {written(path)} is not allowed; it must be {CREDENTIAL} and the name of a file"


def _is_host(text: str) -> bool:
    """Whether the resolver and TLS accept this name: they raise UnicodeError for a name without an IDNA form."""
    try:
        encoded = text.encode("idna").decode("ascii")
    except UnicodeError:
        return False
    return _HOST.fullmatch(encoded) is not None


def _strobe(config: Config) -> Iterator[str]:
    pin, signals = config.recognition.strobe, config.signals
    if not pin:
        return
    if pin == 1:
        yield "recognition.strobe: GPIO 1 identifies a HAT; choose a pin from 2 to 27, or 0 for no strobe"
    if signals.kind == "gpio" and pin in {signals.green, signals.amber, signals.red, signals.buzzer}:
        yield f"recognition.strobe: GPIO {pin} already drives a light or the buzzer; choose another"
    if config.camera.kind == "usb":
        yield 'recognition.strobe: needs camera.kind = "pi"; a USB camera does not tell when a frame is exposed'
    if config.camera.fps < SLOWEST_FPS:
        yield f"recognition.strobe: needs a camera.fps of {SLOWEST_FPS} or more; below that, no frame is surely lit"


def _buttons(config: Config) -> Iterator[str]:
    buttons = config.buttons
    if config.terminal.direction == "button":
        if buttons.kind == "none":
            yield 'terminal.direction: "button" needs buttons; set buttons.kind, wire IN and OUT (docs/wiring.md)'
        elif buttons.kind == "gpio" and not (buttons.in_pin and buttons.out_pin):
            yield 'terminal.direction: "button" needs buttons.in_pin and buttons.out_pin: nobody could come or go'
    if buttons.kind == "script" and not buttons.script:
        yield 'buttons.script: is missing; buttons.kind = "script" needs a file or FIFO to read lines from'
    if buttons.kind == "gpio":
        yield from _button_pins(config)


def _button_pins(config: Config) -> Iterator[str]:
    buttons = config.buttons
    pins = {name: getattr(buttons, f"{name}_pin") for name in ("in", "out", "break", "tamper", "motion")}
    taken = _outputs(config)
    if not any(pins.values()):
        yield 'buttons.in_pin: is missing; buttons.kind = "gpio" needs at least one pin (docs/wiring.md)'
    for name, pin in pins.items():
        if not pin:
            continue
        if pin == 1:
            yield f"buttons.{name}_pin: GPIO 1 identifies a HAT; choose a pin from 2 to 27, or 0 for none"
        elif pin in _PULLED_UP and (buttons.pull == "down" or name == "motion"):
            yield f"buttons.{name}_pin: GPIO {pin} is pulled up by a resistor on the board; choose another"
        elif pin in taken:
            yield f"buttons.{name}_pin: GPIO {pin} is {taken[pin]} already; choose another"
        taken.setdefault(pin, f"buttons.{name}_pin")


def _outputs(config: Config) -> dict[int, str]:
    """The key of each pin that the terminal drives."""
    signals, strobe = config.signals, config.recognition.strobe
    found = {strobe: "recognition.strobe"} if strobe else {}
    if signals.kind == "gpio":
        found |= {getattr(signals, name): f"signals.{name}" for name in ("green", "amber", "red", "buzzer")}
    return found
