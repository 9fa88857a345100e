"""What a terminal notes of the roster is a cache: whatever becomes of it, people go on and it comes again."""

import random
import re
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from edge.central.authority.register import REGISTRY, OrderRegister
from edge.central.claims.schema import CLAIMS
from edge.central.roster import membership
from edge.central.roster.messages import compose
from edge.central.roster.schema import ROSTER
from edge.central.store.schema import LEDGER
from edge.crypto import dsse
from edge.domain.people.credentials import Token
from edge.domain.roster.entry_state import OUT, EntryState
from edge.domain.roster.messages import RosterManifest
from edge.domain.roster.topics import Place, TopicPart
from edge.domain.vocabulary import ErasureReason
from edge.errors import PeopleError, RosterDamaged
from edge.evidence_images.schema import STORE
from edge.journal.schema import JOURNAL
from edge.people.roster import state
from edge.people.roster.state import RECEIVED, RosterState
from edge.people.schema import PEOPLE
from edge.people.site.schema import SITE
from tests.support.altered import altered
from tests.support.roster_site import (
    AUTHORITY,
    BADGE,
    FACELESS,
    Gate,
    Site,
    add,
    owed,
    person_topic,
    site,
    with_face,
)

__all__ = ["site"]  # the fixture


def registry(path: Path) -> None:
    OrderRegister(path).close()


def another(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE people (x)")


def later(path: Path) -> None:
    RosterState(path).close()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA user_version = 99")


RUBBISH = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_bytes(b"no database\n" * 99),
    "foreign": another,
    "the authority's": registry,
    "of a later program": later,
}


def spoil(gate: Gate, make) -> None:
    gate.received.close()
    for path in gate.received_path.parent.glob(gate.received_path.name + "*"):
        path.unlink()
    make(gate.received_path)


@pytest.mark.parametrize("kind", RUBBISH)
def test_notes_that_are_none_are_set_aside_and_the_roster_comes_again(site: Site, kind: str) -> None:
    gate = site.register("gate-1")
    fay, bob = add(site, with_face()), site.add(2)
    retained = site.publish()
    gate.give(retained)
    spoil(gate, RUBBISH[kind])
    before = gate.received_path.read_bytes()
    with pytest.raises(RosterDamaged):
        RosterState(gate.received_path, mend=False)
    assert gate.received_path.read_bytes() == before, "who only reads it changes nothing"
    gate.restart()
    assert gate.received.anew
    assert gate.received_path.with_name(gate.received_path.name + state.ASIDE).exists()
    assert (gate.matched(), gate.people.credentials.whose(Token.BADGE, BADGE)) == ({fay, bob}, fay), (
        "meanwhile, too"
    )
    gate.give(retained)
    assert (gate.matched(), gate.sync.missing(), gate.sync.kept_out()) == ({fay, bob}, [], {})
    gate.restart()
    assert gate.received.anew is None


def test_one_altered_byte_anywhere_keeps_nobody_out_and_heals(site: Site) -> None:
    """A byte of each column of each row, many times over: the next complete roster is what counts."""
    chance = random.Random(11)
    gate = site.register("gate-1")
    fay, bob, gone = add(site, with_face()), site.add(2), site.add(3)
    gate.give(site.publish())
    membership.remove(site.store, "main", gone, ErasureReason.EMPLOYMENT_ENDED)
    retained = site.publish()
    gate.give(retained)
    gate.received.close()
    kept = gate.received_path.read_bytes()
    with closing(sqlite3.connect(gate.received_path)) as db, db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        cells = [
            (table, column, n)
            for table in tables
            for (_, column, *_) in db.execute(f"PRAGMA table_info({table})")
            for n in range(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
        ]
    assert len(cells) > 30
    for table, column, n in cells * 3:
        for path in gate.received_path.parent.glob(gate.received_path.name + "*"):
            path.unlink()
        gate.received_path.write_bytes(kept)
        with closing(sqlite3.connect(gate.received_path)) as db, db:
            altered(db, table, column, n, chance)
        gate.restart()
        assert gate.matched() == {fay, bob}, (table, column)
        gate.give(retained)
        assert (gate.matched(), gate.sync.missing(), gate.sync.kept_out()) == ({fay, bob}, [], {}), (table, column)
        assert gate.sync.counts.roster_waiting == 0
        assert gate.people.erasures() == [], "nobody who was erased is erased again"
        gate.received.close()
    assert owed(gate) == []


def test_who_left_while_the_notes_were_lost_leaves(site: Site) -> None:
    gate = site.register("gate-1")
    fay, bob = add(site, with_face()), site.add(2)
    gate.give(site.publish())
    membership.remove(site.store, "main", fay, ErasureReason.REQUESTED)
    retained = site.publish(tombstones=timedelta(0))
    assert person_topic(fay) not in retained, "its tombstone was emptied meanwhile"
    spoil(gate, RUBBISH["empty"])
    gate.restart()
    gate.give(retained)
    assert gate.people.enrolled() == {bob}
    assert gate.people.credentials.whose(Token.BADGE, BADGE) is None


def test_an_older_roster_does_not_count_although_the_notes_were_lost(site: Site) -> None:
    gate = site.register("gate-1")
    fay = add(site, with_face())
    old = site.publish()
    bob = site.add(2)
    gate.give(site.publish())
    spoil(gate, RUBBISH["text"])
    gate.restart()
    gate.give(old)
    assert gate.matched() == {fay, bob}
    assert gate.sync.behind == 1
    assert gate.sync.version_held == 2
    gate.give(site.publish())
    assert gate.sync.behind is None
    assert (gate.matched(), gate.sync.missing()) == ({fay, bob}, [])


def test_who_was_kept_out_and_is_unlisted_holds_nothing_up(site: Site) -> None:
    gate = site.register("gate-1")
    own = add(site, FACELESS)
    gate.give(site.publish())
    gate.people.erase(own, "2098-01-01T09:00:00Z", "requested")
    gate.people.erasure_over(own)
    membership.rectify(site.store, own, "Again")
    gate.give(site.publish())
    assert own in gate.sync.kept_out()
    membership.remove(site.store, "main", own, ErasureReason.REQUESTED)
    retained = site.publish(tombstones=timedelta(0))
    gate.give(retained)
    assert (gate.sync.leaving, gate.sync.kept_out()) == ({}, {})
    assert gate.people.erasures() == []


def test_notes_of_another_site_count_for_nothing(site: Site, tmp_path: Path) -> None:
    gate = site.register("gate-1")
    fay = add(site, with_face())
    membership.add(site.store, "depot", fay, with_face())
    gate.give(site.publish())
    path = tmp_path / "other.db"
    other = RosterState(path)
    for n in range(4):
        membership.rectify(site.store, fay, f"Name {n}")
        foreign = compose(site.store, "depot", [], AUTHORITY)
    payload = dsse.parse(foreign[Place("depot", TopicPart.MANIFEST, "").topic].wire).payload
    other.keep_mark(state.MANIFEST, state.Highwater(RosterManifest.decode(payload).version, payload))
    other.close()
    spoil(gate, lambda target: target.write_bytes(path.read_bytes()))
    gate.restart()
    assert not gate.sync.begun
    gate.give(site.publish())
    assert gate.sync.missing() == []


def test_a_file_with_the_former_id_is_opened_and_given_its_own(tmp_path: Path) -> None:
    path = tmp_path / "roster.db"
    made = RosterState(path)
    made.keep([EntryState("a" * 26, 1, "0" * 64, 1, OUT, "why")])
    made.close()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(f"PRAGMA application_id = {0x53435231}")
    again = RosterState(path)
    assert (again.anew, list(again.rows())) == (None, ["a" * 26])
    assert again._db.execute("PRAGMA application_id").fetchone()[0] == RECEIVED.application_id
    again.close()


def test_a_disk_that_refuses_is_no_damage(tmp_path: Path) -> None:
    (tmp_path / "roster.db").mkdir()
    with pytest.raises(PeopleError) as caught:
        RosterState(tmp_path / "roster.db")
    assert not isinstance(caught.value, RosterDamaged)


def test_no_two_kinds_of_file_are_taken_for_each_other() -> None:
    kinds = [JOURNAL, PEOPLE, RECEIVED, SITE, STORE, REGISTRY, ROSTER, LEDGER, CLAIMS]
    ids = [one.application_id for one in kinds]
    assert len(set(ids)) == len(ids)
    found = {int(number, 16) for path in Path("edge").rglob("*.py")
             for number in re.findall(r"(?i:application_id) ?= ?(0x[0-9A-Fa-f]{8})", path.read_text())}  # fmt: skip
    assert found <= set(ids), "one that this test does not know"


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE people SET wrapped = zeroblob(length(wrapped)) WHERE id = ?",
        "UPDATE people SET name = zeroblob(length(name)) WHERE id = ?",
        "UPDATE templates SET sealed = zeroblob(length(sealed)) WHERE person = ?",
        "UPDATE templates SET count = 0 WHERE person = ?",
        "UPDATE templates SET count = -3 WHERE person = ?",
    ],
)
def test_who_is_damaged_is_mended_by_their_entry_at_the_next_start(site: Site, damage: str) -> None:
    gate = site.register("gate-1")
    fay, bob = add(site, with_face()), site.add(2)
    retained = site.publish()
    gate.give(retained)
    gate.people._db.execute(damage, (fay,))
    assert [one.id for one in gate.people.list() if one.damaged] == [fay]
    gate.restart()
    gate.give(retained)
    assert (gate.matched(), gate.people.member(fay).name) == ({fay, bob}, "Fay")
    assert (gate.sync.kept_out(), gate.sync.missing()) == ({}, [])
    assert not any(one.damaged for one in gate.people.list())
