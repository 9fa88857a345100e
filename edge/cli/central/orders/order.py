"""`smartclocker central order`, `central orders`: orders to terminals, and which terminals have not carried
them out.
"""

import argparse
import json
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.cli import add_json
from edge.cli.central.authority import add_doing, open_registry, turn_of
from edge.cli.central.directory import add_broker, duration, open_ledger, uplink, verb
from edge.cli.central.orders import cancel, roster
from edge.cli.central.orders.fields import fields, sealed_name, where
from edge.cli.number_argument import number
from edge.cli.output.next_step import at_centre
from edge.cli.output.plain_text import say
from edge.cli.people.name_input import HELP, name_of
from edge.domain.plural import counted
from edge.domain.protocol.order import BY_HAND, Lifts, ReleaseGround, Word
from edge.domain.vocabulary import ErasureReason

if TYPE_CHECKING:
    from edge.central.authority.acting import OpenAuthority
    from edge.central.authority.order_status import OrderStatus
    from edge.central.authority.register import Addressed, OrderRegister
    from edge.central.store.records import Store
    from edge.domain.protocol.order import Order

_LOOK_S = 0.2
_LONGEST_S = 31 * 86_400.0
"""Longest pause between two rounds; the kernel's clocks refuse far longer ones."""
_NO_CLOCK = "clock-unsynchronised"
"""The alarm of a terminal that does not know the time."""


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the arguments of `order` and `orders`."""
    order = verb(verbs, "order", "order terminals to do something about a person, or the policy", run_order)
    order.epilog = (
        "The order is signed and kept; it is sent now, and again by `central orders DIR --send` until each "
        "terminal's signed result is in the ledger. Exit code 0 when all carried it out, 1 otherwise."
    )
    add = order.add_argument
    add("where", metavar="SITE/TERMINAL", help="one terminal; or SITE/* for all terminals of a site")
    add("word", metavar="WORD", choices=list(map(str, BY_HAND)), help=", ".join(BY_HAND))
    add("person", metavar="PERSON", nargs="?", help="the person's id; not for `policy`")
    add("--reason", choices=list(map(str, ErasureReason)), help="with `erase`: why, for the terminal's record")
    add(
        "--lifts",
        choices=list(map(str, Lifts)),
        help=("with `unrestrict`: what ends; `objection` only where the person asks for it"),
    )
    add("--name", help=f"with `rectify`: {HELP}. It is sealed to each terminal")
    add("--reply-key", type=Path, metavar="FILE", help="with `access`: the file that `central rights key` made")
    add(
        "--at",
        metavar="TIME",
        help=(
            "with `employment-ended`: the moment, in RFC 3339 with Z or an offset; the terminal "
            "does not act before it"
        ),
    )
    add("--version", help="with `policy` and `enrol`: the version of the policy")
    add(
        "--text",
        type=Path,
        metavar="FILE",
        help="with `policy` and `enrol`: the file with the policy's text; 12,000 characters at most to send it",
    )
    add(
        "--witness",
        metavar="N",
        help="with `enrol`: the staff number of whoever hands the ticket out, and explained the policy; not a name",
    )
    add(
        "--employer-agreed",
        action="store_true",
        help="with `enrol`: the employer has agreed to this use, which the policy asks for beside the consent",
    )
    add("--consent-again", action="store_true", help="with `policy`: match nobody until they agree to it")
    add("--record", action="append", metavar="ID",
        help=("with `release-evidence`: the id of a punch (`central punches`); may be repeated"
))  # fmt: skip
    add(
        "--ground",
        choices=list(map(str, ReleaseGround)),
        help=("with `release-evidence`: the ground; `--why` says more, for the audit log alone"),
    )
    add(
        "--everybody",
        action="store_true",
        help="with `delete-evidence`, in place of PERSON: the images of everybody",
    )
    add("--force", action="store_true", help="take the id although neither a record nor the roster names it")
    add(
        "--request",
        type=number,
        metavar="N",
        help="number of the request that the order answers (`central rights list`)",
    )
    add("--valid", type=duration, metavar="TIME",
        help=("how long the order holds for a terminal that is away (default: 31d, for `enrol` 1d; 92d at most)"
))  # fmt: skip
    add("--wait", type=duration, default=timedelta(seconds=30), metavar="TIME",
        help="how long to wait for the results (default: 30s)")  # fmt: skip
    add_doing(order)
    add_broker(order)
    add_json(order, array=True)

    owed = verb(verbs, "orders", "list the orders and the terminals without a result; send them again", run_orders)
    owed.add_argument("--all", action="store_true", help="list the orders that are answered, too")
    owed.add_argument(
        "--send", action="store_true", help="send the orders without a result again, each once an hour at most"
    )
    owed.add_argument(
        "--every",
        type=duration,
        metavar="TIME",
        help="with `--send`: send again and again, until every terminal has answered",
    )
    owed.add_argument(
        "--cancel", type=number, metavar="N",
        help=("send order N no more; needs `--why`. A terminal that has the order may still obey it"
),
    )  # fmt: skip
    add_doing(owed, why="")
    add_broker(owed)
    add_json(owed, array=True)


def run_order(arguments: argparse.Namespace) -> int:
    """Signs and stores the order, sends it, and waits for the results."""
    if arguments.name is not None:
        # before anything is locked, because the operator may type the name
        arguments.name = name_of(arguments.name)
    from edge.central import subject_requests
    from edge.central.authority import order_status

    with open_ledger(arguments.directory) as store, turn_of(arguments) as authority:
        if arguments.request is not None:
            subject_requests.require_open(authority.registry, arguments.request, arguments.person)
        _require_person(store, arguments)
        made = _issue(authority, store, arguments)
        followed = roster.follow(authority, store, arguments, made)
    with open_ledger(arguments.directory) as store, open_registry(arguments.directory) as registry:
        ids = {order.id for order in made}
        fresh = [one for one in registry.addressed() if one.order.id in ids]
        problem = _send(registry, arguments, fresh)
        fresh = [one for one in registry.addressed() if one.order.id in ids]
        deadline = time.monotonic() + arguments.wait.total_seconds() * (problem is None)
        while True:
            found = order_status.judged(fresh, store)
            if time.monotonic() >= deadline or not any(one.state is order_status.OrderState.OWED for one in found):
                break
            time.sleep(_LOOK_S)  # the ledger, another process, stores the results
        _print(found, arguments, store)
    if problem is not None:
        say(f"not sent: {problem}")
        print("it is kept, to be sent again")
        print(f"next          {at_centre(arguments, 'orders', '--send', broker=True)}")
    return (
        0
        if followed
        and all(one.state in {order_status.OrderState.DONE, order_status.OrderState.KEPT} for one in found)
        else 1
    )


def run_orders(arguments: argparse.Namespace) -> int:
    """Lists the orders, and sends those without a result."""
    from edge.central.authority import order_status

    if arguments.every is not None and not arguments.send:
        arguments.send = True
    if arguments.cancel is not None:
        return cancel.run(arguments)
    with open_ledger(arguments.directory) as store, open_registry(arguments.directory) as registry:
        while True:
            problem = None
            found = order_status.standing(registry, store)
            if arguments.send:
                problem = _send(registry, arguments, order_status.due(found))
                found = order_status.standing(registry, store)
            if arguments.every is None or not any(one.open for one in found):
                break
            if problem is not None:
                say(f"not sent: {problem}", flush=True)
            time.sleep(min(arguments.every.total_seconds(), _LONGEST_S))
        unanswered = {order_status.OrderState.OWED, order_status.OrderState.EXPIRED, order_status.OrderState.KEPT}
        shown = [one for one in found if arguments.all or one.state in unanswered]
        _print(shown, arguments, store)
    if not shown and not arguments.json:
        print("no order was given" if not found else "every order is answered; --all lists them")
    if problem is not None:
        say(f"not sent: {problem}")
    return (
        1
        if any(one.state in {order_status.OrderState.OWED, order_status.OrderState.EXPIRED} for one in found)
        else 0
    )


def _send(registry: "OrderRegister", arguments: argparse.Namespace, which: "list[Addressed]") -> str | None:
    """Sends the orders. Returns why it failed; None if all were sent."""
    from edge.central.authority import order_status
    from edge.central.broker.certificates import AUTHORITY
    from edge.errors import BrokerError

    try:
        unheard = order_status.send(registry, uplink(arguments, AUTHORITY), which)
    except BrokerError as error:
        return str(error)
    deaf = [f"{one.origin.site}/{one.origin.terminal}" for one in unheard]
    return None if not deaf else f"not delivered to {', '.join(deaf)}: not connected yet, or offline for too long"


def _issue(authority: "OpenAuthority", store: "Store", arguments: argparse.Namespace) -> "list[Order]":
    from edge.errors import RecordError

    site, names, everywhere = where(store, arguments.where)
    word, carried = Word(arguments.word), fields(Word(arguments.word), arguments)
    if word is Word.ENROL and everywhere:
        raise RecordError("`enrol` is for one terminal, so that it opens one enrolment; name it as SITE/TERMINAL")
    valid = arguments.valid or timedelta(days=1 if word is Word.ENROL else 31)
    options = {"valid": valid, "request": arguments.request}
    if word is Word.RECTIFY:
        # A name that is sealed to one terminal can be opened by no other.
        each = {one.origin.terminal: {**carried, "name": sealed_name(arguments, one)} for one in names}
        roster.before(authority, arguments)
        return authority.registry.issue_each(authority.key, authority.doing, site, word, each, **options)
    terminals = [one.origin.terminal for one in names]
    return [
        authority.registry.issue(
            authority.key, authority.doing, site, terminals, word, carried, everywhere=everywhere, **options
        )
    ]


def _require_person(store: "Store", arguments: argparse.Namespace) -> None:
    """Refuses an unknown person id. A terminal answers `done` to an order about a person whom it does not know, so
    a typing error would look like an erasure.
    """
    from edge.central.attendance.unanswerable import refuse_unknown

    if not arguments.force:
        refuse_unknown(store, arguments.person, "nothing was ordered. --force orders it all the same")


def _print(found: "list[OrderStatus]", arguments: argparse.Namespace, store: "Store") -> None:
    if arguments.json:
        print(json.dumps([_as_json(one) for one in found], indent=2))
        return
    for one in found:
        order = one.addressed.order
        about = order.person or order.fields.get("version", "")
        rest = one.detail or _how_far(one, store)
        where = f"{order.site}/{one.addressed.origin.terminal}"
        doubt = f"  [{one.doubt}]" if one.doubt else ""
        say(f"{order.sequence:>5}  {where}  {order.word} {about}  {one.state}: {rest}{doubt}")


def _how_far(one: "OrderStatus", store: "Store") -> str:
    """For an order without a result: how often it was sent, and what its terminal waits for."""
    from edge.central.authority import order_status
    from edge.central.ledger.terminal_claims import claims
    from edge.domain.protocol.order import PROTECTIVE

    if not one.addressed.times and one.addressed.trying:
        return f"perhaps sent: a command ended while it did so, at {one.addressed.trying}"
    if not one.addressed.times:
        return "not sent yet" if one.state is order_status.OrderState.OWED else "never sent"
    said = f"sent {counted(one.addressed.times, 'time')}, last {one.addressed.sent}"
    if one.state is not order_status.OrderState.OWED:
        return said
    claim = claims(store).get(one.addressed.origin)
    if claim is not None and _NO_CLOCK in claim.alarms and one.addressed.order.word not in PROTECTIVE:
        return f"{said}; the terminal's clock follows no time server, and until it does this order waits there"
    return f"{said}; --send sends it again when that was an hour ago"


def _as_json(one: "OrderStatus") -> dict[str, Any]:
    order = one.addressed.order
    return {
        "sequence": order.sequence, "id": order.id, "site": order.site, "terminal": one.addressed.origin.terminal,
        "order": str(order.word), "person": order.person, "issued": order.issued, "expires": one.addressed.expires,
        "sent": one.addressed.sent, "times": one.addressed.times, "state": str(one.state), "detail": one.detail,
        "doubt": one.doubt,
    }  # fmt: skip
