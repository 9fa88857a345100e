"""A company with a roster, over a real broker."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from nacl.signing import SigningKey

from edge.central.broker import certificates
from edge.central.broker.mosquitto import EmbeddedBroker
from edge.central.roster import membership
from edge.central.roster.messages import compose
from edge.central.roster.publisher import PublishOutcome, publish
from edge.central.roster.store import RosterStore
from edge.crypto.dsse import key_id
from edge.domain.roster.member import Member
from edge.people.people_store import People
from edge.people.person import new_person_id
from edge.people.roster.state import RosterState
from edge.people.site.store import SiteStore
from edge.terminal.site.hearing import SiteHearing
from edge.terminal.uplink.roster_client import Roster
from edge.terminal.uplink.site_members import SiteMembers
from edge.terminal.uplink.site_records import SiteRecords
from tests.privacy.scan import forms
from tests.support.neighbours import open_acl
from tests.support.people import CONSENT, POLICY

MODEL = "model-a"
AUTHORITY = SigningKey.generate()
PERSONS = "smartclocker/v1/main/roster/person"
LONG_NS, SHORT_NS = 3600 * 10**9, 300_000_000
"""How long a roster may be incomplete: never too long on a busy machine, or soon enough for a test of the alarm."""
NAMES = ("Ada Planted-One", "Bob Planted-Two", "Cyd Planted-Three")


def templates(seed: int):
    rows = np.random.default_rng(seed).standard_normal((3, 512)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Company:
    """A centre with people, on the installation that every integration test has."""

    def __init__(self, installation, root: Path) -> None:
        self.site, self.root = installation, root
        root.mkdir()
        self.store = RosterStore(root)
        self.uplink = installation.uplink(certificates.AUTHORITY)
        self.ids: list[str] = []

    def add(self, number: int) -> str:
        person = new_person_id()
        member = Member(NAMES[number], CONSENT, {MODEL: templates(number)})
        assert membership.add(self.store, "main", person, member)
        self.ids.append(person)
        return person

    def publish(self, **options) -> PublishOutcome:
        with self.site.store() as ledger:
            terminals = ledger.terminals()
        return publish(self.uplink, "main", compose(self.store, "main", terminals, AUTHORITY, **options))

    def people(self, terminal) -> People:
        return People(self.site.root / f"{terminal.origin.terminal}-people.db", b"k" * 32)

    def run(self, terminal, grace_ns: int = LONG_NS, hearing: SiteHearing | None = None, **options):
        """With `hearing`, it takes the records of the site's other terminals, too."""
        trusted = {key_id(AUTHORITY.verify_key): AUTHORITY.verify_key}
        name = terminal.origin.terminal
        roster = Roster(
            terminal.origin,
            terminal.key,
            lambda _people: trusted,
            lambda: self.people(terminal),
            lambda: RosterState(self.site.root / f"{name}-roster.db"),
            POLICY,
            self.site.clock(),
            grace_ns=grace_ns,
        )
        if hearing is not None:
            members = SiteMembers(name, roster.manifest, lambda: self.people(terminal), roster.left)
            path = self.site.root / f"{name}-site.db"
            options["site"] = SiteRecords(
                terminal.origin, members, lambda: SiteStore(path, terminal.origin.site), self.site.clock(), hearing
            )
        return terminal.run(roster=roster, **options)

    def matched(self, terminal) -> set[str]:
        with self.people(terminal) as people:
            return set(people.gallery(MODEL, POLICY).people)

    def secrets(self) -> dict[str, bytes]:
        """What nobody outside may find, in the forms in which it would be found."""
        found: dict[str, bytes] = {"witness": CONSENT.witness.encode(), "site key": self.store.site("main").key}
        for number, name in enumerate(NAMES):
            raw = templates(number).tobytes()
            found |= {f"name {number}": name.encode(), f"template {number}": raw[400:424]}
        return found


def leaks(haystack: bytes, secrets: dict[str, bytes]) -> list[str]:
    return sorted(name for name, secret in secrets.items() if any(one in haystack for one in forms(secret)))


@pytest.fixture
def company(installation, tmp_path: Path) -> Iterator[Company]:
    made = Company(installation, tmp_path / "centre")
    yield made
    made.store.close()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    """One that saves at each change, and lets one more user read everything."""
    running = EmbeddedBroker(tmp_path / "broker", autosave_on_changes=True)
    running.directory.mkdir()
    running.acl.write_text(open_acl())
    running.acl.chmod(0o600)
    with running:
        yield running
