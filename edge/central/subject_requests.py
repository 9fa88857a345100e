"""What people ask for, at the centre: taken in, answered by orders, and ended once nothing speaks against it."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from edge.central.attendance.unanswerable import refuse_unknown
from edge.central.authority import order_status
from edge.central.authority.acting import AuthoritySession
from edge.central.authority.audit import verified
from edge.central.authority.order_status import OrderState, OrderStatus
from edge.central.authority.register import OrderRegister
from edge.central.authority.unasked_terminals import unasked
from edge.central.roster.held import contradicts
from edge.central.roster.schema import ROSTER_DB
from edge.central.roster.store import RosterStore
from edge.central.store.records import Store
from edge.domain.attendance.doubts import Doubt
from edge.domain.privacy.subject_requests import Request, Right, is_answer, requests
from edge.domain.protocol.audit_entry import Act, AuditEntry
from edge.errors import LedgerRefused, SmartClockerError


@dataclass(frozen=True, slots=True)
class Despite:
    """What an operator said in so many words, so that a request is closed although something speaks against it."""

    without_order: bool = False
    """It was answered, though nothing was ordered for it."""
    although_refused: bool = False
    """A terminal refused what was ordered."""


def take_in(
    session: AuthoritySession, store: Store, person: str, right: Right, received: date, *, force: bool
) -> AuditEntry:
    """Enter a request. With `force` also of somebody whom nothing here names. Raises QuestionError."""
    if not force:
        refuse_unknown(store, person, "no request was taken in. --force takes it in all the same")
    data = {"right": str(right), "received": received.isoformat()}
    return session.registry.enter(session.key, session.doing, Act.RIGHT_OPENED, data, person)


def orders_for(request: Request, registry: OrderRegister, store: Store) -> list[OrderStatus]:
    """What was ordered for a request, at each terminal. Raises LedgerError."""
    sent = [one for one in registry.addressed() if one.order.id in request.orders]
    return order_status.judged(sent, store)


def require_open(registry: OrderRegister, number: int, person: str | None) -> Request:
    """The open request of this number, which an order about this person answers. Raises LedgerRefused."""
    request = _open(registry, number)
    if request is None or request.person != person:
        raise LedgerRefused(f"--request {number}: no open request of this person; `central rights list` shows them")
    return request


def refuse(session: AuthoritySession, number: int, ground: str) -> None:
    """End a request by refusing it. Raises LedgerRefused where none of this number is open."""
    _end(session, Act.RIGHT_REFUSED, _require(session.registry, number), {"request": number, "ground": ground})


def close(session: AuthoritySession, store: Store, number: int, ground: str, despite: Despite) -> None:
    """End a request that was answered. Raises LedgerRefused, with the cure, for one that was not."""
    request = _require(session.registry, number)
    orders = orders_for(request, session.registry, store)
    _refuse_unanswered(store, request, orders, despite)
    fitting = [one for one in orders if is_answer(request.right, one.addressed.order.word)]
    if not despite.without_order:
        _refuse_unasked(store, request, fitting)
    why = contradicts(store.path.parent, request.person, request.right)
    if why is not None:
        raise LedgerRefused(f"{number}: {why}, then close; or `central rights refuse` with the legal ground")
    data = {"request": number, "ground": ground}
    _end(session, Act.RIGHT_CLOSED, request, data | _spoke_against(request, fitting, despite))


def sites_of(store: Store, person: str) -> list[str]:
    """Where somebody is known, by a terminal's own records or by the roster; every site where that is nowhere."""
    active = {one.origin.site for one in store.terminals() if one.revoked is None}
    known = {one.site for one in unasked(store, person, ())}
    if (store.path.parent / ROSTER_DB).exists():
        # the request is in the log by now: a roster that cannot be read makes the list longer, no more
        with contextlib.suppress(SmartClockerError), RosterStore(store.path.parent) as roster:
            known |= {site for site in roster.sites() if person in roster.members(site)}
    return sorted(known & active or active)


def _open(registry: OrderRegister, number: int) -> Request | None:
    known = {one.number: one for one in requests(verified(registry))}
    request = known.get(number)
    return None if request is None or request.ended is not None else request


def _require(registry: OrderRegister, number: int) -> Request:
    request = _open(registry, number)
    if request is None:
        raise LedgerRefused(f"{number}: no open request; `central rights list` shows them")
    return request


def _end(session: AuthoritySession, act: Act, request: Request, data: Mapping[str, Any]) -> None:
    session.registry.enter(session.key, session.doing, act, data, request.person)


def _refuse_unanswered(store: Store, request: Request, orders: Sequence[OrderStatus], despite: Despite) -> None:
    """While a terminal that may speak has not done what was ordered for this request. Raises LedgerRefused.

    An order that was cancelled is waited for, too, unless the request is ended without one by an express word.
    """
    active = {one.origin for one in store.terminals() if one.revoked is None}
    open_ones = [one for one in order_status.unanswered(orders) if one.addressed.origin in active]
    late = [one for one in open_ones if not (despite.without_order and one.state is OrderState.CANCELLED)]
    if late:
        names = ", ".join(sorted({f"{one.addressed.origin.terminal} ({one.doubt or one.state})" for one in late}))
        raise LedgerRefused(
            f"{request.number}: no result yet of {names}; `central orders --send` sends what is owed; "
            "what expired, was cancelled or is unproven is to be ordered again, with --request "
            f"{request.number}; of a terminal that is gone for good `central revoke` ends the identity; where "
            "the person was answered otherwise, cancel what is owed and give --without-order; then close"
        )


def _refuse_unasked(store: Store, request: Request, orders: Sequence[OrderStatus]) -> None:
    """While a terminal knows the person by its own records and was not ordered it. Raises LedgerRefused.

    What else is asked for goes to every terminal with the roster; what a terminal keeps of its own does not.
    """
    if not orders or request.right not in {Right.ACCESS, Right.PORTABILITY, Right.ERASURE}:
        return
    left = unasked(store, request.person, {one.addressed.origin for one in orders})
    if left:
        names = ", ".join(f"{one.site}/{one.terminal}" for one in left)
        raise LedgerRefused(
            f"{request.number}: {names} has records of this person, and was not ordered it; order it there, "
            f"too, with --request {request.number}; of a terminal that is gone for good `central revoke` ends "
            "the identity; then close"
        )


def _spoke_against(request: Request, orders: Sequence[OrderStatus], despite: Despite) -> dict[str, Any]:
    """What speaks against the end and was overridden, as the log keeps it. Raises LedgerRefused for the rest."""
    said = {OrderState.DONE, OrderState.REFUSED}
    if not any(one.state in said and one.doubt is not Doubt.UNPROVEN for one in orders):
        if not despite.without_order:
            raise LedgerRefused(
                f"{request.number}: nothing was ordered for it that answers {request.right}, or no terminal "
                "answered; give `central order` with --request "
                f"{request.number}, or --without-order where it was answered otherwise, and --ground says how"
            )
        return {"without_order": True}
    refused = sorted({one.addressed.origin.terminal for one in order_status.refused(orders)})
    if refused and not despite.although_refused:
        raise LedgerRefused(
            f"{request.number}: {', '.join(refused)} refused what was ordered; `central rights list` says why. "
            f"Order it again so that it can be done, with --request {request.number}; or --although-refused, "
            "and --ground says why that is an answer"
        )
    return {"refused": refused} if refused else {}
