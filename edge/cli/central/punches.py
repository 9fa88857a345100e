"""`smartclocker central punches`: the hours view."""

import argparse
import csv
import json
import re
import sys
from dataclasses import asdict, fields
from datetime import date, timedelta
from typing import TYPE_CHECKING

from edge.cli.central.directory import duration, open_ledger, verb
from edge.cli.output.plain_text import say, shown

if TYPE_CHECKING:
    from edge.central.attendance.punch_report import Punch

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the arguments of `punches`."""
    parser = verb(verbs, "punches", "each punch as it counts: placed, corrected, in local time", run_punches)
    parser.epilog = (
        "Days are local days at the terminal, both included. The words in [brackets] are reasons to check a line; "
        "docs/protocol.md says what each word means. The signed records are not changed."
    )
    parser.add_argument("--site", help="punches of this site alone")
    parser.add_argument("--terminal", help="punches of the terminal of this name alone")
    parser.add_argument("--person", help="punches of the person with this id alone")
    parser.add_argument(
        "--from", type=day, dest="first", metavar="DAY", help="punches from this day on: 2026-03-01"
    )
    parser.add_argument(
        "--to", type=day, dest="last", metavar="DAY", help="punches up to this day, included: 2026-03-31"
    )
    parser.add_argument(
        "--long", type=duration, default=timedelta(hours=13), metavar="TIME",
        help="mark an OUT that is longer than this after its IN (default: 13h)",
    )  # fmt: skip
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON array of objects instead of text")
    form.add_argument("--csv", action="store_true", help="print comma-separated values with a heading")


def day(text: str) -> date:
    """A day such as `2026-03-01`, as the type of an argument."""
    try:
        if _DAY.fullmatch(text) is not None:
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is no day; write it as 2026-03-01")


def run_punches(arguments: argparse.Namespace) -> int:
    """Prints the hours view."""
    from edge.central.attendance.punch_report import Wanted, punches
    from edge.central.attendance.unanswerable import refuse_unanswerable

    names = ("site", "terminal", "person", "first", "last", "long")
    wanted = Wanted(*(getattr(arguments, name) for name in names))
    with open_ledger(arguments.directory) as store:
        refuse_unanswerable(store, wanted)
        found = punches(store, wanted)
    if arguments.json:
        print(json.dumps([asdict(one) for one in found], indent=2))
    elif arguments.csv:
        _write_csv(found)
    else:
        for one in found:
            say(_line(one))
    return 0


def _write_csv(found: "list[Punch]") -> None:
    from edge.central.attendance.punch_report import Punch

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(field.name for field in fields(Punch))
    for one in found:
        writer.writerow(_cell(value) for value in asdict(one).values())


def _cell(value: object) -> str:
    """A value as CSV text. Text that a spreadsheet would run as a formula gets a quote before it, because a
    terminal's zone, for example, is text from elsewhere.
    """
    text = "" if value is None else " ".join(value) if isinstance(value, tuple) else str(value)
    text = shown(text.lower() if isinstance(value, bool) else text)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _line(one: "Punch") -> str:
    mark = one.mark if not one.uncertainty_ms else f"{one.mark} ±{one.uncertainty_ms / 1000:g} s"
    state = "" if one.state == "as-recorded" else f"  {one.state}"
    words = "".join(f"  {word}" for word in (one.correction and f"by {one.correction}", one.note) if word)
    disputed = "  disputed" if one.disputed else ""
    where = f"{one.site}/{one.terminal}"
    doubts = f"  [{', '.join(one.doubts)}]" if one.doubts else ""
    said = f"{mark}{state}{disputed}{doubts}{words}"
    activity = f"  {one.activity}" if one.activity else ""
    return f"{one.local}  {one.direction or '-':3}{activity}  {one.person}  {where}  {said}  {one.id}"
