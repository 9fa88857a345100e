"""Who was exported from a terminal that was away while they came to the roster and left it again."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from edge.central.roster import membership
from edge.domain.protocol.record_kinds import Kind
from edge.domain.roster.awaited import Awaited
from edge.domain.roster.topics import TopicPart, place_of
from edge.domain.vocabulary import ErasureReason
from edge.errors import TransferError
from edge.people.person import new_person_id
from edge.terminal.operator import hand_over
from edge.terminal.uplink.roster_client import GRACE_NS
from tests.support.clock import HandClock, evidence
from tests.support.people import CONSENT, POLICY
from tests.support.roster_bench import SECOND, Bench
from tests.support.roster_site import MODEL, Site, member, site, templates

__all__ = ["site"]  # the fixture
EXPORTED, WITHIN, LATER = (f"2026-0{day}T08:00:00.000Z" for day in ("3-05", "4-04", "6-20"))


class Door(Bench):
    """A terminal that enrolled Ann, and exports her."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.clock = self.roster._clock = HandClock(evidence(utc=EXPORTED))
        self.ann = new_person_id()
        self.gate.people.enrol(self.ann, "Ann", CONSENT, POLICY, templates(1), MODEL)

    def export(self, name: str = "ann.scp") -> None:
        hand_over.export(
            self.ann, self.site.root / name, SigningKey(b"c" * 32).verify_key, self.gate.origin, self.gate.identity,
            people=self.gate.people, journal=self.journal, clock=self.clock, by="uid:1",
        )  # fmt: skip

    def hear(self, retained: dict[str, bytes]) -> None:
        self.give(retained)
        self.wait(GRACE_NS / SECOND + 1)
        self.wait(1)


@pytest.fixture
def door(site: Site) -> Iterator[Door]:
    made = Door(site)
    yield made
    made.roster.close()
    made.journal.close()


def came_and_left(site: Site, person: str) -> dict[str, bytes]:
    """The roster after somebody was added and removed, and their tombstone emptied."""
    from datetime import timedelta

    site.add(7)
    membership.add(site.store, "main", person, member(1))
    site.publish()
    membership.remove(site.store, "main", person, ErasureReason.REQUESTED)
    site.publish()
    return site.publish(tombstones=timedelta(days=-1))


def test_who_came_and_left_while_the_terminal_was_away_leaves_there_too(door: Door) -> None:
    door.site.add(2)
    before = door.site.publish()
    door.start()
    door.hear(before)
    door.export()
    door.wait(GRACE_NS / SECOND + 1)
    door.roster.disconnected()
    retained = came_and_left(door.site, door.ann)
    assert not any(door.ann in topic for topic in retained), "nothing there tells of them"
    door.clock.set(utc=LATER)
    door.roster.connected()
    door.hear(retained)
    assert door.ann not in door.gate.matched()
    assert door.gate.people.enrolled() == set(door.site.ids)
    assert door.kinds() == [Kind.COMMAND_RESULT, Kind.ERASED]
    assert door.gate.people.exported.all() == []


def test_the_service_may_have_been_down_all_the_time(door: Door) -> None:
    door.export()
    retained = came_and_left(door.site, door.ann)
    door.clock.set(utc=LATER)
    door.start()
    door.hear(retained)
    assert door.ann not in door.gate.people.enrolled()


def test_a_month_is_waited_and_no_older_roster_counts(door: Door) -> None:
    door.site.add(2)
    door.start()
    door.hear(door.site.publish())
    door.export()
    door.clock.set(utc=WITHIN)
    door.site.add(3)
    retained = door.site.publish()
    door.hear(retained)
    door.clock.set(utc=LATER)
    door.hear(retained)
    assert door.ann in door.gate.matched(), "no roster came since, so that nothing says that they left"
    door.site.add(4)
    door.hear(door.site.publish())
    assert door.ann not in door.gate.matched()


@pytest.mark.parametrize("hindrance", ["unsure clock", "away", "a page is missing", "in the roster"])
def test_nobody_leaves_while_it_is_not_certain(door: Door, hindrance: str) -> None:
    door.export()
    listed = hindrance == "in the roster"
    if listed:
        membership.add(door.site.store, "main", door.ann, member(1))
    retained = door.site.publish() if listed else came_and_left(door.site, door.ann)
    door.clock.set(utc=LATER)
    door.start()
    if hindrance == "unsure clock":
        door.clock.set(synchronised=False)
    elif hindrance == "away":
        door.roster.disconnected()
    elif hindrance == "a page is missing":
        pages = {topic for topic in retained if getattr(place_of(topic), "part", None) is TopicPart.PAGE}
        assert pages
        retained = {topic: wire for topic, wire in retained.items() if topic not in pages}
    door.hear(retained)
    assert door.ann in door.gate.matched()


def test_an_export_without_a_sure_clock_is_waited_for_from_when_there_is_one(door: Door) -> None:
    door.clock.set(synchronised=False)
    door.export()
    door.start()
    door.hear(came_and_left(door.site, door.ann))
    door.clock.set(synchronised=True, utc=LATER)
    door.wait(GRACE_NS / SECOND + 1)
    assert door.gate.people.exported.all()[0].exported == door.clock.found.utc
    assert door.ann in door.gate.matched()


def test_an_export_that_could_not_be_written_is_not_awaited(door: Door, tmp_path: Path) -> None:
    (tmp_path / "taken.scp").write_bytes(b"")
    with pytest.raises(TransferError):
        door.export("taken.scp")
    assert door.gate.people.exported.all() == []
    door.export()
    noted = door.gate.people.exported.all()
    assert noted == [Awaited(door.ann, EXPORTED, None)]
    door.clock.set(utc=LATER)
    with pytest.raises(TransferError):
        door.export("taken.scp")
    assert door.gate.people.exported.all() == noted
    door.export("again.scp")
    assert door.gate.people.exported.all() == [Awaited(door.ann, LATER, None)], "the last one counts"
