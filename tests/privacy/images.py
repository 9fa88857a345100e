"""Evidence images, at the one terminal with an employer's key: sealed, released by order, gone in 90 days."""

import re
from datetime import timedelta

from nacl.public import PrivateKey

from edge.crypto.key_files import load_secret
from edge.evidence_images import sealed_image
from edge.evidence_images.schema import NAME
from edge.evidence_images.store import opened
from tests.privacy import cast
from tests.privacy.company import EVIDENCE_KEY, Company, Employee
from tests.privacy.findings import Findings
from tests.privacy.scan import Scanner, content

PICTURE = re.compile(rb"\xff\xd8\xff\xe0..JFIF", re.DOTALL)


def sealed_of(company: Company, one: Employee) -> dict[str, bytes]:
    """By punch: the sealed images of somebody."""
    gate = company.whole
    if not (gate.state / NAME).exists():
        return {}
    with opened(gate.state / NAME, gate.clock.evidence()) as store:
        return (
            {}
            if store is None
            else {still.record: store.sealed(still.record) for still in store.stills(one.person)}
        )


def traces(company: Company, one: Employee) -> dict[str, bytes]:
    """Bytes by which a search finds them."""
    found = enumerate(sealed_of(company, one).values())
    return {f"{company.whole.name} image {number}": sealed[100:140] for number, sealed in found}


def taken(company: Company, findings: Findings) -> None:
    """One a punch by a face, for the employer's key alone; and one of them released."""
    gate, one = company.whole, company.staff[cast.KEEPS]
    findings.until("images", "a sealed image of each of the 2 punches by a real face",
                   lambda: all(sealed_of(company, who) for who in company.staff if who.photo))  # fmt: skip
    kept = sealed_of(company, one)
    key = PrivateKey(load_secret(company.root / EVIDENCE_KEY))
    inside = [sealed_image.open_sealed(sealed, key) for sealed in kept.values()]
    findings.note(
        "images", all(PICTURE.match(image.jpeg) for image in inside), "the employer's key opens a picture"
    )
    shown = PICTURE.search(content([at.directory for at in company.gates]))
    findings.note("images", shown is None, "no picture is in the clear in any terminal's files")
    others = [at.name for at in company.driven if (at.state / NAME).exists()]
    findings.equal("images", "terminals without the employer's key that keep images", len(others), 0)
    record = next(iter(kept), "none")
    words = ("release-evidence", one.person, "--record", record, "--ground", "dispute", "--why", "a disputed punch")
    findings.equal("images", "released by a signed order, exit code", company.order(gate.name, *words), 0)
    files = sorted((gate.state / "access").glob("*.stills"))
    into = company.root / "released"
    into.mkdir()
    for file in files:
        code, _ = company.central("evidence open", file, "--key", company.root / EVIDENCE_KEY, "--into", into,
                                  "--by", "Pat", "--why", "a disputed punch")  # fmt: skip
        findings.equal("images", "opened at the centre, which is on record, exit code", code, 0)
    findings.equal("images", "pictures that came out", len(list(into.glob("*.jpg"))), 1)


def on_the_90th_day(company: Company, findings: Findings) -> None:
    """It is kept until then, and no byte of it afterwards."""
    gate, one = company.whole, company.staff[cast.KEEPS]
    patterns = Scanner(traces(company, one))
    gate.clock.pass_by(timedelta(days=70))
    gate.clock.hurry(601)  # it looks every ten minutes
    findings.note("images", len(patterns) and patterns.find(content([gate.state])), "after 81 days it is there")
    gate.clock.pass_by(timedelta(days=9))
    gate.clock.hurry(601)
    findings.until("images", "after 90 days no byte of it is, nor of the released copy",
                   lambda: not patterns.find(content([gate.state])))  # fmt: skip
