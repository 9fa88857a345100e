"""`smartclocker doctor`: looks at every part of the terminal, and says how to mend what is wrong."""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli import add_config, add_json

if TYPE_CHECKING:
    from edge.domain.doctor import DoctorFinding
    from edge.storage.durable_file import NewFile
    from edge.terminal.doctor.items import DoctorItem


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `doctor`."""
    parser.description = (
        "Look at every part of the terminal, with the running service or without one, and say of each: ok, warn, "
        "fail or not here, with the figure that was measured, and how to mend it. It stops nothing and changes "
        "nothing. Give it as root; as another user it says what it could not see."
    )
    parser.epilog = (
        "Exit code 1 when an item fails, 0 otherwise. For four seconds the running service looks through its "
        "camera for the doctor, and no face counts; it loses its connection to the broker for a moment and "
        "connects again. docs/doctor.md has a row for each item."
    )
    add_config(parser)
    add_json(parser)
    parser.add_argument(
        "--ask",
        action="store_true",
        help="show some cues on the lights, and ask you after each whether it was seen",
    )
    parser.add_argument("--offline", action="store_true", help="do not connect to the broker")
    parser.add_argument(
        "--bundle",
        type=Path,
        metavar="FILE",
        help="also write a support bundle (tar.gz, without personal data) to FILE, which must not exist yet",
    )
    parser.set_defaults(call=run)


def run(arguments: argparse.Namespace) -> int:
    """Looks at every item."""
    from edge import __version__
    from edge.cli.output import finding_text

    with _bundle(arguments.bundle) as file:
        findings = _findings(arguments)
        if file is not None:
            from edge.terminal.doctor.bundle import contents
            from edge.terminal.doctor.readings.sources import Sources

            file.write(contents.content(findings, Sources(arguments.config)))
    if arguments.json:
        about = {"config": str(arguments.config), "version": __version__}
        print(json.dumps(finding_text.document(findings, about), indent=2))
    else:
        print(finding_text.summary(findings))
        if arguments.bundle is not None:
            print(f"bundle  {arguments.bundle}: look into it before you give it away")
    return finding_text.exit_code(findings)


def _bundle(path: Path | None) -> "AbstractContextManager[NewFile | None]":
    """The file of the bundle, which appears when all is done; its name is refused now if it is taken."""
    if path is None:
        return nullcontext()
    from edge.errors import TransferError
    from edge.storage.durable_file import NewFile

    return NewFile(path, TransferError)


def _findings(arguments: argparse.Namespace) -> "list[DoctorFinding]":
    from edge.cli.output.finding_text import lines
    from edge.domain.doctor import UNUSABLE
    from edge.terminal.doctor import examination

    found = []
    for finding in examination.findings(arguments.config, _items(offline=arguments.offline)):
        asks = arguments.ask and finding.item == "lights" and not finding.said.endswith(UNUSABLE)
        told = _asked(finding, arguments) if asks else finding
        found.append(told)
        if not arguments.json and not told.said.endswith(UNUSABLE):
            print(lines(told), flush=True)
    hidden = [one.item for one in found if one.said.endswith(UNUSABLE)]
    if hidden and not arguments.json:
        print(f"{'warn':<8}  {', '.join(hidden)}: could not be looked at, {UNUSABLE}")
    return found


def _items(*, offline: bool) -> "Sequence[DoctorItem]":
    from edge.terminal.doctor.items import ITEMS

    return [item for item in ITEMS if not (offline and item.connects)]


def _asked(finding: "DoctorFinding", arguments: argparse.Namespace) -> "DoctorFinding":
    """The finding of the lights, after a person said what they saw."""
    from edge.cli.terminal.doctor_lights import ask_about_lights

    return ask_about_lights(finding, arguments.config, sys.stdin, sys.stderr if arguments.json else sys.stdout)
