"""Every right that is not leaving: access, portability, rectification, restriction, objection; and the month."""

import json
import re
from datetime import UTC, datetime, timedelta

from edge.domain.people.credentials import Token
from tests.privacy import cast
from tests.privacy.company import Company, Employee
from tests.privacy.findings import Findings

WHO = ("--by", "Pat", "--why", "asked by letter")


def ask(company: Company, one: Employee, right: str, *words: str) -> str:
    """Open a request; its number."""
    code, said = company.central("rights open", one.person, right, *words, *WHO)
    match = re.search(r"request (\d+):", said)
    if code != 0 or match is None:
        raise RuntimeError(f"a request for {right} could not be opened")
    return match[1]


def close(company: Company, number: str, how: str = "answered") -> int:
    """End a request; its exit code."""
    return company.central("rights close", number, "--ground", how, *WHO)[0]


def every(company: Company, findings: Findings) -> None:
    """One person each. The terminal that is away answers later."""
    _access(company, findings)
    _rectify(company, findings)
    _restrict(company, findings)
    _object(company, findings)
    _month(company, findings)


def _access(company: Company, findings: Findings) -> None:
    one, gate = company.staff[cast.ASKS], company.reception
    key = company.root / "requester.key"
    company.bare("rights", "key", str(key))
    for right in ("access", "portability"):
        number = ask(company, one, right)
        asked = _knowing(company, one)
        for name in sorted(asked):
            company.order(name, "access", one.person, "--reply-key", key, "--request", number)
        folder = gate.state / "access"
        findings.until(
            right,
            "an answer lies at each that knows them",
            lambda names=asked: not names & company.owing(),
        )
        answers = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns) if folder.exists() else []
        if not findings.note(right, answers, f"{len(answers)} sealed answers"):
            continue
        into = company.root / f"opened-{right}"
        into.mkdir()
        company.bare(
            "rights",
            "read",
            str(answers[-1]),
            "--key",
            str(key),
            "--into",
            str(into),
            "--ledger",
            str(company.centre),
        )
        data = json.loads((into / "data.json").read_text(encoding="utf-8"))
        page = (into / "page.html").read_text(encoding="utf-8")
        findings.note(right, one.name.encode() not in answers[-1].read_bytes(), "what lies there is sealed")
        if right == "access":
            findings.note(
                right, one.name in page and one.person in page, "a page to read names the person and the id"
            )
            kinds = sorted({record["type"].split(".")[1] for record in data["records"]})
            findings.note(right, "punch" in kinds or "consent" in kinds, f"records of the kinds {', '.join(kinds)}")
        else:
            counted = sum(item["count"] for item in data["templates"])
            found = (data["name"] == one.name, len(data["consents"]), counted)
            findings.equal(right, "name, consents and templates in data.json", found, (True, 1, 3))
        findings.equal(right, "the request could be closed, exit code", close(company, number), 0)


def _knowing(company: Company, one: Employee) -> set[str]:
    """The terminals that have records of this person, and where they enrolled: each has something to hand out."""
    about = (record for record in company.ledger() if record.data.get("person") == one.person)
    return {company.reception.name} | {record.origin.terminal for record in about}


def _rectify(company: Company, findings: Findings) -> None:
    one = company.staff[cast.RENAMED]
    number = ask(company, one, "rectification")
    company.order("*", "rectify", one.person, "--name", cast.RIGHT_NAME, "--request", number)

    def named() -> bool:
        return all(_name(company, gate.name, one.person) == cast.RIGHT_NAME for gate in company.present)

    findings.until("rectification", f"the right name at {len(company.present)} terminals", named)


def _name(company: Company, gate: str, person: str) -> str:
    at = next(one for one in company.gates if one.name == gate)
    with at.people() as people:
        return people.member(person).name


def _restrict(company: Company, findings: Findings) -> None:
    one, gate = company.staff[cast.RESTRICTED], company.reception
    number = ask(company, one, "restriction")
    company.order("*", "restrict", one.person, "--request", number)
    findings.until("restriction", "matched nowhere", lambda: not _anywhere(company, one))
    findings.note("restriction", gate.offer(one.face) != "punch", "their face opened nothing")
    with gate.people() as people:
        kept = people.member(one.person).templates[gate.embedder]
    findings.equal("restriction", "templates kept", len(kept), 3)
    company.order("*", "unrestrict", one.person, "--lifts", "restriction", "--request", number)
    findings.until("restriction", "lifted: matched everywhere", lambda: _everywhere(company, one))
    findings.equal("restriction", "after that their face gave a", gate.offer(one.face), "punch")


def _object(company: Company, findings: Findings) -> None:
    one, gate = company.staff[cast.OBJECTS], company.reception
    number = ask(company, one, "objection")
    company.order("*", "object", one.person, "--request", number)
    findings.until("objection", "matched nowhere", lambda: not _anywhere(company, one))
    findings.note("objection", gate.offer(one.face) != "punch", "their face opened nothing")
    badge, number = cast.BADGES[cast.OBJECTS]
    pin = cast.PINS[cast.OBJECTS]
    findings.equal("objection", "their badge gives a", gate.present((Token.BADGE, badge)), "punch")
    typed = (Token.NUMBER, number), (Token.NUMBER, pin)
    findings.equal("objection", "their staff number and PIN a", gate.present(*typed), "punch")
    other = company.driven[1]
    wrong = (Token.NUMBER, number), (Token.NUMBER, pin[::-1])
    findings.equal("objection", "a wrong PIN is", gate.present(*wrong), "refused")
    if other not in {company.away, company.revoked}:
        findings.equal("objection", "the badge at another terminal a", other.present((Token.BADGE, badge)), "punch")
    theirs = [r.data for r in gate.records() if r.kind == "punch" and r.data["person"] == one.person]
    methods = {str(data["method"]) for data in theirs}
    findings.note("objection", {"badge", "pin"} <= methods, f"recorded as {', '.join(sorted(methods))}")
    code = company.order(gate.name, "unrestrict", one.person, "--lifts", "restriction")
    findings.until("objection", "an order to lift it was answered", lambda: gate.name not in company.owing())
    findings.note("objection", code == 1 and not _anywhere(company, one), "the employer cannot lift it: refused")


def _month(company: Company, findings: Findings) -> None:
    refused, late = company.staff[cast.REFUSED], company.staff[cast.OVERDUE]
    number = ask(company, refused, "erasure")
    ground = "art. 17 (3) (b) GDPR: working-time records must be kept"
    code, _ = company.central("rights refuse", number, "--ground", ground, *WHO)
    day = datetime.now(UTC).date() - timedelta(days=40)
    ask(company, late, "access", "--received", day.isoformat())
    rows = {
        row["person"]: row for row in company.listed("rights list") if row["standing"] in {"refused", "overdue"}
    }
    findings.note("month", code == 0 and rows.get(refused.person, {}).get("ground") == ground,
                  "one request refused, with its ground")  # fmt: skip
    findings.equal("month", "a request of 40 days ago is", rows.get(late.person, {}).get("standing"), "overdue")
    findings.equal("month", "and the list's exit code says so", company.central("rights list")[0], 1)
    findings.equal("month", "the one that is away is seen to owe", company.owing(), {company.away.name})


def _anywhere(company: Company, one: Employee) -> bool:
    return any(one.person in gate.matched() for gate in company.present)


def _everywhere(company: Company, one: Employee) -> bool:
    return all(one.person in gate.matched() for gate in company.present)
