"""`smartclocker camera show|accept|undo`: which camera counts at this terminal."""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli import add_config, add_json
from edge.cli.output.next_step import at_terminal

if TYPE_CHECKING:
    from edge.config_schema import Config
    from edge.domain.camera.identity import CameraIdentity
    from edge.terminal.cameras.pin import CameraPin

_CHANGED = 1
"""Exit code of `show` when the camera that is here does not count."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `camera`."""
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    show = verbs.add_parser(
        "show",
        help="show the accepted camera, and the one that is here",
        description="Show the camera that was accepted at this terminal, and the one that is plugged in now. It "
        "may be given beside the running service.",
    )
    accept = verbs.add_parser(
        "accept",
        help="accept the camera that is here now",
        description="Accept the camera that is plugged in now, after somebody exchanged it on purpose. Look at it "
        "first: the alarm camera-changed may mean that somebody put another device in its place. The running "
        "terminal takes it up within seconds. A virtual camera is refused.",
    )
    undo = verbs.add_parser(
        "undo",
        help="accept the camera of before again",
        description="Go back to the camera that was accepted before the last `accept`, and by a second `undo` to "
        "the other one again.",
    )
    for verb, call in ((show, run_show), (accept, run_accept), (undo, run_undo)):
        add_config(verb)
        add_json(verb)
        verb.set_defaults(call=call)


def run_show(arguments: argparse.Namespace) -> int:
    """Prints both cameras, and whether the one that is here counts."""
    from edge import config
    from edge.domain.camera.identity import refusal
    from edge.errors import CameraError, RecordError
    from edge.terminal.cameras import pin

    loaded = config.load(arguments.config).config
    found: CameraIdentity | None = None
    held: CameraPin | None = None
    damaged: str | None = None
    try:
        held = pin.read(Path(loaded.storage.state))
    except RecordError as error:
        damaged = str(error)
    why = damaged
    try:
        found = _found(loaded)
    except CameraError as error:
        why = str(error)
    if why is None and found is not None and loaded.camera.kind != "replay":
        why = refusal(None if held is None else held.accepted, found) or _not_live(loaded)
    if arguments.json:
        here = None if found is None else asdict(found)
        accepted = None if held is None else asdict(held.accepted)
        print(json.dumps({"accepted": accepted, "here": here, "counts": why is None, "why": why}, indent=2))
    else:
        nothing = "none yet: the next start accepts what is here"
        if damaged is not None:
            nothing = f"unknown: {damaged}; `smartclocker camera accept` accepts what is here"
        print(f"accepted  {nothing if held is None else held.accepted}")
        print(f"here      {'none' if found is None else found}")
        print(f"no face counts: {why}" if why else "faces count")
    return _CHANGED if why else 0


def run_accept(arguments: argparse.Namespace) -> int:
    """Accepts the camera that is here."""
    from edge.errors import CameraError
    from edge.terminal.cameras import pin

    def accept(config: "Config", state: Path, now: str) -> "CameraPin":
        if config.camera.kind == "replay":
            raise CameraError('camera.kind is "replay": there is no camera to accept; nothing was changed')
        return pin.accept(state, _found(config), now)

    return _change(arguments, accept)


def run_undo(arguments: argparse.Namespace) -> int:
    """Goes back to the camera of before."""
    from edge.terminal.cameras import pin

    return _change(arguments, lambda _config, state, now: pin.undo(state, now))


def _change(arguments: argparse.Namespace, change: Callable[["Config", Path, str], "CameraPin"]) -> int:
    from edge import config
    from edge.terminal import adapters

    loaded = config.load(arguments.config).config
    pin = change(loaded, Path(loaded.storage.state), adapters.clock().evidence().utc)
    if arguments.json:
        before = None if pin.before is None else asdict(pin.before)
        print(json.dumps({"accepted": asdict(pin.accepted), "at": pin.at, "before": before}, indent=2))
        return 0
    print(f"accepted  {pin.accepted}")
    if pin.before is not None:
        print(f"before    {pin.before}; undo: {at_terminal(arguments, 'camera', 'undo')}")
    return 0


def _found(config: "Config") -> "CameraIdentity":
    from edge.terminal import adapters

    return adapters.camera(config).identify()


def _not_live(config: "Config") -> str | None:
    """Why the running terminal counts no face of the accepted camera; None when it does, or cannot be asked."""
    from edge.adapters.linux.control_client import ask
    from edge.domain.attendance.states import Fault
    from edge.errors import ControlError, ControlRefused
    from edge.terminal import installed

    try:
        alarms = ask(installed.control_path(config), {"do": "status"}).get("alarms")
    except (ControlError, ControlRefused):
        return None
    if not isinstance(alarms, list) or Fault.CAMERA_CHANGED not in alarms:
        return None
    return (
        f"it is the accepted one, but the running terminal has the alarm {Fault.CAMERA_CHANGED}; its log says why"
    )
