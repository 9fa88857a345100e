"""The status of each order at each terminal, from the result in the terminal's own signed record."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from edge.adapters.mqtt.tls import UplinkSettings
from edge.central.authority.register import Addressed, OrderRegister
from edge.central.broker.posting import CommandMessage, connected, hand_over
from edge.central.store.command_results import CommandResult, results
from edge.central.store.model import now
from edge.central.store.records import Store
from edge.domain.attendance.doubts import Doubt
from edge.domain.protocol.order import NOBODY_HERE
from edge.domain.protocol.record import Origin
from edge.domain.protocol.record_kinds import CommandOutcome

AGAIN_AFTER = timedelta(hours=1)
"""An order without a result is sent again after this time; until then the broker's queue still holds it."""


class OrderState(StrEnum):
    """The state of an order at one terminal."""

    DONE = "done"
    REFUSED = "refused"
    KEPT = "kept"
    """The terminal keeps the order until the instant that it names."""
    OWED = "owed"
    EXPIRED = "expired"
    """The order ended without a result; issue it again."""
    CANCELLED = "cancelled"
    """The order is not sent again. A terminal that has it may still carry it out; its result is then shown here."""


@dataclass(frozen=True, slots=True)
class OrderStatus:
    """The status of one order at one terminal."""

    addressed: Addressed
    state: OrderState
    detail: str | None
    doubt: Doubt | None = None
    """The doubt about the result."""

    @property
    def open(self) -> bool:
        """Whether a result is still expected."""
        return self.state in {OrderState.OWED, OrderState.KEPT}


def standing(registry: OrderRegister, store: Store) -> list[OrderStatus]:
    """The status of every order at every terminal that it names. Raises LedgerError."""
    return judged(registry.addressed(), store)


def judged(sent: Sequence[Addressed], store: Store) -> list[OrderStatus]:
    """The status of these orders. Raises LedgerError."""
    answers = results(store, {one.order.id for one in sent})
    today = now()
    return [_judge(one, answers.get((one.origin, one.order.id)), today) for one in sent]


def unanswered(orders: Iterable[OrderStatus]) -> list[OrderStatus]:
    """Those of the orders for one purpose that their terminal has not carried out, nor a later one of the same
    word.

    A cancelled order counts only if there is no other order for its terminal.
    """
    last: dict[tuple[Origin, str], OrderStatus] = {}
    cancelled: dict[Origin, OrderStatus] = {}
    for one in sorted(orders, key=lambda one: one.addressed.order.sequence):
        if one.state is OrderState.CANCELLED:
            cancelled[one.addressed.origin] = one
        else:
            last[one.addressed.origin, one.addressed.order.word] = one
    others = {origin for origin, _ in last}
    late = {OrderState.OWED, OrderState.KEPT, OrderState.EXPIRED}
    # A result that came after the identity was doubted does not count.
    found = [one for one in last.values() if one.state in late or one.doubt is Doubt.UNPROVEN]
    return [*found, *(one for origin, one in cancelled.items() if origin not in others)]


def refused(orders: Iterable[OrderStatus]) -> list[OrderStatus]:
    """Those of the orders for one purpose that their terminal refused, if it has no later one of the same word.

    A terminal that does not know the person has nothing to do; its refusal does not count if another terminal
    carried out the same word.
    """
    ordered = sorted(orders, key=lambda one: one.addressed.order.sequence)
    standing_ones = [one for one in ordered if one.state is not OrderState.CANCELLED]
    last = {(one.addressed.origin, one.addressed.order.word): one for one in standing_ones}
    done = {word for (_, word), one in last.items() if one.state is OrderState.DONE}
    return [
        one
        for (_, word), one in last.items()
        if one.state is OrderState.REFUSED and not (one.detail == NOBODY_HERE and word in done)
    ]


def send(registry: OrderRegister, uplink: UplinkSettings, which: Sequence[Addressed]) -> list[Addressed]:
    """Passes orders to the broker and stores that they were sent. Returns those for which no terminal was
    subscribed.

    Orders that were cancelled or sent by another command since `which` was read are left out. One transaction
    decides that after the connection is made and before the first byte is sent. Raises BrokerError, LedgerError.
    """
    if not which:
        return []
    with connected(uplink) as link:
        mine = registry.claim(which)
        heard = hand_over(link, [CommandMessage(one.origin, one.wire, one.expires) for one in mine])
    deaf = [one for one, by in zip(mine, heard, strict=True) if not by]
    registry.sent([one for one, by in zip(mine, heard, strict=True) if by], deaf)
    return deaf


def due(owing: Iterable[OrderStatus], again_after: timedelta = AGAIN_AFTER) -> list[Addressed]:
    """The orders without a result that were never sent, or were sent at least `again_after` ago."""
    limit = datetime.now(UTC) - again_after
    return [
        one.addressed
        for one in owing
        if one.state is OrderState.OWED
        and (one.addressed.sent is None or datetime.fromisoformat(one.addressed.sent) <= limit)
    ]


def _judge(one: Addressed, said: CommandResult | None, today: str) -> OrderStatus:
    if said is None and one.cancelled:
        return OrderStatus(one, OrderState.CANCELLED, None)
    if said is None:
        return OrderStatus(one, OrderState.EXPIRED if today >= one.expires else OrderState.OWED, None)
    words = {CommandOutcome.PARTLY: OrderState.KEPT, CommandOutcome.REFUSED: OrderState.REFUSED}
    return OrderStatus(one, words.get(CommandOutcome(said.outcome), OrderState.DONE), said.detail, said.doubt)
