"""`smartclocker central gaps`: what lacks, and what to do about it."""

import argparse
import json
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from edge.cli import add_json
from edge.cli.central_dir import duration, open_ledger, verb
from edge.cli.plain import say

if TYPE_CHECKING:
    from edge.central.gaps import Finding


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Arguments of `gaps`."""
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
            say(f"{one.origin.site}/{one.origin.terminal}  {one.kind}{since}: {one.text}")
        if not found:
            print("nothing is missing, silent or contradictory")
    return 1 if found else 0


def _as_json(finding: "Finding") -> dict[str, Any]:
    document = asdict(finding)
    return {**document.pop("origin"), **document}
