"""The adapters that the configuration chose; the others are not imported."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.config import credential
from edge.config_schema import Config
from edge.errors import ConfigError
from edge.ports import Buttons, Camera, Clock, Reader, Signals, Strobe, Uplink
from edge.terminal import installed

if TYPE_CHECKING:
    from edge.adapters.mqtt.tls import UplinkSettings


def camera(config: Config) -> Camera:
    """The configured camera, not yet opened."""
    chosen = config.camera
    size = (chosen.width, chosen.height)
    if chosen.kind == "replay":
        if Path(chosen.replay).is_file():
            from edge.adapters.replay.film import FilmCamera

            return FilmCamera(Path(chosen.replay), size=size)
        from edge.adapters.replay.camera import ReplayCamera

        return ReplayCamera(Path(chosen.replay), fps=chosen.fps, size=size)
    from edge.adapters.picture_geometry import PictureGeometry, crop_of

    geometry = PictureGeometry(chosen.rotate, chosen.flip, crop_of(chosen.crop))
    if chosen.kind == "usb":
        from edge.adapters.v4l2.camera import UsbCamera

        return UsbCamera(Path(chosen.device), size=size, fps=chosen.fps, geometry=geometry)
    from edge.adapters.raspberry_pi.camera import PiCamera

    return PiCamera(size=size, fps=chosen.fps, number=chosen.number, geometry=geometry)


def reader(config: Config) -> Reader | None:
    """The configured badge reader and keypad, not yet opened; None when there is none. Raises ReaderError."""
    chosen = config.reader
    if chosen.kind == "evdev":
        from edge.adapters.linux.badge_reader import EvdevReader

        paths = [Path(name) if name else None for name in (chosen.badge, chosen.keypad)]
        return EvdevReader(paths[0], paths[1])
    if chosen.kind == "script":
        from edge.adapters.replay.badge_reader import ScriptReader

        return ScriptReader(Path(chosen.script))
    return None


def buttons(config: Config) -> Buttons | None:
    """The configured buttons, not yet opened; None when there are none."""
    chosen = config.buttons
    if chosen.kind == "none":
        return None
    if chosen.kind == "script":
        from edge.adapters.replay.buttons import ScriptButtons

        return ScriptButtons(Path(chosen.script))
    from edge.adapters.raspberry_pi.buttons import ButtonPins, GpioButtons
    from edge.adapters.raspberry_pi.gpio import open_lgpio
    from edge.domain.attendance.presses import Contact

    pins = {contact: getattr(chosen, f"{contact}_pin") for contact in Contact}
    wired = {contact: pin for contact, pin in pins.items() if pin}
    return GpioButtons(
        ButtonPins(wired, chosen.pull, chosen.debounce_ms / 1000), lambda: open_lgpio(Path("/run/smartclocker"))
    )


def signals(config: Config) -> Signals:
    """The configured lights and buzzer. Raises SignalsError."""
    chosen = config.signals
    if chosen.kind == "console":
        from edge.adapters.replay.console_signals import ConsoleSignals

        return ConsoleSignals(sys.stdout)
    from edge.adapters.raspberry_pi.gpio import open_lgpio
    from edge.adapters.raspberry_pi.signals import GpioPins, GpioSignals

    pins = GpioPins(chosen.green, chosen.amber, chosen.red, chosen.buzzer, chosen.buzzer_kind == "active")
    factory: Any = open_lgpio(Path("/run/smartclocker"))
    return GpioSignals(pins, factory)


def strobe(config: Config) -> Strobe | None:
    """The configured infrared lamp, simulated for photographs; None when there is none. Raises SignalsError."""
    if not config.recognition.strobe:
        return None
    if config.camera.kind == "replay":
        from edge.adapters.replay.strobe import ReplayStrobe

        return ReplayStrobe()
    from edge.adapters.raspberry_pi.gpio import open_lgpio
    from edge.adapters.raspberry_pi.strobe import GpioStrobe

    return GpioStrobe(config.recognition.strobe, open_lgpio(Path("/run/smartclocker")))


def uplink_settings(config: Config) -> "UplinkSettings":
    """The broker's address and our files for it. Raises ConfigError without `[uplink]` or its credential."""
    from edge.adapters.mqtt.tls import UplinkSettings

    chosen = config.uplink
    if chosen is None:
        raise ConfigError("[uplink]", ["uplink: is missing; this terminal has no centre"])
    return UplinkSettings(
        chosen.host,
        chosen.port,
        Path(chosen.ca),
        Path(chosen.certificate),
        credential(chosen.key),
        keepalive_s=chosen.keepalive_s,
    )


def uplink(config: Config) -> Uplink | None:
    """The broker connection, not yet started; None for a terminal without a centre."""
    if config.uplink is None:
        return None
    from edge.adapters.mqtt.uplink import MqttUplink
    from edge.domain.protocol import topics
    from edge.domain.roster.topics import subscriptions
    from edge.terminal.uplink.status import last_will

    me = installed.origin(config)
    down = [topics.receipt(me), topics.command(me)]
    if config.keys.authority:
        down += subscriptions(me)
    return MqttUplink(uplink_settings(config), me, last_will(me), down, site=bool(config.keys.authority))


def clock() -> Clock:
    """The system's clock."""
    from edge.adapters.linux.clock import SystemClock

    return SystemClock()
