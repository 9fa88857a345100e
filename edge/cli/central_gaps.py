"""`smartclocker central gaps` and `resend`: what lacks, and asking for it again."""

import argparse
import json
import re
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from edge.cli import add_json
from edge.cli.central_dir import open_ledger, verb

if TYPE_CHECKING:
    from edge.central.gaps import Finding

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Arguments of both."""
    gaps = verb(verbs, "gaps", "say what is missing, silent or contradictory, each with its cure", run_gaps)
    gaps.epilog = "Exit code 0 when there is nothing to be done, 1 when there is."
    gaps.add_argument(
        "--silent-after",
        type=duration,
        default=timedelta(hours=24),
        metavar="TIME",
        help="report a terminal of which nothing was heard for so long: 90m, 24h, 7d (default: 24h)",
    )
    add_json(gaps)


def duration(text: str) -> timedelta:
    """`90m`, `24h`, `7d`."""
    match = re.fullmatch(r"([1-9][0-9]{0,5})([smhd])", text, re.ASCII)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 30s, 90m, 24h or 7d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def run_gaps(arguments: argparse.Namespace) -> int:
    """Look, and say it."""
    from edge.central.gaps import find

    with open_ledger(arguments.directory) as store:
        found = find(store, arguments.silent_after)
    if arguments.json:
        print(json.dumps([_as_json(one) for one in found], indent=2))
    else:
        for one in found:
            since = f" since {one.since}" if one.since else ""
            print(f"{one.origin.site}/{one.origin.terminal}  {one.kind}{since}: {one.text}")
        if not found:
            print("nothing is missing, silent or contradictory")
    return 1 if found else 0


def _as_json(finding: "Finding") -> dict[str, Any]:
    document = asdict(finding)
    return {**document.pop("origin"), **document}
