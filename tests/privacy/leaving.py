"""Who leaves: by erasure, withdrawal, age, and the end of an employment on its date."""

from datetime import datetime, timedelta
from unittest.mock import patch

from edge.central.roster import order_follower
from tests.privacy import cast, tracing
from tests.privacy.company import Company, Employee
from tests.privacy.findings import Findings
from tests.privacy.rights import ask, close

Traces = dict[str, dict[str, bytes]]
"""By person: what was stored of them."""


def plant(company: Company, findings: Findings) -> Traces:
    """What is to be gone later is found now: the scanner sees."""
    traces: Traces = {}
    for role, promise in _LEAVERS.items():
        one = company.staff[role]
        traces[one.person] = stored = tracing.stored(company, one)
        findings.equal(promise, "traces found before", tracing.found_of(company, stored), set(stored))
    return traces


def at_once(company: Company, findings: Findings, traces: Traces) -> str:
    """Three of them; the number of the request for erasure, which the absent terminal keeps open."""
    erased, withdraws, child = (company.staff[role] for role in (cast.ERASED, cast.WITHDRAWS, cast.CHILD))
    number = ask(company, erased, "erasure")
    _go(company, erased, "erase", "--reason", "requested", "--request", number)
    _gone(company, findings, "erasure", erased, traces)
    said = company.whole.show(erased.photo or "")
    findings.equal("erasure", "the camera sees them again; the cue", said, "refused")
    code = close(company, number)
    findings.note("month", code != 0, f"the erasure cannot be closed while {company.away.name} owes it")

    withdrawal = ask(company, withdraws, "withdrawal")
    company.order("*", "withdraw", withdraws.person, "--request", withdrawal)
    findings.until("withdrawal", "matched at no terminal", lambda: not _matched(company, withdraws))
    findings.note("withdrawal", company.reception.offer(withdraws.face) != "punch", "their face opened nothing")
    company.publish()
    _gone(company, findings, "withdrawal", withdraws, traces)

    def last_word() -> object:
        states = [one.data["state"] for one in company.reception.records()
                  if one.kind == "consent" and one.data["person"] == withdraws.person]  # fmt: skip
        return states[-1]

    findings.until("withdrawal", "the last word of their consent: withdrawn", lambda: last_word() == "withdrawn")

    _go(company, child, "under-age")
    _gone(company, findings, "age", child, traces)
    findings.until("age", "the reason on record: under-age", lambda: _reasons(company, child) == {"under-age"})
    return number


def announce(company: Company, findings: Findings) -> None:
    """An employment that ends in ten days."""
    one = company.staff[cast.LEAVES]
    at = datetime.fromisoformat(company.reception.clock.evidence().utc) + timedelta(days=10)
    company.order("*", "employment-ended", one.person, "--at", at.isoformat())
    names = {gate.name for gate in company.present}

    def kept() -> bool:
        rows = [row for row in company.listed("orders") if row["order"] == "employment-ended"]
        return names <= {row["terminal"] for row in rows if row["state"] == "kept"}

    findings.until("termination", f"kept by {len(names)} terminals until its date", kept)
    findings.equal("termination", "before it, their face gives a", company.reception.offer(one.face), "punch")


def on_the_day(company: Company, findings: Findings, traces: Traces) -> None:
    """Eleven days on."""
    one = company.staff[cast.LEAVES]
    findings.note("termination", all(one.person in gate.matched() for gate in company.present),
                  "the day before, they are matched")  # fmt: skip
    for gate in company.present:
        gate.clock.pass_by(timedelta(days=11))
        gate.clock.hurry(11)
    findings.until("termination", "after it, matched nowhere", lambda: not _matched(company, one))
    findings.until("termination", "the reason on record: employment-ended",
                   lambda: _reasons(company, one) == {"employment-ended"})  # fmt: skip
    with patch.object(order_follower, "now", lambda: company.reception.clock.evidence().utc):
        company.publish()  # the centre's clock is the story's, too
    _gone(company, findings, "termination", one, traces)


def _go(company: Company, one: Employee, *order: object) -> None:
    """By the order alone: the roster follows it."""
    word, *rest = order
    company.order("*", word, one.person, *rest)
    company.publish()


def _gone(company: Company, findings: Findings, promise: str, one: Employee, traces: Traces) -> None:
    findings.until(promise, "matched nowhere", lambda: not _matched(company, one))
    away = company.away.name
    stored = {name: raw for name, raw in traces[one.person].items() if not name.startswith(away)}
    findings.until(promise, f"of {len(stored)} traces at terminals, centre and broker none is left",
                   lambda: not tracing.left_of(company, stored, skip={away}))  # fmt: skip
    if promise != "withdrawal":
        owed = len(company.present)
        findings.until(promise, f"a signed statement of it by each of {owed} terminals",
                       lambda: len({said.source for said in _erasures(company, one)}) >= owed)  # fmt: skip


def _erasures(company: Company, one: Employee) -> list:
    return [_Said(gate.name, record.data) for gate in company.gates for record in gate.records()
            if record.kind == "erased" and record.data["person"] == one.person]  # fmt: skip


def _reasons(company: Company, one: Employee) -> set[str]:
    return {str(said.data["reason"]) for said in _erasures(company, one)}


class _Said:
    def __init__(self, source: str, data: dict[str, object]) -> None:
        self.source, self.data = source, data


def _matched(company: Company, one: Employee) -> bool:
    return any(one.person in gate.matched() for gate in company.present)


_LEAVERS = {cast.ERASED: "erasure", cast.WITHDRAWS: "withdrawal", cast.CHILD: "age", cast.LEAVES: "termination"}
