"""`smartclocker simulate`: the whole terminal in a browser page, for those without a board."""

import argparse
import json
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli import add_json

if TYPE_CHECKING:
    from edge.simulate.server import PageServer

_MOST_PORT = 65_535


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `simulate`."""
    parser.description = (
        "Run whole terminals on this machine, with a page in your browser as camera, lights, buzzer, badge reader "
        "and keypad. The page listens on 127.0.0.1 only, and its address holds a random token. Ctrl-C ends it."
    )
    parser.epilog = (
        "Needs the [simulate] extra; with mosquitto (`apt install mosquitto`) there are receipts and a side door. "
        "Nothing is left behind without --keep. Pictures of a webcam stay in memory and on this machine."
    )
    add_json(parser)
    parser.add_argument(
        "--port", type=_port, default=0, metavar="PORT", help="the port of the page (default: any free one)"
    )
    parser.add_argument("--no-browser", action="store_true", help="print the address, and open no browser")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="leave every file in this new directory, for inspection"
    )
    parser.add_argument(
        "--mode",
        choices=["face", "badge+face", "badge"],
        default="face",
        help="what the terminals ask for, as recognition.mode (default: face)",
    )
    parser.add_argument(
        "--challenge",
        choices=["none", "turn"],
        default="none",
        help="whether a head must be turned, as recognition.challenge (default: none)",
    )
    parser.add_argument(
        "--direction",
        choices=["alternate", "in", "out", "button"],
        default="alternate",
        help="how IN or OUT is found, as terminal.direction (default: alternate)",
    )
    parser.set_defaults(call=run)


def run(arguments: argparse.Namespace) -> int:
    """Starts the site and its page, and waits for the end."""
    _require_libraries()
    from edge.errors import SmartClockerError
    from edge.simulate.server import bound, served
    from edge.simulate.site import SimulationWish, all_ready, simulated_site

    keep: Path | None = arguments.keep
    _require_new(keep)
    listening = bound(arguments.port)  # first: it is what may be wrong
    over = _ended_by_signal()
    directory = Path(tempfile.mkdtemp(prefix="smartclocker-simulate-")) if keep is None else keep.absolute()
    try:
        wanted = SimulationWish(arguments.mode, arguments.challenge, arguments.direction)
        with simulated_site(directory, wanted) as site, served(site, listening) as page:
            if not all_ready(list(site.doors.values())):
                raise SmartClockerError("the terminals did not become ready; the log above says why")
            _say(page, directory, list(site.doors), keep is not None, as_json=arguments.json)
            if not arguments.no_browser:
                _open(page.url)
            while not over:
                if page.ended.wait(0.2):
                    raise SmartClockerError("the page's server ended by itself; the log above says why")
    finally:
        listening.close()
        if keep is None:
            shutil.rmtree(directory, ignore_errors=True)
    return 0


def _require_new(keep: Path | None) -> None:
    """Makes the directory. Raises SmartClockerError if something stands in its place, or it cannot be made."""
    from edge.errors import SmartClockerError

    if keep is None:
        return
    try:
        keep.mkdir(mode=0o700, parents=True, exist_ok=True)
        taken = any(keep.iterdir())
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        raise SmartClockerError(f"--keep {keep}: {error}; name a new directory") from error
    if taken:
        raise SmartClockerError(f"{keep} is not empty; name a new directory for --keep")


def _require_libraries() -> None:
    from edge.errors import ExtraMissing

    try:
        import cryptography  # noqa: F401 - to see that it is there
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise ExtraMissing(
            f"simulate needs {error.name}, which is not installed; cure: pip install 'smartclocker-edge[simulate]'"
        ) from error


def _ended_by_signal() -> list[int]:
    """The signals that asked for the end, once they came. A list, because a handler must not touch the lock of an
    event that the main thread waits for (`edge.cli.terminal.run`).
    """
    came: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda caught, _frame: came.append(caught))
    return came


def _say(page: "PageServer", directory: Path, doors: list[str], kept: bool, *, as_json: bool) -> None:
    if as_json:
        print(
            json.dumps(
                {"url": page.url, "port": page.port, "doors": doors, "kept": str(directory) if kept else None}
            ),
            flush=True,
        )
        return
    print(f"open          {page.url}")
    print(f"doors         {', '.join(doors)}")
    print(f"files         {directory}{'' if kept else '  (removed at the end)'}")
    print("end           Ctrl-C", flush=True)


def _open(url: str) -> None:
    import webbrowser

    try:
        opened = webbrowser.open(url)
    except webbrowser.Error:
        opened = False
    if not opened:
        print("no browser could be opened: open the address yourself", file=sys.stderr)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= _MOST_PORT):
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give one from 1024 to {_MOST_PORT}")
    return int(text)
