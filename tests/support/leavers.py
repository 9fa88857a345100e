"""A centre whose people leave, by its command lines, and terminals that are installed late."""

import contextlib
import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.central.authority import authority_key
from edge.central.broker import certificates
from edge.central.roster.store import RosterStore
from edge.cli import main
from edge.crypto import dsse, site_key
from edge.crypto.dsse import key_id
from edge.crypto.key_files import load_public
from edge.domain.people.credentials import Token
from edge.domain.roster.enrolment_export import Enrolment
from edge.domain.roster.member import Member, encode_member
from edge.people.people_store import People
from edge.people.person import new_person_id
from edge.people.roster.state import RosterState
from edge.terminal.uplink.roster_client import Roster
from tests.support.people import CONSENT, POLICY

MODEL = "model-a"
BY = ("--by", "Pat", "--why", "asked by letter")
BADGE = ((Token.BADGE, "471100"),)


def member(seed: int, **changes) -> Member:
    rows = np.random.default_rng(seed).standard_normal((3, 64)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return replace(Member(f"Person {seed}", CONSENT, {MODEL: rows}), **changes)


class Centre:
    """The centre by its command lines, and terminals that are installed when a test says so."""

    def __init__(self, installation, capsys) -> None:
        self.site, self.root, self.capsys = installation, installation.root, capsys
        self.gate = installation.terminal("gate-1")
        self.files = 0
        self.installed = 0

    def run(self, verb: str, *words: object, broker: bool = False) -> tuple[int, str]:
        self.capsys.readouterr()
        where = ["--host", self.site.broker.host, "--port", str(self.site.broker.port)] if broker else []
        code = main(["central", *verb.split(), str(self.root), *map(str, words), *where])
        said = self.capsys.readouterr()
        return code, said.out + said.err

    def good(self, verb: str, *words: object, broker: bool = False) -> str:
        code, said = self.run(verb, *words, broker=broker)
        assert code == 0, said
        return said

    def order(self, where: str, word: str, *words: object) -> tuple[int, str]:
        return self.run("order", where, word, *words, *BY, "--wait", "1s", broker=True)

    def export(self, person: str, given: Member, at: str = "2026-03-02T09:00:00.000Z", gate=None) -> Path:
        gate = gate or self.gate
        public = load_public(self.root / "roster.pem") if (self.root / "roster.pem").exists() else None
        if public is None:
            RosterStore(self.root).close()
            public = load_public(self.root / "roster.pem")
        sealed = site_key.seal(encode_member(given), public)
        made = Enrolment(gate.origin, person, key_id(public), sealed, at)
        wire = dsse.to_wire(dsse.sign(Enrolment.PAYLOAD_TYPE, made.encode(), gate.key))
        self.files += 1
        path = self.root / f"{self.files}.scp"
        path.write_bytes(wire + b"\n")
        return path

    def add(self, seed: int, **changes) -> str:
        person = new_person_id()
        self.good("roster add", self.export(person, member(seed, **changes)))
        return person

    def publish(self) -> str:
        return self.good("roster publish", broker=True)

    def install(self) -> "Learner":
        """A terminal that was never there before."""
        self.installed += 1
        return Learner(self, f"late-{self.installed}")

    def in_files(self) -> set[str]:
        with RosterStore(self.root) as store:
            return {one.id for one in store.people.list() if one.templates}

    def acts(self) -> list[tuple[str, str | None]]:
        entries = json.loads(self.good("audit", "--json"))["entries"]
        return [(one["act"], one["person"]) for one in entries if one["act"] != "roster-published"]


class Learner:
    """A terminal's roster, from the broker."""

    def __init__(self, centre: Centre, name: str) -> None:
        self.centre, self.terminal = centre, centre.site.terminal(name)
        self.path = centre.root / f"{name}-people.db"
        centre.publish()
        pinned = load_public(centre.root / authority_key.PUBLIC)
        roster = Roster(
            self.terminal.origin, self.terminal.key, lambda _people: {key_id(pinned): pinned}, self.people,
            lambda: RosterState(centre.root / f"{name}-received.db"), POLICY, centre.site.clock(), grace_ns=0,
        )  # fmt: skip
        self.terminal.run(roster=roster)

    def people(self) -> People:
        return People(self.path, b"k" * 32)

    def matched(self) -> set[str]:
        with self.people() as people:
            return set(people.gallery(MODEL, POLICY).people)

    def knows(self, person: str) -> None:
        self.centre.site.eventually(lambda: person in self.matched(), "the roster came")

    def takes_badge(self, person: str) -> None:
        """The entries of a roster come one by one: that of another person says nothing of this one's."""

        def known() -> bool:
            with self.people() as people:
                return people.credentials.whose(*BADGE[0]) == person

        self.centre.site.eventually(known, "the badge came")


@pytest.fixture
def centre(installation, capsys) -> Centre:
    (installation.root / "pki").symlink_to(installation.broker.pki)
    certificates.issue_client(installation.broker.pki, certificates.AUTHORITY)
    assert main(["central", "authority", "init", str(installation.root), "--by", "Pat"]) == 0
    installation.ledger()
    return Centre(installation, capsys)


def backup(root: Path, *names: str) -> Callable[[], None]:
    """As of now; what is returned puts it back."""
    kept: dict[str, bytes] = {}
    for name in names:
        if name.endswith(".db"):
            with contextlib.closing(sqlite3.connect(root / name)) as db:
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        kept[name] = (root / name).read_bytes()

    def restore() -> None:
        for name, raw in kept.items():
            for path in root.glob(f"{name}*"):
                path.unlink()
            (root / name).write_bytes(raw)
            (root / name).chmod(0o600)

    return restore
