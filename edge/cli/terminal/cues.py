"""`smartclocker cues`: shows cues on the terminal's lights and buzzer."""

import argparse
import sys
from typing import TYPE_CHECKING, Any

from edge.cli import add_config

if TYPE_CHECKING:
    from edge.config_schema import Config
    from edge.domain.attendance.cues import CueName


class _CueNames(tuple[str, ...]):
    """The names that may be given. No name at all is allowed as well: Python 3.11 looks for the empty list, too,
    and it must not stand in the help and in messages as if it could be typed.
    """

    __slots__ = ()

    def __contains__(self, given: object) -> bool:
        return given == [] or super().__contains__(given)


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `cues`."""
    from edge.domain.attendance.cues import CueName

    parser.description = (
        "Show cues on the terminal's lights and buzzer, through the running service, or directly when none runs. "
        "Amber is lit together with green, so that nobody takes an example for a punch. Faces and badges count "
        "meanwhile, and their answers come first."
    )
    parser.epilog = "example: smartclocker cues in out already-in; docs/wiring.md describes each cue to staff"
    add_config(parser)
    parser.add_argument(
        "cues",
        nargs="*",
        metavar="CUE",
        choices=_CueNames(map(str, CueName)),
        help="the cues to show, in this order (default: all of them)",
    )
    parser.set_defaults(call=run)


def run(arguments: argparse.Namespace) -> int:
    """Shows the cues."""
    from edge import config
    from edge.adapters.linux.control_client import ask, is_served
    from edge.domain.attendance.cues import CueName
    from edge.terminal import installed

    loaded = config.load(arguments.config).config
    names = [CueName(word) for word in arguments.cues] or list(CueName)
    path = installed.control_path(loaded)
    if is_served(path):
        ask(path, {"do": "cues", "cues": names}, _tell, within_s=30.0)
    else:
        show_directly(loaded, names)
    return 0


def _tell(said: dict[str, Any]) -> None:
    if said.get("progress") == "cue":
        print(f"{said['cue']}: {said['text']}", flush=True)
    elif "text" in said:
        print(said["text"], file=sys.stderr, flush=True)


def show_directly(config: "Config", names: "list[CueName]") -> None:
    """Shows cues on the lights themselves, when no service runs. Raises SignalsError."""
    from time import monotonic_ns

    from edge.domain.attendance.cues import CUES, as_example
    from edge.terminal import adapters
    from edge.terminal.attendance.cue_player import CuePlayer
    from edge.terminal.control.loans import shown_ms

    print("no terminal runs here: the lights are used directly", file=sys.stderr)
    player = CuePlayer(adapters.signals(config), monotonic_ns)
    try:
        for name in names:
            print(f"{name}: {CUES[name].text}", flush=True)
            until_ms = monotonic_ns() // 1_000_000 + shown_ms(name)
            player.show(as_example(CUES[name]), until_ms)
            while (left_ms := until_ms - monotonic_ns() // 1_000_000) > 0:
                player.run_once(left_ms / 1_000)
    finally:
        player.close()
