"""`smartclocker central resend`: asks a terminal for records again, and waits for its result."""

import argparse
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from edge.cli import add_json
from edge.cli.central.directory import LEDGER_KEY, add_broker, duration, open_ledger, uplink, verb
from edge.cli.number_argument import number
from edge.cli.output.plain_text import say

if TYPE_CHECKING:
    from edge.central.gaps.resend import Range
    from edge.central.store.command_results import CommandResult
    from edge.central.store.records import Store
    from edge.domain.protocol.record import Origin
    from edge.domain.protocol.resend_command import Resend


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the arguments of `resend`."""
    parser = verb(verbs, "resend", "ask a terminal to send records again, by a signed command", run_resend)
    parser.epilog = (
        "Without --first and --last it asks for what `central gaps` finds. Exit code 0 when all of it is sent "
        "again, 1 when the terminal cannot or has not answered yet; `central gaps` then says what is missing."
    )
    parser.add_argument("origin", type=_origin, metavar="SITE/TERMINAL", help="the terminal")
    parser.add_argument(
        "--epoch", help=("the epoch of the terminal's journal (default: the one that the terminal claims)")
    )
    parser.add_argument("--first", type=number, metavar="N", help="number of the first record")
    parser.add_argument("--last", type=number, metavar="M", help="number of the last record")
    parser.add_argument(
        "--valid", type=duration, default=timedelta(days=1), metavar="TIME",
        help=("how long the command holds for a terminal that is away: 2h, 1d, 7d at most (default: "
 "1d)"
),
    )  # fmt: skip
    parser.add_argument(
        "--wait", type=duration, default=timedelta(seconds=30), metavar="TIME",
        help="how long to wait for the answer (default: 30s)",
    )  # fmt: skip
    add_broker(parser)
    add_json(parser, array=True)


def _origin(text: str) -> "Origin":
    from edge.domain.protocol.fields import NAME
    from edge.domain.protocol.record import Origin

    site, _, terminal = text.partition("/")
    if NAME.fullmatch(site) is None or NAME.fullmatch(terminal) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no SITE/TERMINAL; `central terminals` lists them")
    return Origin(site, terminal)


def run_resend(arguments: argparse.Namespace) -> int:
    """Sends the commands, waits, and prints the results."""
    from edge.central.broker.certificates import AUTHORITY
    from edge.central.gaps import resend
    from edge.crypto.key_files import load_identity

    key = load_identity(
        arguments.directory / LEDGER_KEY, "name the directory that `smartclocker central init` made"
    )
    with open_ledger(arguments.directory) as store:
        resend.require_active(store, arguments.origin)
        ranges = _ranges(store, arguments)
        wanted = resend.commands_for(arguments.origin, ranges, arguments.valid)
        if not wanted:
            _print_nothing(arguments)
            return 0
        heard = resend.send(uplink(arguments, AUTHORITY), key, wanted)
        answers = resend.await_answers(store, wanted, arguments.wait.total_seconds()) if heard else {}
    if arguments.json:
        print(json.dumps([_as_json(one, answers.get(one.id), heard) for one in wanted], indent=2))
    else:
        for one in wanted:
            say(f"{_asked(one)}: {_said(one, answers.get(one.id), heard)}")
    return 0 if all(one.id in answers and answers[one.id].outcome == "done" for one in wanted) else 1


def _ranges(store: "Store", arguments: argparse.Namespace) -> "list[Range]":
    from edge.central.gaps.resend import Range, current_epoch, lacking
    from edge.errors import LedgerRefused

    epoch, first, last = arguments.epoch, arguments.first, arguments.last
    if (first is None) != (last is None):
        raise LedgerRefused("--first and --last belong together; give both, or neither")
    if first is None:
        return [one for one in lacking(store, arguments.origin) if epoch in {None, one.epoch}]
    if not 1 <= first <= last:
        raise LedgerRefused(f"--first {first} --last {last}: no range of records; they count from 1")
    return [Range(epoch or current_epoch(store, arguments.origin), first, last)]


def _print_nothing(arguments: argparse.Namespace) -> None:
    print(
        "[]"
        if arguments.json
        else "nothing is missing that this terminal could send again; `central gaps` says more"
    )


def _asked(one: "Resend") -> str:
    return f"{one.origin.site}/{one.origin.terminal} epoch {one.epoch} records {one.first} to {one.last}"


def _said(one: "Resend", answer: "CommandResult | None", heard: bool) -> str:
    if answer is not None:
        return f"{answer.outcome}: {answer.detail}"
    if not heard:
        return (
            "not delivered: this terminal never connected, or was offline too long; ask again when it is connected"
        )
    return f"no answer yet; command {one.id} holds until {one.expires}, and its answer needs a running ledger"


def _as_json(one: "Resend", answer: "CommandResult | None", heard: bool) -> dict[str, Any]:
    return {
        "id": one.id, "site": one.origin.site, "terminal": one.origin.terminal, "epoch": one.epoch,
        "first": one.first, "last": one.last, "expires": one.expires, "heard": heard,
        "outcome": None if answer is None else answer.outcome, "detail": None if answer is None else answer.detail,
    }  # fmt: skip
