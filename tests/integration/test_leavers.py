"""Who left does not come back: by an order alone, over every restore of the centre's files, by no old export."""

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.central import authority, pki
from edge.central.roster_store import ROSTER_DB, ROSTER_PEOPLE, RosterStore
from edge.cli import main
from edge.domain import roster_enrolment
from edge.domain.badge import Token
from edge.domain.consent import Consent, Policy
from edge.domain.roster_enrolment import ENROLMENT_TYPE, Enrolment
from edge.domain.roster_member import Member, encode
from edge.journal import envelope
from edge.journal.envelope import key_id
from edge.journal.keys import load_public
from edge.roster import sitekey
from edge.roster.people import People
from edge.roster.person import new_person_id
from edge.roster.received import Received
from edge.terminal.roster import Roster

POLICY = Policy("2026-1", "c" * 64)
CONSENT = Consent("2026-1", "c" * 64, "en", "2026-03-01T09:00:00Z", "W", True, True)
MODEL = "model-a"
BY = ("--by", "Pat", "--why", "asked by letter")
BADGE = ((Token.BADGE, "471100"),)


def member(seed: int, **changes) -> Member:
    rows = np.random.default_rng(seed).standard_normal((3, 64)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return replace(Member(f"Person {seed}", CONSENT, {MODEL: rows}), **changes)


class Centre:
    """The centre by its command lines, and terminals that are installed when a test says so."""

    def __init__(self, site, capsys) -> None:
        self.site, self.root, self.capsys = site, site.root, capsys
        self.gate = site.terminal("gate-1")
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
        sealed = sitekey.seal(encode(given), public)
        made = Enrolment(gate.origin, person, key_id(public), sealed, at)
        wire = envelope.to_wire(envelope.sign(ENROLMENT_TYPE, roster_enrolment.encode(made), gate.key))
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
        pinned = load_public(centre.root / authority.PUBLIC)
        roster = Roster(
            self.terminal.origin, self.terminal.key, lambda _people: {key_id(pinned): pinned}, self.people,
            lambda: Received(centre.root / f"{name}-received.db"), POLICY, centre.site.clock(), grace_ns=0,
        )  # fmt: skip
        self.terminal.run(roster=roster)

    def people(self) -> People:
        return People(self.path, b"k" * 32)

    def matched(self) -> set[str]:
        with self.people() as people:
            return set(people.gallery(MODEL, POLICY).people)

    def knows(self, person: str) -> None:
        self.centre.site.eventually(lambda: person in self.matched(), "the roster came")


@pytest.fixture
def centre(site, capsys) -> Centre:
    (site.root / "pki").symlink_to(site.broker.pki)
    pki.issue_client(site.broker.pki, pki.AUTHORITY)
    assert main(["central", "authority", "init", str(site.root), "--by", "Pat"]) == 0
    site.ledger()
    return Centre(site, capsys)


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


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("ROLLBACK")


PAST = "2026-01-01T00:00:00Z"
WORDS = (("erase", "--reason", "requested"), ("under-age",), ("withdraw",), ("employment-ended", "--at", PAST))


@pytest.mark.parametrize("words", WORDS, ids=[words[0] for words in WORDS])
def test_an_order_alone_takes_them_out_of_the_roster_and_no_terminal_learns_them(centre: Centre, words) -> None:
    stays, leaves = centre.add(1), centre.add(2)
    old = centre.root / f"{centre.files}.scp"
    early = centre.install()
    early.knows(leaves)
    right = "withdrawal" if words[0] == "withdraw" else "erasure"
    number = centre.good("rights open", leaves, right, *BY).split()[1].rstrip(":")
    assert "still" in centre.run("rights close", number, "--ground", "g", *BY)[1]
    _, said = centre.order("main/gate-1", words[0], leaves, *words[1:])
    assert "central roster publish" in said
    assert "at all its terminals" in said
    code, said = centre.run("rights close", number, "--ground", "g", *BY)
    assert (code != 0, "not published" in said) == (True, True)
    assert centre.in_files() == {stays}
    late = centre.install()
    late.knows(stays)
    assert late.matched() == {stays}
    centre.site.eventually(lambda: early.matched() == {stays}, "it left where it was known, too")
    centre.good("rights close", number, "--ground", "g", *BY)
    code, said = centre.run("roster add", old)
    assert code == 65, said
    assert centre.in_files() == {stays}


def test_who_has_a_badge_keeps_it_when_the_face_is_withdrawn_at_one_terminal(centre: Centre) -> None:
    stays, leaves = centre.add(1), centre.add(2, tokens=BADGE)
    centre.order("main/gate-1", "withdraw", leaves)
    late = centre.install()
    late.knows(stays)
    assert late.matched() == {stays}
    with late.people() as people:
        assert people.means.whose(*BADGE[0]) == leaves


@pytest.mark.parametrize("word", ["erase", "withdraw"])
def test_an_order_that_met_a_locked_roster_is_followed_before_anything_is_published(
    centre: Centre, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    stays, leaves = centre.add(1), centre.add(2)
    centre.publish()
    words = ("--reason", "requested") if word == "erase" else ()
    with monkeypatch.context() as patched, locked(centre.root / ROSTER_PEOPLE):
        patched.setattr("edge.sqlitefile.BUSY_S", 0.2)
        code, said = centre.order("main/gate-1", word, leaves, *words)
    assert code == 1
    assert "does not follow it yet" in said
    assert centre.in_files() == {stays, leaves}
    late = centre.install()
    late.knows(stays)
    assert late.matched() == centre.in_files() == {stays}


FILES = (
    (ROSTER_PEOPLE,),
    (ROSTER_DB,),
    (ROSTER_DB, ROSTER_PEOPLE),
    (authority.DB,),
    (ROSTER_DB, ROSTER_PEOPLE, authority.DB),
    (ROSTER_DB, ROSTER_PEOPLE, authority.DB, "roster.key", "authority.key", "authority.pem", "ledger.db"),
)


@pytest.mark.parametrize("how", ["order", "remove", "tombstone is over"])
@pytest.mark.parametrize("names", FILES, ids=["+".join(one[:3]) + f" {len(one)}" for one in FILES])
def test_a_restore_of_any_file_of_the_centre_brings_nobody_back(centre: Centre, names, how: str) -> None:
    if "ledger.db" in names:
        centre.site.service.stop()  # nobody restores it under a running ledger
    stays, leaves = centre.add(1), centre.add(2)
    centre.publish()
    restore = backup(centre.root, *names)
    later = centre.add(3)
    if how == "order":
        centre.order("main/gate-1", "erase", leaves, "--reason", "requested")
    else:
        centre.good("roster remove", leaves, "--reason", "requested", *BY)
    centre.publish()
    if how == "tombstone is over":
        with contextlib.closing(sqlite3.connect(centre.root / ROSTER_DB)) as db, db:
            db.execute("UPDATE members SET gone_at = '2020-01-01T00:00:00.000Z' WHERE gone IS NOT NULL")
        centre.publish()
    restore()
    if "ledger.db" in names:
        centre.site.ledger()
    late = centre.install()
    late.knows(stays)
    late.knows(later)
    assert leaves not in late.matched()
    assert leaves not in centre.in_files()
