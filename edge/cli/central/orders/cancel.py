"""`smartclocker central orders --cancel`: cancels an order, so that it is not sent again."""

import argparse
from typing import TYPE_CHECKING

from edge.cli.central.authority import turn_of
from edge.cli.central.directory import open_ledger
from edge.cli.output.plain_text import say

if TYPE_CHECKING:
    from edge.central.authority.order_status import OrderStatus


def run(arguments: argparse.Namespace) -> int:
    """Cancels one order, and prints what the cancellation cannot undo."""
    from edge.central.authority import order_status
    from edge.domain.protocol.order import FOLLOWED, Word
    from edge.errors import LedgerRefused

    if not arguments.why:
        raise LedgerRefused("--cancel needs --why, one line for the audit log; give it")
    with open_ledger(arguments.directory) as store, turn_of(arguments) as authority:
        found = [
            one
            for one in order_status.standing(authority.registry, store)
            if one.addressed.order.sequence == arguments.cancel
        ]
        waiting = [one for one in found if one.state is order_status.OrderState.OWED]
        if not waiting:
            raise LedgerRefused(
                f"{arguments.cancel}: {_why_not(found)}; `central orders DIR --all` lists the orders"
            )
        order = waiting[0].addressed.order
        if order.word is Word.ROTATE:
            raise LedgerRefused(
                f"{arguments.cancel}: a rotation is done already, and its order only announces it; send it"
            )
        authority.registry.cancel(authority.key, authority.doing, order)
        # From here on no command begins to send the order. A command that began before is seen in the status that
        # is read now.
        found = [
            one for one in order_status.standing(authority.registry, store) if one.addressed.order.id == order.id
        ]
    for one in found:
        say(f"{order.sequence:>5}  {order.site}/{one.addressed.origin.terminal}  {order.word}  {_said(one)}")
    if order.word in {Word.EMPLOYMENT_ENDED, Word.EMPLOYMENT_CONTINUES}:
        say("the centre's own roster goes by what was said of this employment before, and so will `roster publish`")
    elif order.word in FOLLOWED:
        say("the centre's own roster stays as the order left it; `central roster list` shows it")
    return 0


def _why_not(found: "list[OrderStatus]") -> str:
    if not found:
        return "no order has this number"
    states = ", ".join(sorted({str(one.state) for one in found}))
    kept = "; an end of employment that a terminal keeps is lifted by `employment-continues`"
    return f"no terminal is still to answer it ({states}){kept if 'kept' in states else ''}"


def _said(one: "OrderStatus") -> str:
    from edge.central.authority import order_status

    if one.state is not order_status.OrderState.CANCELLED:
        return f"{one.state} before the cancellation; only another order can undo it, if there is one"
    if one.addressed.trying:
        told = "a command is sending it, or ended while it did, so that the terminal may still obey it"
        return f"cancelled; {told}, until {one.addressed.expires}"
    if one.addressed.times:
        return f"cancelled; it was sent, so that the terminal may still obey it, until {one.addressed.expires}"
    return "cancelled; it was never sent"
