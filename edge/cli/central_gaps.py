"""`smartclocker central gaps`, `acknowledge`: what lacks, what to do about it, and that it was looked into."""

import argparse
import json
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.cli import add_json
from edge.cli.central_authority import add_doing, book_of, doing
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
    gaps.add_argument(
        "--broker", type=Path, default=Path("/etc/smartclocker/broker"), metavar="INTO",
        help="where `central broker` put what the broker reads; what this user may not read is not compared "
        "(default: /etc/smartclocker/broker)",
    )  # fmt: skip
    gaps.add_argument(
        "--acknowledged", action="store_true", help="list what was acknowledged instead, by whom and why"
    )
    add_json(gaps)

    word = verb(
        verbs, "acknowledge", "say that a new epoch was looked into: `gaps` is silent about it then", acknowledge
    )
    word.epilog = (
        "Say it when all that could be saved is imported, or nothing can be. It stays listed, with --undo too."
    )
    word.add_argument("where", metavar="SITE/TERMINAL")
    word.add_argument("epoch", metavar="EPOCH", help="that began anew, as `central gaps` names it")
    word.add_argument("--undo", action="store_true", help="take it back: `gaps` says it again")
    add_doing(word)


def run_gaps(arguments: argparse.Namespace) -> int:
    """Look, and say it."""
    from datetime import UTC, datetime

    from edge.central import crl_compare, expiry
    from edge.central.gaps import find

    if arguments.acknowledged:
        return _list(arguments)
    with open_ledger(arguments.directory) as store:
        ending = expiry.found(arguments.directory / "pki", store.terminals(), datetime.now(UTC))
        lists = crl_compare.found(arguments.directory / "pki", arguments.broker, store.terminals())
        found = [*ending, *lists, *find(store, arguments.silent_after)]
    if arguments.json:
        print(json.dumps([_as_json(one) for one in found], indent=2))
    else:
        for one in found:
            since = f" since {one.since}" if one.since else ""
            name = f"{one.origin.site}/{one.origin.terminal}  " if one.origin else ""
            say(f"{name}{one.kind}{since}: {one.text}")
        if not found:
            print("nothing is missing, silent or contradictory")
    return 1 if found else 0


def acknowledge(arguments: argparse.Namespace) -> int:
    """Say it, or take it back."""
    from edge.central import acknowledged
    from edge.domain.auditlog import Act
    from edge.domain.records import Origin

    said = doing(arguments)
    site, _, terminal = arguments.where.partition("/")
    act = acknowledged.undo if arguments.undo else acknowledged.acknowledge
    word = Act.GAP_TAKEN_BACK if arguments.undo else Act.GAP_ACKNOWLEDGED
    data = {"site": site, "terminal": terminal, "epoch": arguments.epoch}
    with open_ledger(arguments.directory) as store, book_of(arguments) as book, book.act(word, data):
        act(store, Origin(site, terminal), arguments.epoch, said.by, said.why)
    print("taken back" if arguments.undo else "acknowledged; `central gaps DIR --acknowledged` lists it")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from edge.central.acknowledged import listed

    with open_ledger(arguments.directory) as store:
        found = listed(store)
    if arguments.json:
        rows = [asdict(one) for one in found]
        print(json.dumps([{**row.pop("origin"), **row} for row in rows], indent=2))
        return 0
    for one in found:
        end = f"; taken back {one.undone} by {one.undone_by}: {one.undone_why}" if one.undone else ""
        name = f"{one.origin.site}/{one.origin.terminal}"
        say(f"{name}  epoch {one.epoch}  {one.at} by {one.by}: {one.why}{end}")
    return 0


def _as_json(finding: "Finding") -> dict[str, Any]:
    document = asdict(finding)
    return {**(document.pop("origin") or {"site": None, "terminal": None}), **document}
