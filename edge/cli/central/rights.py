"""`smartclocker central rights …`: what people ask for, and the month in which each is answered."""

import argparse
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.cli import add_json
from edge.cli.central import rights_next
from edge.cli.central.authority import add_doing, open_registry, turn_of, verified
from edge.cli.central.directory import open_ledger, reason, verb
from edge.cli.number_argument import number
from edge.cli.output.plain_text import say

if TYPE_CHECKING:
    from edge.central.authority import access_reports
    from edge.central.authority.order_status import OrderStatus
    from edge.central.authority.register import OrderRegister
    from edge.domain.privacy.subject_requests import Request
    from edge.domain.protocol.audit_entry import Act

RIGHTS = ("access", "portability", "rectification", "erasure", "restriction", "objection", "withdrawal")
"""Every `Right`, which a test holds: `--help` imports no rooms."""


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Arguments of each."""
    group = verbs.add_parser(
        "rights", help="requests of the people who are enrolled, each with its one-month clock"
    )
    own = group.add_subparsers(metavar="VERB", required=True)
    opening = verb(own, "open", "take in a request; its month begins on the day that it was received", run_open)
    opening.add_argument("person", metavar="PERSON", help="the person's id")
    opening.add_argument("right", choices=RIGHTS, metavar="RIGHT", help=", ".join(RIGHTS))
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
    listing = verb(own, "list", "the requests: due, overdue, done or refused, and which terminals owe", run_list)
    listing.epilog = "Exit code 1 when one is overdue."
    add_json(listing, array=True)
    policy = verb(
        own,
        "policy",
        "who has answered to the policy last ordered, and who has not",
        run_policy,
    )
    policy.epilog = (
        "Exit code 1 while somebody owes an answer or a terminal the order's result. Whoever owes is not matched "
        "when the order asked for consent again; they have their badge or PIN."
    )
    add_json(policy)
    refuse = verb(own, "refuse", "refuse a request, with the legal ground", run_refuse)
    close = verb(own, "close", "end a request that was answered; not while a terminal owes its result", run_close)
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
    key = own.add_parser("key", help="make a key that an answer to `access` is sealed to; give it to the person")
    key.add_argument("file", type=Path, metavar="FILE", help="the new file for the key")
    key.set_defaults(call=run_key)
    read = own.add_parser("read", help="open sealed answers with their key, into one data.json and one page.html")
    read.add_argument(
        "files",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="the answers about one person, one file of each terminal",
    )
    read.add_argument(
        "--key", type=Path, required=True, metavar="FILE", help="the key that `central rights key` made"
    )
    read.add_argument(
        "--into",
        type=Path,
        required=True,
        metavar="DIR",
        help="the folder for the two files, neither of which may be there yet",
    )
    proof = read.add_mutually_exclusive_group(required=True)
    proof.add_argument(
        "--ledger",
        type=Path,
        metavar="DIR",
        help=("DIR of the centre: each answer must be the file that its terminal signed for"),
    )
    proof.add_argument(
        "--unverified", action="store_true", help="read the answers without a ledger; anybody may have sealed them"
    )
    read.set_defaults(call=run_read)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day; write it as 2026-03-31") from None


_AHEAD = timedelta(hours=14)
"""The offset of the place where a day begins first."""


def _now() -> datetime:
    return datetime.now(UTC)


def _today() -> date:
    """By this machine's zone: a request is taken in where people are."""
    return _now().astimezone().date()


def run_open(arguments: argparse.Namespace) -> int:
    """Enter it."""
    from edge.central.attendance.unanswerable import refuse_unknown
    from edge.domain.privacy.subject_requests import month_after
    from edge.domain.protocol.audit_entry import Act
    from edge.errors import LedgerRefused

    received = arguments.received or _today()
    if received > (_now() + _AHEAD).date():  # this machine may be set to UTC, and the letter came in Auckland
        raise LedgerRefused(f"--received {received}: lies in the future; give the day on which it came")
    with open_ledger(arguments.directory) as store, turn_of(arguments) as session:
        if not arguments.force:
            refuse_unknown(store, arguments.person, "no request was taken in. --force takes it in all the same")
        data = {"right": arguments.right, "received": received.isoformat()}
        entry = session.registry.enter(session.key, session.doing, Act.RIGHT_OPENED, data, arguments.person)
    print(f"request {entry.n}: {arguments.right} of {arguments.person}, due on {month_after(received)}")
    with open_ledger(arguments.directory) as store:
        for one in rights_next.commands(store, entry, arguments):
            print(f"next          {one}")
    return 0


def run_list(arguments: argparse.Namespace) -> int:
    """All of them."""
    from edge.domain.privacy.subject_requests import RequestStanding, requests, standing

    today = _today()
    with open_registry(arguments.directory) as registry:
        owing = _owing(registry, arguments.directory)
        rows = [
            _row(one, str(standing(one, today)), owing) for one in requests(verified(registry, arguments.directory))
        ]
    if arguments.json:
        print(json.dumps(rows, indent=2))
    else:
        for row in rows:
            say(f"{row['request']:>5}  {row['person']}  {row['right']:<14} {row['standing']}, due {row['due']}")
            for one in row["terminals"]:
                told = f"{one['state']}: {one['detail'] or '-'}{_mark(one['doubt'])}"
                say(f"         {one['terminal']}  {one['order']}  {told}")
            if row["ground"]:
                say(f"         {row['ground']}")
        print(f"{len(rows)} requests")
    return 1 if any(row["standing"] == RequestStanding.OVERDUE for row in rows) else 0


def run_policy(arguments: argparse.Namespace) -> int:
    """Everybody's last word."""
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
        print(f"terminal {name}: registered since, and was not told: its configuration decides, or an order")
    for person in people:
        doubt = _mark(person.doubt)
        say(f"{person.person}  {person.answer:<9}  {person.version}  {person.at}  {person.terminal}{doubt}")
    print(f"{len(owed)} of {len(people)} people owe an answer, {len(late)} terminals the order's result")
    return 1 if late or owed else 0


def _mark(doubt: str | None) -> str:
    return f"  [{doubt}]" if doubt else ""


def run_refuse(arguments: argparse.Namespace) -> int:
    """Refuse."""
    from edge.domain.protocol.audit_entry import Act

    return _end(arguments, Act.RIGHT_REFUSED)


def run_close(arguments: argparse.Namespace) -> int:
    """Close."""
    from edge.domain.protocol.audit_entry import Act

    return _end(arguments, Act.RIGHT_CLOSED)


def run_key(arguments: argparse.Namespace) -> int:
    """Make it."""
    from edge.crypto.key_files import create_secret

    create_secret(arguments.file)
    print(f"key           {arguments.file}")
    print(f"next          {rights_next.template(arguments.file)}")
    return 0


def run_read(arguments: argparse.Namespace) -> int:
    """Open them, compare them with the ledger, and write both forms for their owner alone."""
    from edge.central.authority import access_reports
    from edge.crypto.key_files import load_secret
    from edge.domain.privacy.access_page import JSON_NAME, PAGE_NAME
    from edge.errors import ExportRefused
    from edge.storage.durable_file import NewFile

    key = load_secret(arguments.key, "`smartclocker central rights key` makes one")
    answers = [_opened(file, key, arguments.ledger) for file in arguments.files]
    texts = dict(zip((JSON_NAME, PAGE_NAME), access_reports.together(answers), strict=True))
    written: list[Path] = []
    try:
        for name, text in texts.items():
            with NewFile(arguments.into / name, ExportRefused) as file:
                file.write(text.encode())
            written.append(arguments.into / name)
    except ExportRefused:
        for path in written:  # both, or none
            path.unlink(missing_ok=True)
        raise
    for path in written:
        print(f"wrote         {path}")
    if arguments.ledger is None:
        print("unverified    nobody's signature vouches for what is in it")
    return 0


def _opened(file: Path, key: bytes, ledger: Path | None) -> "access_reports.AccessReport":
    """One answer, which a terminal's signed record vouches for where a ledger is given. Raises ExportRefused."""
    from edge.central.authority import access_reports
    from edge.errors import ExportRefused
    from edge.storage.bounded_read import read_file

    try:
        answer = access_reports.read(read_file(file, access_reports.MAX_BYTES), key)
    except ExportRefused as error:
        raise ExportRefused(f"{file}: {error}") from error
    except OSError as error:
        raise ExportRefused(f"{file}: {error.strerror}; name the answer as it was fetched") from error
    if ledger is None:
        return answer
    with open_ledger(ledger) as store:
        if access_reports.vouched(answer, store):
            return answer
    where = f"{answer.data['site']}/{answer.data['terminal']}"
    raise ExportRefused(
        f"{file}: no signed record in the ledger that is believed says that {where} made this very file about "
        f"{answer.data['person']}; wait for that record (`central orders`), or fetch the file again"
    )


def _end(arguments: argparse.Namespace, act: "Act") -> int:
    from edge.domain.privacy.subject_requests import requests
    from edge.domain.protocol.audit_entry import Act
    from edge.errors import LedgerRefused

    with turn_of(arguments) as session:
        known = {one.number: one for one in requests(verified(session.registry, arguments.directory))}
        request = known.get(arguments.request)
        if request is None or request.ended is not None:
            raise LedgerRefused(f"{arguments.request}: no open request; `central rights list` shows them")
        data = {"request": arguments.request, "ground": arguments.ground}
        if act is Act.RIGHT_CLOSED:
            orders = _owing(session.registry, arguments.directory).get(arguments.request, [])
            _refuse_unanswered(arguments, orders)
            fitting = [one for one in orders if _answers(one, request)]
            if not arguments.without_order:
                _refuse_unasked(arguments, request, fitting)
            _refuse_held(arguments.directory, request)
            data |= _despite(arguments, request, fitting)
        session.registry.enter(session.key, session.doing, act, data, request.person)
    print(f"request {arguments.request}: {'refused' if act is Act.RIGHT_REFUSED else 'closed'}")
    return 0


def _refuse_unanswered(arguments: argparse.Namespace, orders: "list[OrderStatus]") -> None:
    """While a terminal that may speak has not done what was ordered for this request. Raises LedgerRefused.

    An order that was cancelled is waited for, too, unless the request is ended without one by an express word.
    """
    from edge.central.authority.order_status import OrderState, unanswered
    from edge.errors import LedgerRefused

    with open_ledger(arguments.directory) as store:
        active = {one.origin for one in store.terminals() if one.revoked is None}
    open_ones = [one for one in unanswered(orders) if one.addressed.origin in active]
    late = [one for one in open_ones if not (arguments.without_order and one.state is OrderState.CANCELLED)]
    if late:
        names = ", ".join(sorted({f"{one.addressed.origin.terminal} ({one.doubt or one.state})" for one in late}))
        raise LedgerRefused(
            f"{arguments.request}: no result yet of {names}; `central orders --send` sends what is owed; "
            "what expired, was cancelled or is unproven is to be ordered again, with --request "
            f"{arguments.request}; of a terminal that is gone for good `central revoke` ends the identity; where "
            "the person was answered otherwise, cancel what is owed and give --without-order; then close"
        )


def _answers(one: "OrderStatus", request: "Request") -> bool:
    """Whether this order is what the person asked for; of a right of a newer version each is."""
    from edge.domain.privacy.subject_requests import ANSWERS

    return request.right not in ANSWERS or one.addressed.order.word in ANSWERS[request.right]


def _refuse_unasked(arguments: argparse.Namespace, request: "Request", orders: "list[OrderStatus]") -> None:
    """While a terminal knows the person by its own records and was not ordered it. Raises LedgerRefused.

    What else is asked for goes to every terminal with the roster; what a terminal keeps of its own does not.
    """
    from edge.central.authority.unasked_terminals import unasked
    from edge.domain.privacy.subject_requests import Right
    from edge.errors import LedgerRefused

    if not orders or request.right not in {Right.ACCESS, Right.PORTABILITY, Right.ERASURE}:
        return
    with open_ledger(arguments.directory) as store:
        left = unasked(store, request.person, {one.addressed.origin for one in orders})
    if left:
        names = ", ".join(f"{one.site}/{one.terminal}" for one in left)
        raise LedgerRefused(
            f"{arguments.request}: {names} has records of this person, and was not ordered it; order it there, "
            f"too, with --request {arguments.request}; of a terminal that is gone for good `central revoke` ends "
            "the identity; then close"
        )


def _despite(arguments: argparse.Namespace, request: "Request", orders: "list[OrderStatus]") -> dict[str, Any]:
    """What speaks against it, which was asked for in so many words; it stands in the log. Raises LedgerRefused."""
    from edge.central.authority import order_status
    from edge.central.authority.order_status import OrderState
    from edge.domain.attendance.doubts import Doubt
    from edge.errors import LedgerRefused

    said = {OrderState.DONE, OrderState.REFUSED}
    if not any(one.state in said and one.doubt is not Doubt.UNPROVEN for one in orders):
        if not arguments.without_order:
            raise LedgerRefused(
                f"{arguments.request}: nothing was ordered for it that answers {request.right}, or no terminal "
                "answered; give `central order` with --request "
                f"{arguments.request}, or --without-order where it was answered otherwise, and --ground says how"
            )
        return {"without_order": True}
    refused = sorted({one.addressed.origin.terminal for one in order_status.refused(orders)})
    if refused and not arguments.although_refused:
        raise LedgerRefused(
            f"{arguments.request}: {', '.join(refused)} refused what was ordered; `central rights list` says why. "
            f"Order it again so that it can be done, with --request {arguments.request}; or --although-refused, "
            "and --ground says why that is an answer"
        )
    return {"refused": refused} if refused else {}


def _refuse_held(directory: Path, request: "Request") -> None:
    """A request is not answered while the centre's own roster says otherwise. Raises LedgerError."""
    from edge.central.roster.held import contradicts
    from edge.errors import LedgerRefused

    why = contradicts(directory, request.person, request.right)
    if why is not None:
        raise LedgerRefused(
            f"{request.number}: {why}, then close; or `central rights refuse` with the legal ground"
        )


def _owing(registry: "OrderRegister", directory: Path) -> "dict[int, list[OrderStatus]]":
    """The orders of each request at each terminal."""
    from edge.central.authority import order_status
    from edge.domain.privacy.subject_requests import requests

    with open_ledger(directory) as store:
        found = order_status.standing(registry, store)
    return {
        request.number: [one for one in found if one.addressed.order.id in request.orders]
        for request in requests(verified(registry, directory))
    }


def _row(request: "Request", standing: str, owing: "dict[int, list[OrderStatus]]") -> dict[str, Any]:
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
            for one in owing.get(request.number, [])
        ],
    }  # fmt: skip
