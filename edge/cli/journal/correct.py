"""`smartclocker journal correct`: appends a signed correction. The corrected record stays as it is."""

import argparse
import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

from edge.cli import add_config, add_json
from edge.cli.people.operator_option import add_operator, operator
from edge.domain.time.instant import utc_text

if TYPE_CHECKING:
    from edge.domain.protocol.record import Record
    from edge.journal.journal import Journal

_MAY_BE_LEFT_OUT = "; it may be left out only where --corrects names a record that is kept here"


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the verb and its arguments."""
    correct = verbs.add_parser(
        "correct",
        help="append a correction of a punch or of a correction, or add a punch that was never made",
        description="Append a signed correction; the service may run meanwhile. Nothing is changed or removed: the "
        "corrected record stays, and the hours view takes the last correction. Every problem is listed.",
    )
    option = correct.add_argument
    option(
        "--change",
        help=("`amended`, `voided`, `added` (a punch that nobody made), or `statement` (what one side says later)"),
    )
    option("--corrects", metavar="ID", help="the id of the record, as `journal show` prints it")
    option(
        "--person", metavar="ID", help="the person whose hours these are; not needed where the record is kept here"
    )
    option("--direction", help="the direction that counts instead: `in` or `out`")
    option(
        "--activity",
        help="`break`, with --direction: `out` begins a break, `in` ends one; without it the direction means work",
    )
    option(
        "--at",
        metavar="TIME",
        help=("the moment that counts instead, in RFC 3339 with Z or an offset: 2026-03-02T17:30+01:00"),
    )
    option(
        "--reason",
        help=("why: `forgotten`, `wrong-direction`, `wrong-person`, `wrong-time`, `out-of-service` or `other`"),
    )
    option("--worker", help="what this side says: `asked`, `agrees`, `disputes` or `not-heard`")
    option("--employer", help="what this side says: `asked`, `agrees`, `disputes` or `not-heard`")
    option(
        "--force",
        action="store_true",
        help="take the id although nobody here has it: the person is known elsewhere",
    )
    add_operator(correct)
    add_config(correct)
    add_json(correct)
    correct.set_defaults(call=run)


def run(arguments: argparse.Namespace) -> int:
    """Checks all fields, then appends the correction."""
    from edge import config
    from edge.domain.protocol.fields import PERSON
    from edge.domain.protocol.record import Draft
    from edge.domain.protocol.record_kinds import Kind
    from edge.errors import RecordError
    from edge.terminal import adapters, installed

    loaded = config.load(arguments.config).config
    evidence = adapters.clock().evidence()
    names = ("person", "change", "corrects", "direction", "reason", "worker", "employer")
    data: dict[str, Any] = {name: getattr(arguments, name) for name in names}
    if arguments.activity is not None:
        data["activity"] = arguments.activity
    found = _moment(arguments.at, evidence.utc, data)
    secrets = installed.load_secrets(loaded)
    with installed.open_people(loaded, secrets) as people:
        known = people.known()
    with installed.open_journal(loaded, secrets) as journal:
        target, missing = _target(journal, arguments.corrects)
        if data["person"] is None and target is not None:
            data["person"] = target.data.get("person")
        found += missing + _problems(data, target, at_is_wrong=bool(found))
        if not arguments.force and PERSON.fullmatch(data["person"] or ""):
            found += _nobody(data["person"], known, journal)
        if found:
            lines = "".join(f"\n  {line}" for line in found)
            raise RecordError(f"nothing was recorded; put this right and give the command again:{lines}")
        data["by"] = operator(arguments)
        stored = journal.append(Draft(Kind.CORRECTION, data, evidence))
        made = f"{journal.origin.terminal}/{journal.epoch}/{stored.seq}"
    if arguments.json:
        print(json.dumps({"id": made, **data, "checked": target is not None or data["corrects"] is None}))
        return 0
    print(f"recorded {made}")
    if data["corrects"] is not None and target is None:
        print("the corrected record is not kept here, so that the correction could not be checked against it")
    return 0


def _problems(data: dict[str, Any], target: "Record | None", *, at_is_wrong: bool) -> list[str]:
    """What is wrong with the fields. If the moment is wrong already, no second complaint about it is added."""
    from edge.domain.attendance.correction_fields import problems, problems_with

    own = problems(data)
    if not own and target is not None:
        return problems_with(data, target)
    own = [line + _MAY_BE_LEFT_OUT if line.startswith("person:") else line for line in own]
    return [line for line in own if not (at_is_wrong and line.startswith(("at:", "direction, at:")))]


def _nobody(person: str, known: frozenset[str], journal: "Journal") -> list[str]:
    """A problem if nobody here has this id, because a typing error would be recorded permanently.

    Without any known people the id cannot be checked; then a warning is printed.
    """
    if person in known or journal.about(person, journal.head().seq):
        return []
    told = f"person: nobody here has the id {person}, and no record names it"
    if not known:
        print(f"{told}: make sure that it is right, because it cannot be checked here", file=sys.stderr)
        return []
    return [f"{told}; `smartclocker people list` shows who is, or give --force for somebody who is known elsewhere"]


def _moment(said: str | None, now: str, data: dict[str, Any]) -> list[str]:
    """Puts the moment into `data` in the form of a record. Returns what is wrong with it."""
    data["at"] = None
    if said is None:
        return []
    try:
        moment = datetime.fromisoformat(said)
        if moment.tzinfo is None:
            return [f"at: {said} may be any of several moments; add Z or an offset such as +01:00"]
        data["at"] = utc_text(moment)
    except (ValueError, OverflowError):
        return [f"at: {said} is no moment; write it as 2026-03-02T17:30+01:00"]
    return ["at: is in the future; nobody can have come or gone then"] if data["at"] > now else []


def _target(journal: "Journal", corrects: str | None) -> "tuple[Record | None, list[str]]":
    """The corrected record if this journal has it, otherwise None; and the problem if it certainly does not
    exist.
    """
    from edge.crypto import dsse
    from edge.domain.protocol.fields import RECORD_ID
    from edge.domain.protocol.record import decode

    if corrects is None or RECORD_ID.fullmatch(corrects) is None:
        return None, []
    terminal, epoch, number = corrects.split("/")
    if (terminal, epoch) != (journal.origin.terminal, journal.epoch):
        return None, []
    if int(number) > journal.head().seq:
        return None, [
            f"corrects: there is no record {number} in this journal yet; its last is {journal.head().seq}"
        ]
    found = journal.envelopes(int(number) - 1, 1)
    if not found or found[0].seq != int(number):
        return None, []  # evicted; only the ledger has it
    return decode(dsse.parse(found[0].wire).payload), []
