"""`smartclocker central gaps`, `acknowledge`: lists problems with their cures, and acknowledges them."""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.cli import add_json
from edge.cli.central.authority import add_doing, book_of, doing
from edge.cli.central.directory import duration, open_ledger, verb
from edge.cli.output.next_step import at_centre, with_directory
from edge.cli.output.plain_text import say

if TYPE_CHECKING:
    from edge.central.gaps.delivery_gaps import Problem
    from edge.central.store.records import Store

LEDGER = "ledger"
"""The word in place of SITE/TERMINAL for an instance of the ledger; no terminal can have this name."""
_NOWHERE = {"site": None, "terminal": None}


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the arguments of `gaps` and `acknowledge`."""
    gaps = verb(verbs, "gaps", "say what is missing, silent or contradictory, each with its cure", run_gaps)
    gaps.epilog = "Exit code 0 when nothing has to be done, 1 otherwise."
    gaps.add_argument(
        "--silent-after",
        type=duration,
        default=timedelta(hours=24),
        metavar="TIME",
        help="name a terminal that was silent for so long: 90m, 24h, 7d (default: 24h)",
    )
    gaps.add_argument(
        "--broker", type=Path, default=Path("/etc/smartclocker/broker"), metavar="INTO",
        help="where `central broker` put what the broker reads; what this user may not read is not compared "
        "(default: /etc/smartclocker/broker)",
    )  # fmt: skip
    gaps.add_argument(
        "--acknowledged", action="store_true", help="list what was acknowledged, with who and why, and nothing else"
    )
    add_json(gaps, array=True)

    word = verb(
        verbs, "acknowledge",
        "record that somebody looked into a new epoch, a revoked key that was heard, or a dead instance of the "
        "ledger: `gaps` then no longer reports it", acknowledge,
    )  # fmt: skip
    word.epilog = (
        "Acknowledge an epoch when everything that can be saved is imported, or when nothing can be saved. If the "
        "key is heard again, or the instance runs again and then dies again, `gaps` reports it again. "
        "Acknowledgements stay listed, also after --undo."
    )
    word.add_argument("where", metavar="SITE/TERMINAL", help="the terminal; or the word `ledger`")
    word.add_argument(
        "what", metavar="EPOCH",
        help=("the epoch that `central gaps` names; or the KEYID of a revoked identity; or, after "
 "`ledger`, the name of the instance, `-` for the one without a name"
),
    )  # fmt: skip
    word.add_argument(
        "--undo", action="store_true", help="take an acknowledgement back: `central gaps` names it again"
    )
    add_doing(word)


def run_gaps(arguments: argparse.Namespace) -> int:
    """Finds the problems and prints them."""
    from datetime import UTC, datetime

    from edge.central.backup import last_backup
    from edge.central.broker import revocation_compare
    from edge.central.gaps import certificate_expiry
    from edge.central.gaps.delivery_gaps import find

    if arguments.acknowledged:
        return _list(arguments)
    with open_ledger(arguments.directory) as store:
        ending = certificate_expiry.found(arguments.directory / "pki", store.terminals(), datetime.now(UTC))
        lists = revocation_compare.found(arguments.directory / "pki", arguments.broker, store.terminals())
        backups = last_backup.found(arguments.directory, datetime.now(UTC))
        found = [*ending, *lists, *backups, *find(store, arguments.silent_after)]
    if arguments.json:
        print(json.dumps([_as_json(one) for one in found], indent=2))
    else:
        for one in found:
            since = f" since {one.since}" if one.since else ""
            name = f"{one.origin.site}/{one.origin.terminal}  " if one.origin else ""
            say(f"{name}{one.kind}{since}: {with_directory(one.text, arguments.directory)}")
        if not found:
            print("nothing is missing, silent or contradictory")
    return 1 if found else 0


def acknowledge(arguments: argparse.Namespace) -> int:
    """Acknowledges a problem, or undoes an acknowledgement."""
    from edge.domain.protocol.audit_entry import Act

    said = doing(arguments)
    word = Act.GAP_TAKEN_BACK if arguments.undo else Act.GAP_ACKNOWLEDGED
    with open_ledger(arguments.directory) as store:
        act, data = _meant(store, arguments)
        with book_of(arguments) as book, book.act(word, data):
            act(said.by, said.why)
    listed = at_centre(arguments, "gaps", "--acknowledged")
    print("taken back" if arguments.undo else f"acknowledged; `{listed}` lists it")
    return 0


def _meant(store: "Store", arguments: argparse.Namespace) -> tuple[Callable[[str, str], None], dict[str, str]]:
    """The function to call with a name and a reason, and the data for the audit log."""
    from edge.central.store import acknowledged, looked
    from edge.domain.protocol.record import Origin
    from edge.errors import LedgerRefused

    undo, what = arguments.undo, arguments.what
    if arguments.where == LEDGER:
        act = looked.undo_instance if undo else looked.acknowledge_instance
        return partial(act, store, what), {"instance": what}
    site, slash, terminal = arguments.where.partition("/")
    if not (site and slash and terminal):
        raise LedgerRefused(f"{arguments.where}: write SITE/TERMINAL, or the word `{LEDGER}`")
    origin, place = Origin(site, terminal), {"site": site, "terminal": terminal}
    known = (origin, what) in looked.keys(store) or looked.is_heard(store, origin, what)
    if known and not acknowledged.is_here(store, origin, what):
        of_key = looked.undo_key if undo else looked.acknowledge_key
        return partial(of_key, store, origin, what), {**place, "keyid": what}
    of_epoch = acknowledged.undo if undo else acknowledged.acknowledge
    return partial(of_epoch, store, origin, what), {**place, "epoch": what}


def _list(arguments: argparse.Namespace) -> int:
    from edge.central.store import acknowledged, looked

    with open_ledger(arguments.directory) as store:
        found = sorted([*acknowledged.listed(store), *looked.listed(store)], key=lambda one: one.at)
    if arguments.json:
        rows = [asdict(one) for one in found]
        print(json.dumps([{**(row.pop("origin") or _NOWHERE), **row} for row in rows], indent=2))
        return 0
    for one in found:
        end = f"; taken back {one.undone} by {one.undone_by}: {one.undone_why}" if one.undone else ""
        name = f"{one.origin.site}/{one.origin.terminal}" if one.origin else LEDGER
        what = (
            f"epoch {one.epoch}" if one.epoch else f"key {one.keyid}" if one.keyid else f"instance {one.instance}"
        )
        say(f"{name}  {what}  {one.at} by {one.by}: {one.why}{end}")
    return 0


def _as_json(finding: "Problem") -> dict[str, Any]:
    document = asdict(finding)
    return {**(document.pop("origin") or _NOWHERE), **document}
