"""Which terminal owes what: each order beside the result that the terminal's own signed record says of it."""

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
"""An order without an answer is sent again after so long: the broker's queue holds the one before."""


class OrderState(StrEnum):
    """How an order stands at one terminal."""

    DONE = "done"
    REFUSED = "refused"
    KEPT = "kept"
    """The terminal holds it until its instant."""
    OWED = "owed"
    EXPIRED = "expired"
    """It ended without an answer: issue it again."""
    CANCELLED = "cancelled"
    """It is not sent again. A terminal that has it may obey it yet, and its answer stands here then."""


@dataclass(frozen=True, slots=True)
class OrderStatus:
    """One order at one terminal."""

    addressed: Addressed
    state: OrderState
    detail: str | None
    doubt: Doubt | None = None
    """Against the answer."""

    @property
    def open(self) -> bool:
        """Whether an answer is still to come."""
        return self.state in {OrderState.OWED, OrderState.KEPT}


def standing(registry: OrderRegister, store: Store) -> list[OrderStatus]:
    """Every order at every terminal that it names. Raises LedgerError."""
    return judged(registry.addressed(), store)


def judged(sent: Sequence[Addressed], store: Store) -> list[OrderStatus]:
    """How these stand; no other is looked at. Raises LedgerError."""
    answers = results(store, {one.order.id for one in sent})
    today = now()
    return [_judge(one, answers.get((one.origin, one.order.id)), today) for one in sent]


def unanswered(orders: Iterable[OrderStatus]) -> list[OrderStatus]:
    """Of the orders for one purpose those that their terminals did not carry out, nor a later one of the same word.

    One that was cancelled asks for nothing, unless there is no other for its terminal.
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
    # what came since an identity is not believed any more is nobody's answer
    found = [one for one in last.values() if one.state in late or one.doubt is Doubt.UNPROVEN]
    return [*found, *(one for origin, one in cancelled.items() if origin not in others)]


def refused(orders: Iterable[OrderStatus]) -> list[OrderStatus]:
    """Of the orders for one purpose those that their terminals refused, and no later one of the same word there.

    A terminal that does not know the person has nothing to do, where another one that does has done it.
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
    """Hand them to the broker and remember it; those for which nobody listens.

    What was cancelled since `which` was read, or sent by another command, is left out: that is settled once the
    connection stands, in one transaction, before the first byte goes. Raises BrokerError, LedgerError.
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
    """What is owed and was never sent, or long enough ago."""
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
