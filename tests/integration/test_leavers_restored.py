"""What is left of the centre's files and of the broker's copy brings nobody back, or publishing says why not."""

import contextlib
import sqlite3
from collections.abc import Callable

import pytest

from edge.central.authority import authority_key
from edge.central.roster import membership
from edge.central.roster.schema import ROSTER_DB, ROSTER_PEOPLE
from edge.central.roster.store import RosterStore
from edge.domain.people.credentials import Token
from edge.domain.roster import messages
from edge.people.person import new_person_id
from tests.support.leavers import BADGE, BY, Centre, backup, centre, member

__all__ = ["centre"]  # fixtures


def tombstones_are_over(centre: Centre) -> None:
    with contextlib.closing(sqlite3.connect(centre.root / ROSTER_DB)) as db, db:
        db.execute("UPDATE members SET gone_at = '2020-01-01T00:00:00.000Z' WHERE gone IS NOT NULL")


def altered(centre: Centre, statement: str, person: str) -> None:
    with contextlib.closing(sqlite3.connect(centre.root / ROSTER_PEOPLE)) as db, db:
        for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        assert db.execute(f"{statement} = ?", (person,)).rowcount == 1


DAMAGE = {
    "name": "UPDATE people SET name = zeroblob(length(name)) WHERE id",
    "key": "UPDATE people SET wrapped = zeroblob(length(wrapped)) WHERE id",
    "templates": "UPDATE templates SET sealed = zeroblob(length(sealed)) WHERE person",
    "consent": "UPDATE consents SET given_at = 'x' WHERE person",
}


@pytest.mark.parametrize("what", DAMAGE)
def test_whoever_is_damaged_keeps_nobody_else_in_and_is_mended_by_their_own_message(centre: Centre, what) -> None:
    damaged, leaves, stays = centre.add(1), centre.add(2), centre.add(3)
    centre.publish()
    altered(centre, DAMAGE[what], damaged)
    _, said = centre.order("main/gate-1", "erase", leaves, "--reason", "requested")
    assert "does not follow" not in said
    assert "are back from our own messages" in centre.publish()
    late = centre.install()
    late.knows(damaged)
    late.knows(stays)
    assert late.matched() == centre.in_files() == {damaged, stays}


def test_who_is_damaged_and_withdraws_is_taken_out(centre: Centre) -> None:
    damaged, stays = centre.add(1, tokens=BADGE), centre.add(2)
    centre.publish()
    altered(centre, DAMAGE["templates"], damaged)
    centre.order("main/gate-1", "withdraw", damaged)
    late = centre.install()
    late.knows(stays)
    assert late.matched() == centre.in_files() == {stays}


def test_who_is_damaged_and_was_never_published_is_named_and_keeps_nobody_up(centre: Centre) -> None:
    damaged, stays = centre.add(1), centre.add(2)
    altered(centre, DAMAGE["templates"], damaged)
    assert f"{damaged}: their entry in roster-people.db was altered" in centre.publish()
    late = centre.install()
    late.knows(stays)


def test_a_full_site_drops_its_oldest_tombstones_and_not_a_publication(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (messages, membership):
        monkeypatch.setattr(module, "MAX_PEOPLE", 3)
    leaves, others = centre.add(1), {centre.add(2), centre.add(3)}
    early = centre.install()
    early.knows(leaves)
    centre.good("roster remove", leaves, "--reason", "requested", *BY)
    new = centre.add(4)
    centre.publish()
    centre.site.eventually(lambda: early.matched() == {*others, new}, "who left is gone, and who came is there")


def test_a_withdrawal_behind_a_new_site_key_is_not_undone_by_a_restore(centre: Centre) -> None:
    stays, leaves = centre.add(1), centre.add(2, tokens=BADGE)
    centre.publish()
    restore = backup(centre.root, ROSTER_DB, ROSTER_PEOPLE, authority_key.DB)
    centre.good("roster withdraw", leaves, *BY)
    centre.good("roster rotate", "main", *BY)
    centre.publish()
    there = retained(centre)
    restore()
    code, said = centre.run("roster publish", broker=True)
    assert (code, "--trust-backup" in said) == (65, True)
    assert retained(centre) == there, "nothing was sent"
    centre.good("roster withdraw", leaves, *BY)
    centre.good("roster publish", "--trust-backup", broker=True)
    late = centre.install()
    late.knows(stays)
    assert late.matched() == centre.in_files() == {stays}


def retained(centre: Centre) -> dict[str, bytes]:
    neighbour = centre.site.neighbour("authority", "smartclocker/v1/main/roster/#")
    neighbour.hears("smartclocker/v1/main/roster/manifest", b"")
    neighbour.link.stop()
    return {topic: raw for topic, raw in neighbour.heard if "/roster/manifest" in topic}


@pytest.mark.parametrize("part", ["page", "manifest"])
def test_a_part_of_a_newer_roster_is_no_ground_to_publish_an_older_one(centre: Centre, part: str) -> None:
    stays, leaves = centre.add(1), centre.add(2)
    centre.publish()
    restore = backup(centre.root, ROSTER_DB, ROSTER_PEOPLE, authority_key.DB)
    centre.good("roster remove", leaves, "--reason", "requested", *BY)
    centre.publish()
    tombstones_are_over(centre)
    beside = centre.add(3)
    centre.publish()
    name = f"page/{beside[0]}" if part == "page" else part
    broker = centre.site.neighbour("authority")
    broker.publish(f"smartclocker/v1/main/roster/{name}", b"", retain=True)
    broker.link.stop()
    restore()
    code, said = centre.run("roster publish", broker=True)
    assert (code, "only parts of a newer roster" in said) == (65, True)
    centre.good("roster remove", leaves, "--reason", "requested", *BY)
    centre.good("roster publish", "--trust-backup", broker=True)
    late = centre.install()
    late.knows(stays)
    assert leaves not in late.matched() | centre.in_files()


def test_who_is_back_in_the_people_file_alone_is_named_and_can_be_erased(centre: Centre) -> None:
    stays, leaves = centre.add(1), centre.add(2)
    centre.publish()
    restore = backup(centre.root, ROSTER_PEOPLE, authority_key.DB)
    centre.good("roster remove", leaves, "--reason", "requested", *BY)
    tombstones_are_over(centre)
    centre.publish()
    restore()
    number = centre.good("rights open", leaves, "erasure", "--force", *BY).split()[1].rstrip(":")
    assert f"{leaves}: is kept in roster-people.db and belongs to no site" in centre.publish()
    assert "roster-people.db still has them" in centre.run("rights close", number, "--ground", "g", *BY)[1]
    centre.good("roster remove", leaves, "--reason", "requested", *BY)
    assert centre.in_files() == {stays}
    assert leaves not in centre.publish()
    centre.good("rights close", number, "--ground", "g", "--without-order", *BY)


def test_an_older_people_file_and_log_give_no_absent_face_back(centre: Centre) -> None:
    stays, leaves = centre.add(1), centre.add(2, tokens=BADGE)
    centre.publish()
    restore = backup(centre.root, ROSTER_PEOPLE, authority_key.DB)
    centre.good("roster withdraw", leaves, *BY)
    centre.publish()
    restore()
    centre.publish()
    assert centre.in_files() == {stays}


@pytest.mark.parametrize("how", ["passed on", "exchanged"])
def test_who_has_anothers_badge_since_the_backup_is_taken_over_whatever_their_ids(centre: Centre, how: str) -> None:
    first, second = sorted((new_person_id(), new_person_id()))
    card, other = ((Token.BADGE, "111222"),), ((Token.BADGE, "333444"),)
    centre.good("roster add", centre.export(second, member(2, tokens=card), "2026-03-02T09:00:00.000Z"))
    if how == "exchanged":
        centre.good("roster add", centre.export(first, member(1, tokens=other), "2026-03-02T09:00:00.000Z"))
    centre.publish()
    restore = backup(centre.root, ROSTER_DB, ROSTER_PEOPLE)
    later = (
        (second, member(2), "2026-03-02T10:00:00.000Z"),
        (first, member(1, tokens=card), "2026-03-02T10:00:01.000Z"),
        (second, member(2, tokens=other if how == "exchanged" else ()), "2026-03-02T10:00:02.000Z"),
    )
    for person, given, at in later:
        centre.good("roster add", centre.export(person, given, at))
    centre.publish()
    restore()
    assert "taken over: 2 people" in centre.publish()
    with RosterStore(centre.root) as store:
        assert store.people.member(first).tokens == card
        assert store.people.member(second).tokens == (other if how == "exchanged" else ())
    late = centre.install()
    late.knows(first)
    late.knows(second)


def killed_in(monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> Callable[[], None]:
    def killed(*_: object) -> None:
        raise SystemExit(137)

    monkeypatch.setattr(owner, name, killed)
    return monkeypatch.undo


@pytest.mark.parametrize("where", ["put_members", "put_site"])
def test_an_addition_that_is_killed_leaves_no_face_that_no_list_names(
    centre: Centre, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    centre.add(1)
    person = new_person_id()
    file = centre.export(person, member(2, tokens=BADGE))
    alive = killed_in(monkeypatch, RosterStore, where)
    with pytest.raises(SystemExit):
        centre.run("roster add", file)
    alive()
    assert person not in centre.in_files()
    centre.good("roster add", file)
    assert person in centre.in_files()


def test_an_addition_that_is_killed_after_it_was_listed_is_lost_and_can_be_given_again(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    stays = centre.add(1)
    person = new_person_id()
    file = centre.export(person, member(2))
    with RosterStore(centre.root) as store:
        people = type(store.people)
    alive = killed_in(monkeypatch, people, "receive")
    with pytest.raises(SystemExit):
        centre.run("roster add", file)
    alive()
    assert "is lost; export them again" in centre.publish()
    centre.good("roster add", file)
    late = centre.install()
    late.knows(stays)
    late.knows(person)


def lose_state(centre: Centre) -> None:
    """The broker forgets what it retained of the roster."""
    from edge.central.broker.certificates import AUTHORITY
    from edge.central.roster.publisher import publish
    from edge.central.roster.publisher import retained as at_broker

    to = centre.site.uplink(AUTHORITY)
    assert publish(to, "main", {}).emptied
    assert at_broker(to, "main") == {}


def test_an_older_roster_and_an_empty_broker_rise_above_the_terminals(
    centre: Centre,
) -> None:
    stays, changes = centre.add(1), centre.add(2)
    centre.publish()
    restore = backup(centre.root, ROSTER_DB, ROSTER_PEOPLE)
    early = centre.install()
    early.knows(stays)
    centre.good("roster rotate", "main", *BY)
    centre.publish()
    after = centre.add(3)
    centre.publish()
    early.knows(after)
    with RosterStore(centre.root) as store:
        site = store.site("main")
        assert site is not None
        held = site.version
    restore()
    lose_state(centre)
    said = centre.publish()
    assert f"version {held} of this roster was published once" in said
    assert f"--above {held}" in said
    code, said = centre.run("roster publish", "--above", held, broker=True)
    assert (code, "give --site, too" in said) == (2, True)
    code, said = centre.run("roster publish", "--site", "main", "--above", held + 10_000_000, broker=True)
    assert (code, "more than 1,000,000 beyond" in said) == (65, True)
    centre.good("roster remove", changes, "--reason", "requested", *BY)
    lifted = centre.good("roster publish", "--site", "main", "--above", held, broker=True)
    assert f"the roster goes on from version {held}" in lifted
    assert "published once" not in lifted
    centre.site.eventually(lambda: early.matched() == {stays}, "the terminal hears it, and who is not in it left")
    new = centre.add(4)
    assert "published once" not in centre.publish()
    early.knows(new)
    code, said = centre.run("roster publish", "--site", "main", "--above", held, broker=True)
    assert (code, "leave --above out" in said) == (65, True)
