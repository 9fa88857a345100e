"""`smartclocker check`: checks configuration, keys, models and files."""

import argparse
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from edge.cli import add_config, add_json
from edge.domain.plural import counted
from edge.errors import BrokerError, ConfigError

if TYPE_CHECKING:
    from edge.config_schema import Config
    from edge.terminal.checks.online import OnlineStep


_NO_FURTHER = "keys, files, devices and the disk were not looked at yet; mend the configuration, and check again"


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `check`."""
    parser.epilog = (
        "Prints every problem with its cure, and exits with 78 when there is one. It changes nothing, needs no "
        "network and may be run beside the running service. With --online, if there is no problem, it connects to "
        "the broker with the terminal's own certificate, sends the ledger a record that is in the journal already, "
        "and waits for the ledger's signed receipt; it exits with 69 when none comes. A running service loses its "
        "connection for a moment and connects again. With --camera, the running service looks through its camera "
        "for four seconds, in which no face counts, and says what it saw; it exits with 69 when it saw nothing."
    )
    add_config(parser)
    add_json(parser)
    parser.add_argument(
        "--online", action="store_true", help="go on to the broker and the ledger, up to a signed receipt"
    )
    parser.add_argument(
        "--camera", action="store_true", help="test the running service's camera: frames, faces and light"
    )
    parser.set_defaults(call=run)


def run(arguments: argparse.Namespace) -> int:
    """Checks everything that can be checked without the service."""
    from edge import config
    from edge.terminal.checks import offline

    notes: list[str] = []
    steps: list[OnlineStep] = []
    loaded = None
    try:
        loaded = config.load(arguments.config)
        problems, notes = offline.problems(loaded), offline.notes(loaded)
    except ConfigError as error:
        problems = error.problems
        notes = [_NO_FURTHER]
    for line in (
        [] if arguments.json else [f"problem: {one}" for one in problems] + [f"note: {one}" for one in notes]
    ):
        print(line)
    if arguments.online and loaded is not None and not problems:
        steps = list(_online(loaded.config, quiet=arguments.json))
    camera = _camera(loaded.config) if arguments.camera and loaded is not None and not problems else None
    if camera is not None and not arguments.json:
        print(_seen(camera))
    bad = sum(not step.good for step in steps) + (camera is not None and not camera["frames"])
    if arguments.json:
        document: dict[str, object] = {"config": str(arguments.config), "problems": problems, "notes": notes}
        if arguments.online:
            document["steps"] = [{"step": one.name, "ok": one.good, "said": one.said} for one in steps]
        if arguments.camera:
            document["camera"] = camera
        print(json.dumps(document, indent=2))
    else:
        count = len(problems) + bad
        print(f"{arguments.config}: " + (f"{count} to mend" if count else "ok"))
    if problems:
        return ConfigError.exit_code
    return BrokerError.exit_code if bad else 0


def _camera(config: "Config") -> dict[str, Any]:
    """What the running service sees through its camera. Raises ControlAway, ControlRefused."""
    from edge.adapters.linux.control_client import ask
    from edge.terminal import installed

    said = ask(installed.control_path(config), {"do": "camera-test"}, within_s=30.0)
    return {name: value for name, value in said.items() if name not in {"v", "end"}}


def _seen(camera: dict[str, Any]) -> str:
    if not camera["frames"]:
        return "problem: camera: no frame came; check its cable, and `smartclocker status` for its alarm"
    width, height = camera["size"]
    text = (
        f"ok: camera: {counted(camera['frames'], 'frame')} of {width}x{height} looked at, "
        f"{camera['looked_at_a_second']:g} a second; "
    )
    if not camera["with_face"]:
        return text + "nobody stood there"
    told = f"a face on {camera['with_face']}, good enough to enrol on {camera['good_for_enrolment']}"
    light = camera["luminance_of_face"]
    told += "" if light is None else f"; light on the face {light:g} of 255"
    return text + told + (f"; last reason against it: {camera['last_reason']}" if camera["last_reason"] else "")


def _online(config: "Config", *, quiet: bool) -> Iterator["OnlineStep"]:
    """Yields each online step. Each is printed at once, because the next may take long."""
    from edge.terminal import installed
    from edge.terminal.checks import online

    if config.uplink is None:
        raise ConfigError("[uplink]", ["uplink: is missing: this terminal has no centre; --online needs one"])
    for step in online.steps(config, installed.load_secrets(config)):
        if not quiet:
            print(f"{'ok' if step.good else 'problem'}: {step.name}: {step.said}", flush=True)
        yield step
