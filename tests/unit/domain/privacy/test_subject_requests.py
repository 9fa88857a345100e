"""The month of a request, and what the log makes of it."""

from datetime import date

import pytest

from edge.domain.privacy.subject_requests import RequestStanding, month_after, requests, standing
from edge.domain.protocol.audit_entry import Act, AuditEntry
from edge.errors import RecordError
from tests.support.people import ANN


def entry(n: int, act: Act, person: str | None = ANN, **data: object) -> AuditEntry:
    return AuditEntry(n, "0" * 64, "2026-03-01T08:00:00.000Z", "Pat", str(act), "asked by letter", person, data)


@pytest.mark.parametrize(
    ("day", "due"),
    [("2026-03-05", "2026-04-05"), ("2026-01-31", "2026-02-28"), ("2028-01-31", "2028-02-29"),
     ("2026-12-15", "2027-01-15"), ("2026-05-31", "2026-06-30")],
)  # fmt: skip
def test_a_month_is_a_calendar_month(day: str, due: str) -> None:
    assert month_after(date.fromisoformat(day)) == date.fromisoformat(due)


def test_a_request_is_due_overdue_and_ended_once() -> None:
    opened = entry(1, Act.RIGHT_OPENED, right="erasure", received="2026-03-05")
    ordered = entry(2, Act.ORDER, request=1, id="c" * 32)
    other = entry(3, Act.ORDER, id="d" * 32)
    (request,) = requests([opened, ordered, other])
    assert (request.number, request.orders) == (1, ("c" * 32,))
    assert standing(request, date(2026, 4, 5)) is RequestStanding.DUE
    assert standing(request, date(2026, 4, 6)) is RequestStanding.OVERDUE
    refused = entry(4, Act.RIGHT_REFUSED, request=1, ground="art. 17 (3) (e): a claim is pending")
    again = entry(5, Act.RIGHT_CLOSED, request=1, ground="changed")
    (request,) = requests([opened, ordered, refused, again])
    assert standing(request, date(2027, 1, 1)) is RequestStanding.REFUSED
    assert request.ground == "art. 17 (3) (e): a claim is pending"
    (request,) = requests([opened, again])
    assert standing(request, date(2027, 1, 1)) is RequestStanding.DONE


def test_an_entry_is_one_line_a_field_and_names_nobody() -> None:
    good = entry(1, Act.NOTE)
    assert AuditEntry.decode(good.encode()) == good
    for wrong in ("Ann Example", "A" * 26):
        with pytest.raises(RecordError, match="never write a name"):
            entry(1, Act.NOTE, wrong).encode()
    for changes in ({"by": ""}, {"why": "two\nlines"}, {"act": "No Word"}, {"n": 0}, {"prev": "x"}, {"at": "now"}):
        values = {name: getattr(good, name) for name in AuditEntry.__slots__} | changes
        with pytest.raises(RecordError):
            AuditEntry(**values).encode()
