"""`smartclocker central rights …`: requests of data subjects; each must be answered within a month."""

import argparse
import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from edge.cli import add_json
from edge.cli.central.authority import add_doing, open_registry, turn_of
from edge.cli.central.directory import open_ledger, reason, verb
from edge.cli.central.rights import answers, next_orders
from edge.cli.number_argument import number
from edge.cli.output.plain_text import say
from edge.domain.plural import counted
from edge.domain.privacy.subject_requests import (
    RequestStanding,
    Right,
    is_future,
    month_after,
    requests,
    standing,
)

if TYPE_CHECKING:
    from edge.central.authority.order_status import OrderStatus
    from edge.domain.privacy.subject_requests import Request


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the arguments of every verb."""
    group = verbs.add_parser(
        "rights", help="requests of the people who are enrolled, each with its one-month clock"
    )
    own = group.add_subparsers(metavar="VERB", required=True)
    opening = verb(own, "open", "take in a request; its month begins on the day that it was received", run_open)
    opening.add_argument("person", metavar="PERSON", help="the person's id")
    opening.add_argument("right", choices=list(map(str, Right)), metavar="RIGHT", help=", ".join(Right))
    opening.add_argument(
        "--received",
        type=_day,
        metavar="DAY",
        help=("the day that the request came: 2026-03-31 (default: today in this time zone)"),
    )
    opening.add_argument(
        "--force", action="store_true", help="take the id although neither a record nor the roster names it"
    )
    add_doing(opening)
    listing = verb(
        own, "list", "list the requests: due, overdue, done or refused, with each terminal's result", run_list
    )
    listing.epilog = "Exit code 1 when one is overdue."
    add_json(listing, array=True)
    policy = verb(
        own,
        "policy",
        "list who has answered to the last policy that was ordered, and who has not",
        run_policy,
    )
    policy.epilog = (
        "Exit code 1 while a person's answer or a terminal's result is missing. If the order asked for consent "
        "again, people without an answer are not matched; they use their badge or PIN."
    )
    add_json(policy)
    refuse = verb(own, "refuse", "refuse a request, with the legal ground", run_refuse)
    close = verb(
        own, "close", "end a request that was answered; refused while a terminal's result is missing", run_close
    )
    for parser, ground in (
        (refuse, "the legal ground: an article, and why it holds"),
        (close, "how it was answered"),
    ):
        parser.add_argument(
            "request", type=number, metavar="N", help="number of the request (`central rights list`)"
        )
        parser.add_argument("--ground", type=reason, required=True, metavar="TEXT", help=ground)
        add_doing(parser)
    close.add_argument(
        "--without-order", action="store_true", help="the request was answered although no order was given for it"
    )
    close.add_argument(
        "--although-refused",
        action="store_true",
        help="end the request although a terminal refused the order; `--ground` says why",
    )
    answers.configure(own)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day; write it as 2026-03-31") from None


def _now() -> datetime:
    return datetime.now(UTC)


def _today() -> date:
    """Today in this machine's time zone, because requests are received where people are."""
    return _now().astimezone().date()


def run_open(arguments: argparse.Namespace) -> int:
    """Enters a request."""
    from edge.central import subject_requests
    from edge.errors import LedgerRefused

    right, received = Right(arguments.right), arguments.received or _today()
    if is_future(received, _now()):
        raise LedgerRefused(f"--received {received}: lies in the future; give the day on which it came")
    with open_ledger(arguments.directory) as store:
        with turn_of(arguments) as authority:
            entry = subject_requests.take_in(
                authority, store, arguments.person, right, received, force=arguments.force
            )
        print(f"request {entry.n}: {right} of {arguments.person}, due on {month_after(received)}")
        for one in next_orders.commands(store, entry, arguments):
            print(f"next          {one}")
    return 0


def run_list(arguments: argparse.Namespace) -> int:
    """Lists all requests."""
    from edge.central.authority import order_status
    from edge.central.authority.audit import verified

    today = _today()
    with open_registry(arguments.directory) as registry:
        with open_ledger(arguments.directory) as store:
            ordered = order_status.standing(registry, store)
        rows = [_row(one, str(standing(one, today)), ordered) for one in requests(verified(registry))]
    if arguments.json:
        print(json.dumps(rows, indent=2))
    else:
        for row in rows:
            say(f"{row['request']:>5}  {row['person']}  {row['right']:<14} {_until(row)}")
            for one in row["terminals"]:
                told = f"{one['state']}: {one['detail'] or '-'}{_mark(one['doubt'])}"
                say(f"         {one['terminal']}  {one['order']}  {told}")
            if row["ground"]:
                say(f"         {row['ground']}")
        print(counted(len(rows), "request"))
    return 1 if any(row["standing"] == RequestStanding.OVERDUE for row in rows) else 0


def _until(row: dict[str, Any]) -> str:
    """State of the request and the day that it is due."""
    due = f"due {row['due']}"
    return due if row["standing"] == RequestStanding.DUE else f"{row['standing']}, {due}"


def run_policy(arguments: argparse.Namespace) -> int:
    """Lists every person's answer to the policy."""
    from edge.central.authority import order_status
    from edge.central.authority.order_status import OrderState
    from edge.central.authority.policy_acceptance import (
        PolicyAnswer,
        as_json,
        consents,
        not_ordered,
        ordered,
        standings,
    )

    with open_registry(arguments.directory) as registry, open_ledger(arguments.directory) as store:
        about = ordered(order_status.standing(registry, store))
        policy, again = (None, False) if about is None else (about.policy, about.consent_again)
        people = standings(consents(store), policy, consent_again=again)
        since = [] if about is None else not_ordered(about, store)
    late = [] if about is None else [one for one in about.terminals if one.state is not OrderState.DONE]
    owed = [one for one in people if one.answer is PolicyAnswer.OWED]
    if arguments.json:
        print(json.dumps(as_json(about, people, since), indent=2))
        return 1 if late or owed else 0
    if about is None:
        print("no policy was ordered: what each person agreed to")
    else:
        say(f"policy {about.policy.version}; " + ("asks for consent again" if again else "earlier consents hold"))
    for one in late:
        origin = one.addressed.origin
        print(f"terminal {origin.site}/{origin.terminal}: {one.state}")
    for name in since:
        print(f"terminal {name}: registered since, and was not told: its configuration decides, or send an order")
    for person in people:
        doubt = _mark(person.doubt)
        say(f"{person.person}  {person.answer:<9}  {person.version}  {person.at}  {person.terminal}{doubt}")
    print(f"{len(owed)} of {len(people)} people have not answered, {len(late)} terminals have no result yet")
    return 1 if late or owed else 0


def _mark(doubt: str | None) -> str:
    return f"  [{doubt}]" if doubt else ""


def run_refuse(arguments: argparse.Namespace) -> int:
    """Refuses a request."""
    from edge.central import subject_requests

    with turn_of(arguments) as authority:
        subject_requests.refuse(authority, arguments.request, arguments.ground)
    print(f"request {arguments.request}: refused")
    return 0


def run_close(arguments: argparse.Namespace) -> int:
    """Closes a request."""
    from edge.central import subject_requests

    despite = subject_requests.Despite(arguments.without_order, arguments.although_refused)
    with open_ledger(arguments.directory) as store, turn_of(arguments) as authority:
        subject_requests.close(authority, store, arguments.request, arguments.ground, despite)
    print(f"request {arguments.request}: closed")
    return 0


def _row(request: "Request", standing: str, ordered: "list[OrderStatus]") -> dict[str, Any]:
    return {
        "request": request.number, "person": request.person, "right": request.right,
        "received": request.received.isoformat(), "due": request.due.isoformat(), "standing": standing,
        "ground": request.ground, "ended": request.ended_at,
        "terminals": [
            {
                "terminal": f"{one.addressed.origin.site}/{one.addressed.origin.terminal}",
                "order": str(one.addressed.order.word), "state": str(one.state), "detail": one.detail,
                "doubt": one.doubt,
            }
            for one in ordered if one.addressed.order.id in request.orders
        ],
    }  # fmt: skip
