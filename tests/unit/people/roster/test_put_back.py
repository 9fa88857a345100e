"""Older copies of the people file and of the roster's notes, put back at any moment: whoever belongs stays."""

import contextlib
import random
import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from edge.central.roster import membership
from edge.domain.roster.topics import Place, TopicPart
from edge.domain.vocabulary import ErasureReason
from edge.people.people_store import People
from tests.support.roster_site import Gate, Site, member, person_topic, site

__all__ = ["site"]  # fixtures
STORED = {"people": "gate-1-people.db", "notes": "gate-1-db"}


def save(site: Site, kind: str, name: str) -> Path:
    """A copy as a backup makes it: whole, with what is in the write-ahead file."""
    target = site.root / f"{kind}-{name}.saved"
    with (
        contextlib.closing(sqlite3.connect(site.root / STORED[kind])) as here,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        here.backup(copy)
    return target


def put_back(site: Site, gate: Gate, copies: dict[str, Path]) -> None:
    gate.received.close()
    gate.people.close()
    for kind, copy in copies.items():
        path = site.root / STORED[kind]
        for end in ("-wal", "-shm"):
            path.with_name(path.name + end).unlink(missing_ok=True)
        shutil.copy(copy, path)
    gate.people = People(site.root / STORED["people"], b"k" * 32)
    gate.restart()


def bob_came_before_his_manifest(site: Site) -> tuple[Gate, str, str, dict[str, bytes]]:
    """Ann is here; Bob's entry came, its manifest did not; then the notes of before were put back."""
    gate = site.register("gate-1")
    ann = site.add(1)
    gate.give(site.publish())
    older = save(site, "notes", "older")
    bob = site.add(2)
    coming = site.publish()
    gate.give({person_topic(bob): coming[person_topic(bob)]})
    assert gate.matched() == {ann, bob}
    put_back(site, gate, {"notes": older})
    return gate, ann, bob, coming


@pytest.mark.parametrize("restarts", [0, 2])
def test_an_older_manifest_makes_nobody_leave_whose_entry_came_before_its_own(site: Site, restarts: int) -> None:
    gate, ann, bob, coming = bob_came_before_his_manifest(site)
    for _ in range(restarts):
        gate.restart()
    page = Place("main", TopicPart.PAGE, bob[0]).topic
    gate.give({page: coming[page]})  # a page came, so that it is looked who is listed
    assert gate.matched() == {ann, bob}
    gate.give(coming)
    assert gate.matched() == {ann, bob}
    assert gate.sync.kept_out() == {}
    assert gate.sync.missing() == []


def test_the_manifests_between_the_notes_and_the_entry_make_nobody_leave_either(site: Site) -> None:
    gate = site.register("gate-1")
    ann = site.add(1)
    gate.give(site.publish())
    older = save(site, "notes", "older")
    carl = site.add(3)
    between = site.publish()
    bob = site.add(2)
    coming = site.publish()
    gate.give({person_topic(bob): coming[person_topic(bob)]})
    put_back(site, gate, {"notes": older})
    gate.give(between)
    assert gate.matched() == {ann, bob, carl}
    gate.give(coming)
    assert gate.matched() == {ann, bob, carl}


def test_whoever_was_removed_leaves_by_the_manifest_that_says_it(site: Site) -> None:
    gate, ann, bob, _ = bob_came_before_his_manifest(site)
    membership.remove(site.store, "main", bob, ErasureReason.REQUESTED)
    site.publish()
    gate.give(site.publish(tombstones=timedelta(0)))  # the tombstone was emptied before we came
    assert gate.matched() == {ann}
    gate.give(site.history)
    assert gate.matched() == {ann}


def test_a_number_that_was_altered_keeps_nobody_here(site: Site) -> None:
    """No manifest is so far ahead: the next one tells who left."""
    gate, ann, bob, _ = bob_came_before_his_manifest(site)
    gate.people.orders.raise_mark("roster-entry:main", 2**40)
    gate.restart()
    membership.remove(site.store, "main", bob, ErasureReason.REQUESTED)
    site.publish()
    gate.give(site.publish(tombstones=timedelta(0)))
    assert gate.matched() == {ann}


class History:
    """What happens to a site and to the files of its terminal, by chance."""

    ACTS = (
        "add", "remove", "change", "rotate", "give", "give", "give_part", "give_old", "give_old", "back_up",
        "back_up", "back_up_notes", "restore_people", "restore_notes", "restore_notes", "restore_both", "restart",
    )  # fmt: skip

    def __init__(self, site: Site, seed: int) -> None:
        self.site, self.gate, self.chance = site, site.register("gate-1"), random.Random(seed)
        self.ids: list[str] = []
        self.gone: set[str] = set()
        self.retained: list[dict[str, bytes]] = []
        self.saved: dict[str, list[Path]] = {"people": [], "notes": []}
        self.add()
        self.give()

    @property
    def members(self) -> list[str]:
        return [person for person in self.ids if person not in self.gone]

    def act(self) -> None:
        getattr(self, self.chance.choice(self.ACTS))()

    def publish(self) -> None:
        self.retained.append(self.site.publish())

    def add(self) -> None:
        person = "".join(self.chance.choices("abcdefghijklmnopqrstuvwxyz234567", k=25)) + "a"
        assert membership.add(self.site.store, "main", person, member(len(self.ids)))
        self.ids.append(person)
        self.publish()

    def remove(self) -> None:
        if len(self.members) > 1:
            person = self.chance.choice(self.members)
            membership.remove(self.site.store, "main", person, ErasureReason.REQUESTED)
            self.gone.add(person)
            self.publish()

    def change(self) -> None:
        person = self.chance.choice(self.members)
        membership.rectify(self.site.store, person, f"Name {self.chance.random()}")
        self.publish()

    def rotate(self) -> None:
        membership.rotate(self.site.store, "main")
        self.publish()

    def give(self) -> None:
        self._deliver(self.retained[-1], share=1.0)

    def give_part(self) -> None:
        self._deliver(self.retained[-1], share=self.chance.random())

    def give_old(self) -> None:
        self._deliver(self.chance.choice(self.retained), share=self.chance.choice((1.0, self.chance.random())))

    def _deliver(self, messages: dict[str, bytes], share: float) -> None:
        items = list(messages.items())
        self.chance.shuffle(items)
        self.gate.give(items[: round(share * len(items))], settle=self.chance.random() < 0.7)

    def back_up(self, *kinds: str) -> None:
        for kind in kinds or self.saved:
            self.saved[kind].append(save(self.site, kind, str(len(self.saved[kind]))))

    def back_up_notes(self) -> None:
        self.back_up("notes")

    def restore(self, *kinds: str) -> None:
        if all(self.saved[kind] for kind in kinds):
            put_back(self.site, self.gate, {kind: self.chance.choice(self.saved[kind]) for kind in kinds})

    def restore_people(self) -> None:
        self.restore("people")

    def restore_notes(self) -> None:
        self.restore("notes")

    def restore_both(self) -> None:
        self.restore("people", "notes")

    def restart(self) -> None:
        self.gate.restart()


@pytest.mark.parametrize("seed", [1579, *range(7)])
def test_files_put_back_at_random_moments_lose_nobody_and_bring_nobody_back(site: Site, seed: int) -> None:
    """The first seed made somebody leave who belongs, before the people file remembered the newest entry."""
    history = History(site, seed)
    for _ in range(history.chance.randrange(6, 22)):
        history.act()
    history.give()
    history.give()  # as the terminal asks for what is missing
    assert history.gate.matched() == set(history.members)
    assert history.gate.sync.missing() == []
