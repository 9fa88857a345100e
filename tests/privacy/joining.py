"""How people join: consent and enrolment at a terminal, the export to the centre, the roster to every terminal."""

import contextlib
import io
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

from edge.cli import main
from edge.domain.face import Probe
from edge.domain.people.consent import Consent, Policy
from edge.domain.people.credentials import Token
from edge.errors import PeopleError
from edge.resources import photos_directory
from edge.terminal import adapters, factory, installed
from edge.terminal.operator import actions, enrolment
from edge.terminal.operator.probes import probes_from_photographs
from edge.vision.photo import load_photo
from tests.privacy import cast
from tests.privacy.company import ROSTER_PUBLIC, Company, Employee, faces, variants
from tests.privacy.findings import Findings
from tests.privacy.gate import Gate

WITNESS = "Wanda Witness-Planted"
OPERATOR = "7042"
"""Who does it by hand: a staff number."""
TEMPLATES = 3
PORTRAITS = (("Barack Planted-Zero", ("obama.jpg", "obama2.jpg"), "obama3.jpg"),
             ("Joseph Planted-One", ("biden.jpg",), "biden.jpg"))  # fmt: skip
"""Who enrols with real photographs: name, those, and the one that the camera sees later."""


def consent(policy: Policy, utc: str) -> Consent:
    """As the policy asks for it."""
    return Consent(policy.version, policy.sha256, "en", utc, WITNESS, age_attested=True, employer_agreed=True)


def everybody(company: Company, findings: Findings, people: int) -> None:
    """Two by photographs, the others by made-up vectors, all through the product's own enrolment."""
    gate = company.whole
    pipeline = factory.pipeline(gate.loaded, installed.model_store(gate.loaded), enrolling=True)
    for name, photos, later in PORTRAITS:
        pictures = [(photo, load_photo(photos_directory() / photo)) for photo in photos]
        probes = probes_from_photographs(pictures, pipeline)
        company.staff.append(_enrol(gate, name, probes, later))
    length = len(company.staff[0].face)
    _refused(company, findings, faces(1, length, 7)[0])
    for number, face in enumerate(faces(people - len(PORTRAITS), length, 1)):
        rows = variants(face, TEMPLATES, number)
        probes = [Probe(row, company.reception.embedder, 1.0, 1.0) for row in rows]
        company.staff.append(_enrol(company.reception, f"Planted Person-{number:03}", probes, None))
    _badges(company)
    given = {
        str(one.data["person"]) for gate in company.gates[:2] for one in gate.records() if one.kind == "consent"
    }
    ids = {one.person for one in company.staff}
    findings.equal("consent", "people with a signed consent record before their templates", given, ids)


def export(company: Company, one: Employee, file: Path, gate: Gate | None = None) -> Path:
    """`people export` at the terminal where somebody is. Raises RuntimeError with what it said."""
    at = gate or (company.whole if one.photo else company.reception)
    words = ["people", "export", one.person, "--to", company.centre / ROSTER_PUBLIC, "--out", file]
    words += ["--operator", OPERATOR]
    said = io.StringIO()
    with _clock_of(at), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main([*map(str, words), "--config", str(at.path)])
    if code != 0:
        raise RuntimeError(said.getvalue())
    return file


def hand_over(company: Company, people: list[Employee], gate: Gate | None = None) -> tuple[int, str]:
    """`people export` at the terminal, `central roster add` at the centre."""
    files = [export(company, one, company.root / f"{one.person}.scp", gate) for one in people]
    code, out = company.central("roster add", *files, "--by", "Pat")
    for file in files:
        file.unlink()
    return code, out


def newcomer(company: Company) -> Employee:
    """One more, at the reception."""
    face = faces(1, len(company.staff[0].face), 4_000)[0]
    probes = [Probe(row, company.reception.embedder, 1.0, 1.0) for row in variants(face, TEMPLATES, 4_000)]
    one = _enrol(company.reception, cast.NEWCOMER, probes, None)
    company.staff.append(one)
    return one


def agree_again(company: Company, one: Employee) -> int:
    """`people agree` at the reception; its exit code."""
    words = [
        "people",
        "agree",
        one.person,
        "--witness",
        WITNESS,
        "--consent",
        "--age-13-or-older",
        "--employer-agreed",
    ]
    with (
        _clock_of(company.reception),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        return main([*words, "--config", str(company.reception.path)])


def _clock_of(gate: Gate) -> "contextlib.AbstractContextManager[object]":
    """For the command line: the story's, as the terminal itself has."""
    return patch.object(adapters, "clock", lambda: gate.clock)


def _enrol(gate: Gate, name: str, probes: list[Probe], photo: str | None) -> Employee:
    given = consent(gate.policy, gate.clock.evidence().utc)
    with gate.people() as people, gate.journal() as journal:
        made = enrolment.enrol(
            name, probes, given, gate.policy, people=people, journal=journal, clock=gate.clock, by=OPERATOR
        )
        templates = people.member(made.person).templates[gate.embedder]
    return Employee(name, templates.mean(axis=0) / float((templates.mean(axis=0) ** 2).sum() ** 0.5), made.person,
                    templates, photo)  # fmt: skip


def _badges(company: Company) -> None:
    """For two of them, and for one who gives no face."""
    for role, (badge, number) in cast.BADGES.items():
        one = company.staff[role]
        gate = company.whole if one.photo else company.reception
        with gate.people() as people, gate.journal() as journal:
            at = {"people": people, "journal": journal, "clock": gate.clock, "by": OPERATOR}
            actions.give_token(one.person, Token.BADGE, badge, **at)
            actions.give_token(one.person, Token.NUMBER, number, **at)
            actions.choose_pin(one.person, cast.PINS[role], **at)
    gate = company.reception
    with gate.people() as people, gate.journal() as journal:
        at = {"people": people, "journal": journal, "clock": gate.clock, "by": OPERATOR}
        company.faceless = actions.add(cast.FACELESS[0], age_attested=True, **at)
        actions.give_token(company.faceless, Token.BADGE, cast.FACELESS[1], **at)


def _refused(company: Company, findings: Findings, face: object) -> None:
    """Three who must not be enrolled: without the age, the employer's agreement, or a witness."""
    gate = company.reception
    good = consent(gate.policy, gate.clock.evidence().utc)
    probes = [Probe(face, gate.embedder, 1.0, 1.0)]  # type: ignore[arg-type]
    for promise, what, bad in (
        ("age", "without an attested age of 13 the enrolment was refused", replace(good, age_attested=False)),
        ("consent", "without the employer's agreement it was refused", replace(good, employer_agreed=False)),
        ("consent", "without a witness it was refused", replace(good, witness="")),
        ("consent", "with a consent to another policy it was refused", replace(good, policy_version="0")),
    ):
        refused = False
        with gate.people() as people, gate.journal() as journal:
            try:
                enrolment.enrol(
                    "Nobody", probes, bad, gate.policy, people=people, journal=journal, clock=gate.clock
                )
            except PeopleError:
                refused = True
            left = len(people.list())
        findings.note(promise, refused and left == 0, what)
    with gate.people() as people, gate.journal() as journal:
        at = {"people": people, "journal": journal, "clock": gate.clock, "by": OPERATOR}
        with contextlib.suppress(PeopleError):
            actions.add("Nobody", age_attested=False, **at)
        findings.note("age", not people.list(), "without it nobody is added without a face, either")
