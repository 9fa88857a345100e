"""Who left does not come back: by an order alone, over every restore of the centre's files, by no old export."""

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from edge.central.authority import authority_key
from edge.central.authority.register import OrderRegister
from edge.central.roster import order_follower
from edge.central.roster.schema import ROSTER_DB, ROSTER_PEOPLE
from edge.central.roster.store import RosterStore
from edge.crypto.dsse import key_id
from edge.domain.people.credentials import Token
from edge.domain.protocol.record import Draft, Origin, Position, Record, decode, encode
from edge.domain.protocol.record_kinds import Kind
from edge.domain.roster.leavers import Leavers
from edge.people.person import new_person_id
from tests.support.clock import NOW
from tests.support.leavers import BADGE, BY, Centre, backup, centre, member

__all__ = ["centre"]  # fixtures


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
    centre.good("rights close", number, "--ground", "g", "--without-order", *BY)
    code, said = centre.run("roster add", old)
    assert code == 65, said
    assert centre.in_files() == {stays}


def test_who_has_a_badge_keeps_it_when_the_face_is_withdrawn_at_one_terminal(centre: Centre) -> None:
    stays, leaves = centre.add(1), centre.add(2, tokens=BADGE)
    centre.order("main/gate-1", "withdraw", leaves)
    late = centre.install()
    late.knows(stays)
    late.takes_badge(leaves)
    assert late.matched() == {stays}


@pytest.mark.parametrize("word", ["erase", "withdraw"])
def test_an_order_that_met_a_locked_roster_is_followed_before_anything_is_published(
    centre: Centre, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    stays, leaves = centre.add(1), centre.add(2)
    centre.publish()
    words = ("--reason", "requested") if word == "erase" else ()
    with monkeypatch.context() as patched, locked(centre.root / ROSTER_PEOPLE):
        patched.setattr("edge.storage.sqlite_file.BUSY_S", 0.2)
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
    (authority_key.DB,),
    (ROSTER_DB, ROSTER_PEOPLE, authority_key.DB),
    (ROSTER_DB, ROSTER_PEOPLE, authority_key.DB, "roster.key", "authority.key", "authority.pem", "ledger.db"),
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


def test_a_roster_from_a_backup_goes_on_from_what_terminals_have_and_keeps_who_came_since(centre: Centre) -> None:
    first = centre.add(1)
    early = centre.install()
    restore = backup(centre.root, ROSTER_DB, ROSTER_PEOPLE)
    later = []
    for seed in (2, 3, 4):
        later.append(centre.add(seed))
        centre.publish()
    early.knows(later[-1])
    restore()
    said = centre.publish()
    assert "restored from a backup" in said
    assert "taken over: 3 people" in said
    assert early.matched() == {first, *later}
    centre.good("roster remove", first, "--reason", "requested", *BY)
    centre.publish()
    centre.site.eventually(lambda: early.matched() == set(later), "the removal is heard at once")
    assert centre.publish().count("0 sent") == 1, "and nothing is left to say"
    restore()
    centre.publish()
    late = centre.install()
    late.knows(later[-1])
    assert late.matched() == set(later)


def test_a_restore_across_a_new_site_key_asks_before_it_would_erase_anybody(centre: Centre) -> None:
    first, early = centre.add(1), centre.install()
    restore = backup(centre.root, ROSTER_DB, ROSTER_PEOPLE)
    later = centre.add(2)
    again = centre.root / f"{centre.files}.scp"
    centre.good("roster rotate", "main", *BY)
    centre.publish()
    early.knows(later)
    restore()
    code, said = centre.run("roster publish", broker=True)
    assert (code != 0, later in said, "--forget-lost" in said) == (True, True, True)
    assert early.matched() == {first, later}
    centre.good("roster add", again)
    centre.publish()
    late = centre.install()
    late.knows(later)
    assert late.matched() == early.matched() == {first, later}


def erased_by(centre: Centre, gate, person: str, reason: str, **more: str) -> None:
    """What a terminal recorded, in the ledger."""
    gate.run()
    with gate.journal() as journal:
        said = {"person": person, "reason": reason, "templates": 3, **more}
        journal.append(Draft(Kind.ERASED, said, NOW))
    gate.publisher.wake()
    gate.receipted(1)


@pytest.mark.parametrize(
    ("reason", "more", "leaves"),
    [("requested", {"by": "uid:7"}, True), ("under-age", {}, True), ("employer", {}, True),
     ("employer", {"by": "uid:7"}, False)],
)  # fmt: skip
def test_who_was_erased_at_a_terminal_is_not_published_any_more(centre: Centre, reason, more, leaves) -> None:
    stays, person = centre.add(1), centre.add(2)
    centre.publish()
    erased_by(centre, centre.gate, person, reason, **more)
    said = centre.publish()
    assert person in said
    late = centre.install()
    late.knows(stays)
    if leaves:
        assert late.matched() == centre.in_files() == {stays}
        assert ("roster-removed", person) in centre.acts()
    else:
        late.knows(person)
        assert "central roster remove" in said


def test_a_terminal_of_another_site_and_a_revoked_one_take_nobody_out(centre: Centre) -> None:
    stays, revoked = centre.add(1), centre.site.terminal("gate-9")
    centre.good("revoke", key_id(revoked.key.verify_key))
    assert "taken out" not in centre.publish()
    erased = Leavers()
    erased.hear_terminals([(record_of("depot", stays), "2026-03-02T08:00:00.000Z")], {"main": {stays}})
    assert erased == Leavers()
    late = centre.install()
    late.knows(stays)


def record_of(installation: str, person: str) -> Record:
    data = {"person": person, "reason": "requested", "templates": 1, "by": "uid:7"}
    position = Position("c" * 32, 1, "0" * 64)
    return decode(encode(Origin(installation, "gate-1"), position, Draft(Kind.ERASED, data, NOW)))


def test_an_end_of_employment_reaches_a_new_terminal_and_the_roster(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    stays, leaves = centre.add(1), centre.add(2)
    centre.publish()
    _, said = centre.order("main/gate-1", "employment-ended", leaves, "--at", "2096-01-01T00:00:00Z")
    assert "keeps them until 2096" in said
    late = centre.install()
    late.knows(leaves)
    with OrderRegister(centre.root / authority_key.DB) as registry:
        told = [(one.origin.terminal, one.order.fields.get("at")) for one in registry.addressed()]
    assert told == [("gate-1", "2096-01-01T00:00:00.000Z"), ("late-1", "2096-01-01T00:00:00.000Z")]
    assert "employment" not in centre.publish(), "once is enough"
    monkeypatch.setattr(order_follower, "now", lambda: "2096-01-01T00:00:01.000Z")
    centre.publish()
    centre.site.eventually(lambda: late.matched() == {stays}, "they left")
    assert centre.in_files() == {stays}


def test_an_employment_that_continues_takes_nobody_out(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    person = centre.add(1)
    centre.order("main/gate-1", "employment-ended", person, "--at", "2096-01-01T00:00:00Z")
    centre.order("main/gate-1", "employment-continues", person)
    monkeypatch.setattr(order_follower, "now", lambda: "2096-01-01T00:00:01.000Z")
    centre.publish()
    assert centre.in_files() == {person}


ACTS = {
    "add": (lambda c, p: ("roster add", c.export(new_person_id(), member(9))), "roster-added"),
    "withdraw": (lambda _c, p: ("roster withdraw", p, *BY), "roster-withdrawn"),
    "remove": (lambda _c, p: ("roster remove", p, "--reason", "requested", *BY), "roster-removed"),
    "rotate": (lambda _c, _p: ("roster rotate", "main", *BY), "roster-key"),
    "publish": (lambda _c, _p: ("roster publish",), "roster-published"),
}


@pytest.mark.parametrize("act", ACTS)
def test_nothing_is_done_while_the_log_is_locked(centre: Centre, monkeypatch: pytest.MonkeyPatch, act: str) -> None:
    person = centre.add(1, tokens=BADGE)
    words, _ = ACTS[act][0](centre, person), None
    before = everything(centre)
    with monkeypatch.context() as patched, locked(centre.root / authority_key.DB):
        patched.setattr("edge.storage.sqlite_file.BUSY_S", 0.2)
        code, said = centre.run(*words, broker=act == "publish")
    assert (code, "another process held it" in said) == (74, True)
    assert everything(centre) == before


@pytest.mark.parametrize("act", ACTS)
def test_what_is_killed_after_it_was_done_is_on_record_after_the_next_command(
    centre: Centre, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    person = centre.add(1, tokens=BADGE)
    make, word = ACTS[act]
    words = make(centre, person)

    def killed(*_: object) -> None:
        raise SystemExit(137)

    with monkeypatch.context() as patched:
        patched.setattr(OrderRegister, "done", killed)
        with pytest.raises(SystemExit):
            centre.run(*words, broker=act == "publish")
    assert "1 acts were begun" in centre.good("audit")
    code, _ = centre.run(*words, broker=act == "publish")
    assert code == 0
    entries = json.loads(centre.good("audit", "--json"))["entries"]
    told = [one for one in entries if one["act"] == word and one["data"].get("interrupted")]
    assert len(told) == 1
    assert told[0]["why"]


def everything(centre: Centre) -> object:
    with RosterStore(centre.root) as store:
        rows = store.members("main")
        return (
            rows,
            store.site("main"),
            {one: store.people.member(one).consent for one in rows},
            store.messages("main"),
        )


def test_a_terminal_of_another_site_changes_nobody_and_a_change_says_by_whom_it_was(centre: Centre) -> None:
    vera = centre.add(1, tokens=BADGE)
    with centre.site.store() as ledger:
        evil = centre.site.terminal("evil")
        evil.origin = Origin("depot", "evil-2")
        evil.key = SigningKey.generate()
        ledger.register(evil.origin, evil.key.verify_key)
    forged = centre.export(vera, member(66, tokens=((Token.BADGE, "666666"),)), "2026-03-03T09:00:00.000Z", evil)
    code, said = centre.run("roster add", forged)
    assert (code, "no terminal of it" in said) == (65, True)
    with RosterStore(centre.root) as store:
        assert store.people.member(vera).tokens == BADGE
        assert store.sites() == ["main"]
    said = centre.good("roster add", centre.export(vera, member(66, tokens=BADGE), "2026-03-03T09:00:00.000Z"))
    assert f"{vera} changed by main/gate-1: name, face" in said
    entries = json.loads(centre.good("audit", "--json"))["entries"]
    added = [one["data"] for one in entries if one["act"] == "roster-added"]
    assert (added[-1]["terminal"], added[-1]["changed"]) == ("main/gate-1", ["name", "face"])


def test_the_newest_export_counts_whatever_order_the_files_come_in(centre: Centre) -> None:
    person = new_person_id()
    old = centre.export(person, member(1, tokens=((Token.BADGE, "111222"),)), "2026-03-02T09:00:00.000Z")
    new = centre.export(person, member(1, tokens=((Token.BADGE, "333444"),)), "2026-03-02T09:00:01.000Z")
    said = centre.good("roster add", new, old)
    assert "older than an export that was taken" in said
    centre.good("roster add", old)
    with RosterStore(centre.root) as store:
        assert store.people.member(person).tokens == ((Token.BADGE, "333444"),)
    ahead = centre.export(person, member(2), "2096-03-02T09:00:00.000Z")
    code, said = centre.run("roster add", ahead)
    assert (code, "in the future" in said) == (65, True)
