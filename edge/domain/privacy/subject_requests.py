"""Requests of enrolled people for their rights, and the month in which each is answered (GDPR art. 12 (3)).

A request is what the audit log says of it; nothing else is kept.
"""

import calendar
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from edge.domain.protocol.audit_entry import Act, AuditEntry
from edge.domain.protocol.order import ERASING, Word


class Right(StrEnum):
    """The rights that a person can claim."""

    ACCESS = "access"
    PORTABILITY = "portability"
    RECTIFICATION = "rectification"
    ERASURE = "erasure"
    RESTRICTION = "restriction"
    OBJECTION = "objection"
    WITHDRAWAL = "withdrawal"


ANSWERS: Mapping[str, frozenset[Word]] = {
    Right.ACCESS: frozenset({Word.ACCESS}),
    Right.PORTABILITY: frozenset({Word.ACCESS}),
    Right.RECTIFICATION: frozenset({Word.RECTIFY}),
    Right.ERASURE: ERASING,
    Right.RESTRICTION: frozenset({Word.RESTRICT, Word.OBJECT}) | ERASING,
    Right.OBJECTION: frozenset({Word.OBJECT}) | ERASING,
    Right.WITHDRAWAL: frozenset({Word.WITHDRAW}) | ERASING,
}
"""The orders that answer each request. Another order may go with it meanwhile, and does not end it."""


_AHEAD = timedelta(hours=14)
"""The offset from UTC of the place where a day begins first."""


def is_answer(right: str, word: Word) -> bool:
    """Whether an order of this word answers a request for this right; for a right of a newer version each does."""
    return right not in ANSWERS or word in ANSWERS[right]


def is_future(day: date, now: datetime) -> bool:
    """Whether a day has begun nowhere yet: a letter comes in Auckland to a centre whose zone is UTC."""
    return day > (now + _AHEAD).date()


class RequestStanding(StrEnum):
    """State of a request."""

    DUE = "due"
    OVERDUE = "overdue"
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Request:
    """One request of one person."""

    number: int
    """Id of the entry that opened it."""
    person: str
    right: str
    received: date
    due: date
    orders: tuple[str, ...] = ()
    """Ids of the orders that were given for it."""
    ended: Act | None = None
    """RIGHT_CLOSED or RIGHT_REFUSED; None while it is open."""
    ended_at: str | None = None
    ground: str | None = None
    """Why it was refused, or how it was answered."""


def month_after(day: date) -> date:
    """The same day of the next month, or its last where it has no such day."""
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def requests(entries: Iterable[AuditEntry]) -> list[Request]:
    """Every request in the log, the oldest first. A request that was ended stays as it ended."""
    found: dict[int, Request] = {}
    for entry in entries:
        if entry.act == Act.RIGHT_OPENED and entry.person is not None:
            received = date.fromisoformat(str(entry.data["received"]))
            right = str(entry.data["right"])
            found[entry.n] = Request(entry.n, entry.person, right, received, month_after(received))
            continue
        request = found.get(entry.data.get("request", 0))
        if request is None or request.ended is not None:
            continue
        if entry.act == Act.ORDER:
            found[request.number] = replace(request, orders=(*request.orders, str(entry.data["id"])))
        elif entry.act in {Act.RIGHT_CLOSED, Act.RIGHT_REFUSED}:
            found[request.number] = replace(
                request, ended=Act(entry.act), ended_at=entry.at, ground=str(entry.data["ground"])
            )
    return list(found.values())


def standing(request: Request, today: date) -> RequestStanding:
    """State of a request on a day; the last day of the month still counts."""
    if request.ended is Act.RIGHT_REFUSED:
        return RequestStanding.REFUSED
    if request.ended is Act.RIGHT_CLOSED:
        return RequestStanding.DONE
    return RequestStanding.OVERDUE if today > request.due else RequestStanding.DUE
