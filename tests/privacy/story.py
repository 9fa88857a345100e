"""The story, a step after the other. Each step notes what it saw."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from edge.central.ledger.recheck import verify_all
from edge.central.store.records import Store
from edge.crypto.dsse import key_id
from edge.domain.face import Floats
from edge.domain.people.credentials import Token
from edge.journal.verify import verify_file
from edge.terminal import installed
from tests.privacy import cast, fields, hostile, images, joining, leaving, policy, returning, rights, tracing
from tests.privacy.company import LOG, Company, Employee, faces
from tests.privacy.findings import Findings
from tests.privacy.gate import Gate
from tests.privacy.images import PICTURE
from tests.privacy.rights import close
from tests.privacy.scan import Scanner, content, of_templates
from tests.privacy.tap import opened

Step = tuple[str, Callable[[], None]]


@dataclass
class Story:
    """Steps in order; what one leaves for another is kept here."""

    company: Company
    findings: Findings
    people: int
    traces: leaving.Traces = field(default_factory=dict)
    secrets: dict[str, bytes] = field(default_factory=dict)
    erasure: str = ""
    before: returning.Before = field(default_factory=returning.Before)

    def steps(self, only: tuple[str, ...] = ()) -> list[Step]:
        """Title and body of each; `only` the methods of these names."""
        every: list[Step] = [
            (f"{self.people} people consent and enrol", self.join),
            ("the roster reaches every terminal", self.sync),
            ("people come to work, and strangers pass", self.punch),
            ("evidence images, where the employer opted in", self.picture),
            ("what must vanish later is found now", self.plant),
            ("one terminal leaves the network; every right is asked for", self.ask),
            ("erasure, withdrawal, a child, the end of an employment", self.leave),
            ("terminals are installed, and the centre's files come from a backup", self.restore),
            ("a terminal is revoked, somebody joins", self.revoke),
            ("a changed policy asks for consent again", self.change),
            ("hostile messages", self.attack),
            ("the day of the employment's end", self.day),
            ("the 90th day of an image", self.outdate),
            ("a month later the absent terminal returns", self.come_back),
            ("every byte and every message is searched", self.search),
        ]
        return [step for step in every if not only or step[1].__name__ in only]

    def join(self) -> None:
        """Enrol, and start everything."""
        joining.everybody(self.company, self.findings, self.people)
        for gate in self.company.gates:
            gate.start()

    def sync(self) -> None:
        """From where each enrolled to everywhere."""
        faceless = Employee(cast.FACELESS[0], self.company.staff[0].face[:0], self.company.faceless)
        code, _ = joining.hand_over(self.company, [*self.company.staff, faceless])
        self.findings.equal("roster", "people were handed to the centre, exit code", code, 0)
        self.company.publish()
        ids = {one.person for one in self.company.staff}
        for gate in self.company.gates:
            self.findings.until(
                "roster", f"{gate.name} knows {len(ids)} people", lambda at=gate: at.matched() == ids
            )
        badge = (Token.BADGE, cast.FACELESS[1])
        for gate in self.company.gates:
            self.findings.until("faceless", f"{gate.name} knows somebody without a face by their badge",
                                lambda at=gate: _whose(at, badge) == self.company.faceless)  # fmt: skip
        self.secrets = tracing.clear(self.company)
        seen, of = tracing.probe_finds(self.company, self.secrets)
        self.findings.equal(
            "encrypted", f"of {of} secrets in the clear in a control file, the search finds", seen, of
        )

    def punch(self) -> None:
        """Each once; two by their real faces. A stranger leaves a counter and nothing else."""
        company, findings = self.company, self.findings
        for one in company.staff:
            if one.photo:
                findings.equal("purpose", "a face that is enrolled gives", company.whole.show(one.photo), "in")
        others = [one for one in company.staff if not one.photo]
        made = [company.driven[n % len(company.driven)].offer(one.face) for n, one in enumerate(others)]
        findings.equal("purpose", "punches of the others", made.count("punch"), len(others))
        before = sum(len(gate.records()) for gate in company.gates)
        files = self._stranger_free(faces(3, len(company.staff[0].face), 99))
        company.whole.show("astronaut.png")
        after = sum(len(gate.records()) for gate in company.gates)
        findings.equal("purpose", "records that 4 strangers left", after - before, 0)
        findings.note("purpose", files, "and no byte of their faces in any file")
        gate = company.driven[1]  # the roster brought them there
        findings.equal("faceless", "at another terminal, the badge of somebody without a face gives a",
                       gate.present((Token.BADGE, cast.FACELESS[1])), "punch")  # fmt: skip
        kept = 0
        for gate in company.gates:
            with gate.people() as people:
                query = "SELECT count(*) FROM templates WHERE person = ?"
                kept += people._db.execute(query, (company.faceless,)).fetchone()[0]
        findings.equal("faceless", "templates that are kept of them anywhere", kept, 0)
        everybody = len(company.staff) + 1
        findings.until("purpose", "all punches are in the ledger", lambda: self._punched() == everybody)

    def picture(self) -> None:
        """Taken and released."""
        images.taken(self.company, self.findings)

    def outdate(self) -> None:
        """And deleted."""
        images.on_the_90th_day(self.company, self.findings)

    def plant(self) -> None:
        """Before."""
        self.traces = leaving.plant(self.company, self.findings)
        self.before = returning.keep(self.company)

    def ask(self) -> None:
        """Rights."""
        self.company.away.stop()
        rights.every(self.company, self.findings)

    def leave(self) -> None:
        """Who goes."""
        leaving.announce(self.company, self.findings)
        self.erasure = leaving.at_once(self.company, self.findings, self.traces)

    def restore(self) -> None:
        """Who left stays away."""
        returning.at_new_terminals(self.company, self.findings, self.before)

    def revoke(self) -> None:
        """It keeps what it had, and learns nothing new."""
        company, findings = self.company, self.findings
        key = key_id(company.revoked.secrets.identity.verify_key)
        findings.equal(
            "roster", f"{company.revoked.name} is revoked, exit code", company.central("revoke", key)[0], 0
        )
        company.publish()
        one = joining.newcomer(company)
        joining.hand_over(company, [one])
        company.publish()
        findings.until("roster", "the newcomer is known at the others",
                       lambda: all(one.person in gate.matched() for gate in company.present))  # fmt: skip
        findings.note("roster", one.person not in company.revoked.matched(), f"and not at {company.revoked.name}")

    def change(self) -> None:
        """The policy."""
        policy.change(self.company, self.findings, {self.company.staff[role].person for role in _GONE})

    def attack(self) -> None:
        """Forgeries."""
        hostile.attack(self.company, self.findings)

    def day(self) -> None:
        """Its date has come."""
        leaving.on_the_day(self.company, self.findings, self.traces)

    def come_back(self) -> None:
        """With everything owed to it."""
        company, findings, gate = self.company, self.findings, self.company.away
        gate.clock.pass_by(timedelta(days=31))
        gate.start()
        present = company.reception.matched()
        findings.until("away", f"it matches the same {len(present)} people as the others",
                       lambda: gate.matched() == present)  # fmt: skip
        findings.until("away", "it owes no order any more", lambda: not company.owing())
        gate.clock.hurry(11)
        for person, stored in self.traces.items():
            findings.until("away", f"no trace of {person[:6]} is left there or anywhere",
                           lambda held=stored: not tracing.left_of(company, held))  # fmt: skip
        findings.equal("month", "now the erasure is closed, exit code", close(company, self.erasure), 0)
        rows = company.listed("rights list")
        said = sorted({f"{row['standing']}" for row in rows})
        findings.note(
            "month", set(said) >= {"done", "overdue", "refused"}, f"{len(rows)} requests: {', '.join(said)}"
        )

    def search(self) -> None:
        """Files, traffic, logs, chains, audit."""
        company, findings = self.company, self.findings
        late = tracing.clear(company)
        secrets = self.secrets | late | {"right name": cast.RIGHT_NAME.encode()}
        scanner = Scanner(secrets)
        kept = tracing.kept(company)
        found = scanner.find(kept)
        findings.note(
            "encrypted", not found, f"{len(scanner)} secrets, {len(kept):,} bytes of files: {len(found)} found"
        )
        wrong = Scanner({"old name": company.staff[cast.RENAMED].name.encode()}).find(kept)
        findings.note("rectification", not wrong, "the wrong name is in no file")
        heard = company.tap.own()
        traffic = b"\n".join(topic.encode() + b" " + payload for topic, payload in company.tap.heard)
        inside = b"\n".join(opened(payload) for _, payload in heard)
        numbers = [name for name in secrets if name.startswith("number") or name == "badge of the faceless"]
        shown = Scanner({name: secrets[name] for name in numbers}).find(kept + traffic + inside)
        findings.equal("faceless", f"of {len(numbers)} badge numbers, staff numbers and PINs found", len(shown), 0)
        leaked = sorted({*scanner.find(traffic), *scanner.find(inside)})
        findings.note("traffic", company.staff[0].person.encode() in inside, "a pseudonymous id is seen in it")
        findings.note(
            "traffic",
            not leaked,
            f"{len(heard)} messages, {len(traffic):,} bytes: {len(leaked)} secrets found"
            + "".join(f", {name}" for name in leaked),  # by its part in the story, never what is in it
        )
        theirs = set(company.tap.sent)
        strange = fields.misfits([one for one in heard if one not in theirs])
        findings.note("fields", not strange, f"{len(heard)} messages: {len(strange)} with another field"
                      + (f", the first {strange[0]}" if strange else ""))  # fmt: skip
        log = content([company.root / LOG, company.broker.log])
        said = scanner.find(log)
        lines = log.count(b"\n")
        findings.note(
            "logs", lines > 0 and not said, f"{lines} lines at the finest level: {len(said)} secrets found"
        )
        picture = PICTURE.search(kept) or PICTURE.search(inside)
        findings.note("images", picture is None, "no picture in the clear in files or traffic")
        self._proofs()

    def _proofs(self) -> None:
        company, findings = self.company, self.findings
        for gate in company.gates:
            public = gate.secrets.identity.verify_key
            report = verify_file(installed.journal_path(gate.loaded), {key_id(public): public})
            findings.note("chain", report.problem is None, f"{gate.name}: {len(gate.records())} records")
        with Store(company.centre / "ledger.db") as ledger:
            reports = verify_all(ledger)
        findings.note("chain", reports and all(one.ok for one in reports), f"{len(reports)} chains in the ledger")
        code, said = company.central("audit", "--json")
        audit = json.loads(said)
        acts = {entry["act"] for entry in audit["entries"]}
        findings.note("audit", code == 0 and audit["problem"] is None, f"{len(audit['entries'])} entries verify")
        wanted = {"order", "right-opened", "right-closed", "right-refused", "roster-added", "roster-removed",
                  "evidence-opened"}  # fmt: skip
        findings.equal("audit", "kinds of acts that lack", sorted(wanted - acts), [])
        without = [entry for entry in audit["entries"] if not entry["why"] or not entry["by"]]
        findings.equal("audit", "entries without who or why", len(without), 0)
        by_hand = [record for record in company.ledger() if record.kind == "enrolled"]
        unnamed = [record for record in by_hand if "by" not in record.data]
        findings.note("audit", by_hand and not unnamed, f"{len(by_hand)} enrolments by hand name a number")

    def _punched(self) -> int:
        return len({record.data["person"] for record in self.company.ledger() if record.kind == "punch"})

    def _stranger_free(self, strangers: Floats) -> bool:
        for face in strangers:
            self.company.reception.offer(face)
        patterns = of_templates(strangers)
        self.secrets |= {f"stranger {name}": one for name, one in patterns.items()}
        return not Scanner(patterns).find(tracing.kept(self.company))


def _whose(gate: Gate, badge: tuple[Token, str]) -> str | None:
    with gate.people() as people:
        return people.credentials.whose(*badge)


_GONE = (cast.ERASED, cast.WITHDRAWS, cast.CHILD)
