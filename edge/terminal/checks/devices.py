"""Checks of camera, lights, readers, buttons and control socket for `smartclocker check`. No device is opened."""

import importlib.util
import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from edge.adapters.linux.service_account import Account, acting_as
from edge.adapters.raspberry_pi.camera import load_library
from edge.config_schema import Config
from edge.domain.camera.identity import refusal
from edge.errors import CameraError, RecordError
from edge.terminal import adapters
from edge.terminal.cameras import pin
from edge.terminal.checks.files import attempt

_DEVICES = Path("/dev")


def notes(config: Config) -> Iterator[str]:
    """Which camera was accepted at this terminal."""
    if config.camera.kind == "replay" or config.recognition.mode == "badge":
        return
    try:
        held = pin.read(Path(config.storage.state))
    except RecordError:
        return  # a problem, above
    if held is not None:
        yield f"camera: accepted on {held.at[:10]}: {held.accepted}"


def problems(config: Config, account: Account | None, devices: Path = _DEVICES) -> Iterator[str]:
    """Problems of the configured adapters; `devices` is the folder where the kernel shows devices."""
    yield from camera(config, account, devices)
    yield from pins(config, devices)
    yield from reader(config, account)
    yield from control(config, account)
    if config.buttons.kind == "script":
        yield from script("buttons.script", Path(config.buttons.script), account)


def camera(config: Config, account: Account | None, devices: Path = _DEVICES) -> Iterator[str]:
    """Problems of the configured camera."""
    chosen = config.camera
    if config.recognition.mode == "badge":
        return
    if chosen.kind == "replay":
        yield from _replay(config, account)
        return
    if chosen.kind == "usb":
        with acting_as(account):
            wrong = list(attempt("camera.device", adapters.camera(config).identify))
        yield from wrong or _pinned(config, account)
        return
    found = list(attempt("camera.kind", load_library))
    yield from found
    if not found and not any(devices.glob("media[0-9]*")):
        yield (
            f"camera.kind: no camera is seen here ({devices}/media* is missing); push its ribbon cable in at both "
            "ends, then `rpicam-hello --list-cameras` must name it"
        )
    elif not found:
        yield from _pinned(config, account)


def _replay(config: Config, account: Account | None) -> Iterator[str]:
    path = Path(config.camera.replay)
    is_folder = path.is_dir()
    if not is_folder and not path.is_file():
        yield f"camera.replay: no folder or file {path}; name one with photographs (jpg or png), or a video file"
        return
    with acting_as(account):
        closed = not os.access(path, os.R_OK | (os.X_OK if is_folder else 0), effective_ids=True)
    if closed:
        yield f"camera.replay: the service's user may not read {path}; `chmod -R a+rX {shlex.quote(str(path))}`"
        return
    camera = adapters.camera(config)
    yield from attempt("camera.replay", camera.open)
    camera.close()


def _pinned(config: Config, account: Account | None) -> Iterator[str]:
    """The problem that the camera which is here is not the accepted one."""
    with acting_as(account):
        try:
            held = pin.read(Path(config.storage.state))
            found = adapters.camera(config).identify()
        except RecordError as error:
            yield f"storage.state: {error}: no face counts (camera-changed); `smartclocker camera accept`"
            return
        except CameraError as error:
            yield f"camera.kind: {error}"
            return
    why = refusal(None if held is None else held.accepted, found)
    if why is not None:
        yield f"camera.kind: no face counts (camera-changed): {why}; `smartclocker camera accept` accepts it"


def pins(config: Config, devices: Path = _DEVICES) -> Iterator[str]:
    """Problems of the GPIO pins, told once, after the key of the first part that uses them."""
    users = {
        "signals.kind": config.signals.kind == "gpio",
        "recognition.strobe": bool(config.recognition.strobe) and config.camera.kind == "pi",
        "buttons.kind": config.buttons.kind == "gpio",
    }
    key = next((key for key, uses in users.items() if uses), None)
    if key is None:
        return
    instead = 'buttons.kind to "none"' if key == "buttons.kind" else 'signals.kind to "console"'
    missing = [name for name in ("lgpio", "gpiozero") if importlib.util.find_spec(name) is None]
    if missing:
        yield (
            f"{key}: the GPIO library is not installed ({', '.join(missing)}): apt install python3-lgpio, and make "
            f"the virtual environment with --system-site-packages; or set {instead}"
        )
    elif not any(devices.glob("gpiochip[0-9]*")):
        yield f"{key}: no GPIO chip is seen here; run on a Raspberry Pi, or set {instead}"


def reader(config: Config, account: Account | None) -> Iterator[str]:
    """Problems of the badge reader and the keypad."""
    chosen = config.reader
    if chosen.kind == "none":
        return
    yield from attempt("reader.kind", lambda: adapters.reader(config))
    if chosen.kind == "script":
        yield from script("reader.script", Path(chosen.script), account)
        return
    for name in ("badge", "keypad"):
        path = getattr(chosen, name)
        if path and not Path(path).exists():
            yield f"reader.{name}: no {path}; plug it in, and name it as /dev/input/by-id does"
        elif path and not stat.S_ISCHR(Path(path).stat().st_mode):
            yield f"reader.{name}: {path} is no device; name it as /dev/input/by-id does"
        elif path:
            cure = "the service's user must be in the group input"
            yield from _closed(f"reader.{name}", Path(path), os.R_OK, account, cure)


def control(config: Config, account: Account | None) -> Iterator[str]:
    """Problems of a control socket at a place of its own; the default places are made by others."""
    if not config.control.socket:
        return
    path = Path(config.control.socket)
    folder = path.parent if path.parent.is_dir() else path.parent.parent
    with acting_as(account):
        closed = not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK, effective_ids=True)
    if closed:
        yield f"control.socket: the service's user cannot make {path}; make its folder, and let them write there"
    elif path.parent.is_dir() and path.parent.stat().st_mode & stat.S_IWOTH:
        yield f"control.socket: everybody may write to {path.parent}, and answer in its place; name another"
    elif os.path.lexists(path) and not path.is_socket():
        yield f"control.socket: {path} is something else; name a path at which nothing lies"


def script(key: str, path: Path, account: Account | None) -> Iterator[str]:
    """Problems of a script of reader or buttons."""
    if not path.exists():
        yield f"{key}: no {path}; `mkfifo` makes it"
        return
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        yield f"{key}: {path} is no file and no FIFO; `mkfifo` makes one"
        return
    asked = os.R_OK | (os.W_OK if stat.S_ISFIFO(mode) else 0)  # a FIFO is held open from both ends
    cure = f"`chown` it to the service's user, or `chmod a+rw {shlex.quote(str(path))}`"
    yield from _closed(key, path, asked, account, cure)


def _closed(key: str, path: Path, asked: int, account: Account | None, cure: str) -> Iterator[str]:
    with acting_as(account):
        closed = not os.access(path, asked, effective_ids=True)
    if closed:
        yield f"{key}: the service's user may not use {path}; {cure}"
