"""A changed policy: it reaches everybody, and nobody is matched until they agree to it."""

import json

from tests.privacy import cast
from tests.privacy.company import Company
from tests.privacy.findings import Findings
from tests.privacy.joining import agree_again, hand_over

TEXT = "The second policy of the works.\n\nYour face is used only to verify you when you clock in and out.\n"


def change(company: Company, findings: Findings, gone: set[str]) -> None:
    """`gone` are the people who left before."""
    file = company.root / "policy-2.md"
    file.write_text(TEXT, encoding="utf-8")
    company.order("*", "policy", "--version", "2", "--text", file, "--consent-again")
    findings.until("policy", f"{len(company.present)} terminals match nobody",
                   lambda: not any(gate.matched() for gate in company.present))  # fmt: skip
    findings.note("policy", company.reception.offer(company.staff[cast.OTHERS].face) != "punch",
                  "a face that was known opened nothing")  # fmt: skip
    with company.reception.people() as people:
        text = people.policy_text(people.accepted(company.reception.policy)[0])
    findings.equal("policy", "the terminal shows the new text", text == TEXT, True)
    declines = company.staff[cast.DECLINES]
    agreed = [one for one in company.staff if one.person not in gone and one is not declines]
    codes = {agree_again(company, one) for one in agreed}
    findings.note("policy", codes == {0}, f"{len(agreed)} agreed again, under the ids that they had")
    code, _ = hand_over(company, agreed, company.reception)
    findings.equal("policy", f"the new consents of {len(agreed)} people reached the centre, exit code", code, 0)
    company.publish()
    expected = {one.person for one in agreed} - {company.staff[cast.OBJECTS].person}
    findings.until("policy", f"the {len(expected)} who agreed, and nobody else, are matched at every terminal",
                   lambda: all(gate.matched() == expected for gate in company.present))  # fmt: skip
    findings.equal("policy", "the face of one who agreed gives a",
                   company.reception.offer(company.staff[cast.OTHERS].face), "punch")  # fmt: skip
    findings.note("policy", company.reception.offer(declines.face) != "punch", "of who did not, nothing")
    objects = company.staff[cast.OBJECTS]
    findings.until("policy", "the centre lists the one who owes an answer, and the terminal that is away",
                   lambda: _owing(company) == ({declines.person}, {company.away.name}))  # fmt: skip
    findings.note("policy", all(objects.person not in gate.matched() for gate in company.present),
                  "who objected and agreed is still not matched")  # fmt: skip


def _owing(company: Company) -> tuple[set[str], set[str]]:
    said = json.loads(company.central("rights policy", "--json")[1])
    people = {row["person"] for row in said["people"] if row["answer"] == "owed"}
    terminals = {name.partition("/")[2] for name, state in said["terminals"].items() if state != "done"}
    return people, terminals
