"""Requests of data subjects at the centre: entering a request, answering it by orders, refusing it, and closing
it.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from edge.central.attendance.unanswerable import refuse_unknown
from edge.central.authority import order_status
from edge.central.authority.acting import OpenAuthority
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
    """What an operator stated explicitly, so that a request is closed although something speaks against it."""

    without_order: bool = False
    """The request was answered although nothing was ordered for it."""
    although_refused: bool = False
    """The request is closed although a terminal refused the order."""


def take_in(
    authority: OpenAuthority, store: Store, person: str, right: Right, received: date, *, force: bool
) -> AuditEntry:
    """Enters a request in the audit log. `force` also accepts a person that no record or roster names.

    Raises QuestionError.
    """
    if not force:
        refuse_unknown(store, person, "no request was taken in. --force takes it in all the same")
    data = {"right": str(right), "received": received.isoformat()}
    return authority.registry.enter(authority.key, authority.doing, Act.RIGHT_OPENED, data, person)


def orders_for(request: Request, registry: OrderRegister, store: Store) -> list[OrderStatus]:
    """The orders for a request, one status for each terminal. Raises LedgerError."""
    sent = [one for one in registry.addressed() if one.order.id in request.orders]
    return order_status.judged(sent, store)


def require_open(registry: OrderRegister, number: int, person: str | None) -> Request:
    """The open request of this number, if it is of this person. Raises LedgerRefused otherwise."""
    request = _open(registry, number)
    if request is None or request.person != person:
        raise LedgerRefused(f"--request {number}: no open request of this person; `central rights list` shows them")
    return request


def refuse(authority: OpenAuthority, number: int, ground: str) -> None:
    """Ends a request by refusing it. Raises LedgerRefused if no request of this number is open."""
    _end(authority, Act.RIGHT_REFUSED, _require(authority.registry, number), {"request": number, "ground": ground})


def close(authority: OpenAuthority, store: Store, number: int, ground: str, despite: Despite) -> None:
    """Ends a request that was answered. Raises LedgerRefused, with the cure, if it was not."""
    request = _require(authority.registry, number)
    orders = orders_for(request, authority.registry, store)
    _refuse_unanswered(store, request, orders, despite)
    fitting = [one for one in orders if is_answer(request.right, one.addressed.order.word)]
    if not despite.without_order:
        _refuse_unasked(store, request, fitting)
    why = contradicts(store.path.parent, request.person, request.right)
    if why is not None:
        raise LedgerRefused(f"{number}: {why}, then close; or `central rights refuse` with the legal ground")
    data = {"request": number, "ground": ground}
    _end(authority, Act.RIGHT_CLOSED, request, data | _spoke_against(request, fitting, despite))


def sites_of(store: Store, person: str) -> list[str]:
    """The sites where a terminal's records or the roster name this person; every site if there is none."""
    active = {one.origin.site for one in store.terminals() if one.revoked is None}
    known = {one.site for one in unasked(store, person, ())}
    if (store.path.parent / ROSTER_DB).exists():
        # The request is already in the log. If the roster cannot be read, the list is only longer.
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


def _end(authority: OpenAuthority, act: Act, request: Request, data: Mapping[str, Any]) -> None:
    authority.registry.enter(authority.key, authority.doing, act, data, request.person)


def _refuse_unanswered(store: Store, request: Request, orders: Sequence[OrderStatus], despite: Despite) -> None:
    """Refuses to close while a registered terminal has not carried out an order for this request. Raises
    LedgerRefused.

    A cancelled order also counts as not carried out, unless `without_order` is given.
    """
    active = {one.origin for one in store.terminals() if one.revoked is None}
    open_ones = [one for one in order_status.unanswered(orders) if one.addressed.origin in active]
    late = [one for one in open_ones if not (despite.without_order and one.state is OrderState.CANCELLED)]
    if late:
        names = ", ".join(sorted({f"{one.addressed.origin.terminal} ({one.doubt or one.state})" for one in late}))
        raise LedgerRefused(
            f"{request.number}: no result yet of {names}; `central orders --send` sends orders again; "
            "order again what expired, was cancelled or is unproven, with --request "
            f"{request.number}; if a terminal will not come back, `central revoke` its identity; if the person "
            "was answered otherwise, cancel the open orders and give --without-order; then close"
        )


def _refuse_unasked(store: Store, request: Request, orders: Sequence[OrderStatus]) -> None:
    """Refuses to close while a terminal has its own records of the person and got no order. Raises LedgerRefused.

    Only access, portability and erasure need this. Everything else reaches every terminal with the roster.
    """
    if not orders or request.right not in {Right.ACCESS, Right.PORTABILITY, Right.ERASURE}:
        return
    left = unasked(store, request.person, {one.addressed.origin for one in orders})
    if left:
        names = ", ".join(f"{one.site}/{one.terminal}" for one in left)
        raise LedgerRefused(
            f"{request.number}: {names} has records of this person and got no order for it; order it there, too, "
            f"with --request {request.number}; if a terminal will not come back, `central revoke` its identity; "
            "then close"
        )


def _spoke_against(request: Request, orders: Sequence[OrderStatus], despite: Despite) -> dict[str, Any]:
    """The overridden objections to closing the request, for the audit log. Raises LedgerRefused if one is not
    overridden.
    """
    said = {OrderState.DONE, OrderState.REFUSED}
    if not any(one.state in said and one.doubt is not Doubt.UNPROVEN for one in orders):
        if not despite.without_order:
            raise LedgerRefused(
                f"{request.number}: nothing was ordered for it that answers {request.right}, or no terminal "
                "answered; give `central order` with --request "
                f"{request.number}, or --without-order if it was answered otherwise, and say how with --ground"
            )
        return {"without_order": True}
    refused = sorted({one.addressed.origin.terminal for one in order_status.refused(orders)})
    if refused and not despite.although_refused:
        raise LedgerRefused(
            f"{request.number}: {', '.join(refused)} refused what was ordered; `central rights list` says why. "
            f"Order it again so that it can be done, with --request {request.number}; or give --although-refused, "
            "and say with --ground why that answers the request"
        )
    return {"refused": refused} if refused else {}
