"""Two doors of one site at a real mosquitto: what they know of each other, and what nobody else reads."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.central.broker.mosquitto import EmbeddedBroker
from edge.crypto import dsse
from edge.domain.attendance.punch_direction import DirectionPolicy
from edge.domain.protocol.record import Origin, Record, decode
from edge.domain.vocabulary import Button, Method
from edge.journal.disk_reserve import Reserve
from edge.people.site.store import SiteStore
from edge.terminal.attendance.punch_recorder import Identified, Punched, Puncher, Recorder
from edge.terminal.site.hearing import SiteHearing
from edge.terminal.site.knowledge import SiteKnowledge
from edge.terminal.uplink import site_records
from tests.support.neighbours import open_acl
from tests.support.people import ANN
from tests.support.roster_company import Company, company

__all__ = ["company"]  # a fixture

PUNCHES = "smartclocker/v1/main/gate-1/record/punch"
DOORS = (Origin("main", "gate-1"), Origin("main", "gate-2"))


@pytest.fixture
def broker(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[EmbeddedBroker]:
    """One whose ACL names both doors, as `central register` writes it; or, by parameter, an earlier ACL."""
    running = EmbeddedBroker(tmp_path / "broker")
    running.directory.mkdir()
    running.acl.write_text(open_acl(("main", "north"), getattr(request, "param", DOORS)))
    running.acl.chmod(0o600)
    with running:
        yield running


class Door:
    """A terminal that hears the others."""

    def __init__(self, company: Company, name: str) -> None:
        self.company, self.terminal, self.hearing = company, company.site.terminal(name), SiteHearing()

    def run(self) -> None:
        self.publisher = self.company.run(self.terminal, hearing=self.hearing)

    @contextlib.contextmanager
    def punching(self) -> Iterator[Callable[[Button | None], Record]]:
        """ANN punches here, perhaps with a button; the record."""
        path = self.company.site.root / f"{self.terminal.origin.terminal}-site.db"
        clock = self.company.site.clock()
        with self.terminal.journal() as journal:
            recorder = Recorder(journal, Reserve(journal.path, 8_000_000), clock, self.publisher.wake)
            knowledge = SiteKnowledge(path, self.hearing)
            puncher = Puncher(journal, recorder, DirectionPolicy(), knowledge)

            def punch(pressed: Button | None) -> Record:
                done = puncher.punch(Identified(ANN, Method.BADGE), pressed)
                assert isinstance(done, Punched)
                assert done.stored is not None
                return decode(done.stored.payload)

            yield punch
            knowledge.close()

    def heard(self) -> list[str]:
        path = self.company.site.root / f"{self.terminal.origin.terminal}-site.db"
        if not path.exists():
            return []
        with SiteStore(path, "main") as store:
            return [one.record.id for one in store.of_person(ANN)]


def test_each_door_hears_the_other_and_never_itself(company, installation, broker) -> None:
    installation.ledger()
    one, two = Door(company, "gate-1"), Door(company, "gate-2")
    company.add(0)
    company.publish()
    for door in (one, two):
        door.run()
        installation.eventually(lambda door=door: door.hearing.others and not door.hearing.deaf, "the site")
    one.terminal.append(2)
    installation.eventually(lambda: len(two.heard()) == 2, "both punches at the other door")
    two.terminal.append(1)
    installation.eventually(lambda: len(one.heard()) == 1, "the answer")
    assert not any(name.startswith("gate-1/") for name in one.heard())
    one.terminal.receipted(2)
    assert one.publisher.alarms == two.publisher.alarms == frozenset()
    two.terminal.stop()
    one.terminal.append(1)  # the second door is off the network
    one.terminal.receipted(3)
    two.run()
    installation.eventually(lambda: len(two.heard()) == 3, "what was punched meanwhile")


def test_our_own_record_comes_back_once_as_a_proof_and_no_more(company, installation, broker) -> None:
    installation.ledger()
    one, two = Door(company, "gate-1"), Door(company, "gate-2")
    company.add(0)
    company.publish()
    one.run()
    seen: list[str] = []
    site = one.publisher._site
    take = site.take
    site.take = lambda topic, raw: seen.append(topic) or take(topic, raw)
    one.terminal.append(1)
    installation.eventually(lambda: seen == [PUNCHES], "the proof")
    assert one.publisher._site._proven
    one.terminal.append(20)
    one.terminal.receipted(21)
    assert len(seen) < 5, "those that were on their way already"
    assert two.terminal.watermark() == 0


@pytest.mark.parametrize("broker", [()], indirect=True)
def test_an_earlier_acl_is_said_and_nothing_else_suffers(
    company, installation, broker, monkeypatch, caplog
) -> None:
    monkeypatch.setattr(site_records, "PROOF_NS", 1_000_000_000)
    installation.ledger()
    one, two = Door(company, "gate-1"), Door(company, "gate-2")
    company.add(0)
    company.publish()
    one.run()
    two.run()
    installation.eventually(lambda: one.hearing.others and not one.hearing.deaf, "nothing speaks against it yet")
    one.terminal.append(1)
    installation.eventually(lambda: "site-unheard" in one.publisher.alarms, "the alarm")
    assert one.hearing.deaf
    assert "central init DIR" in caplog.text
    one.terminal.receipted(1)
    assert two.heard() == []


def test_another_site_and_a_name_without_rules_read_nothing(company, installation, broker) -> None:
    installation.ledger()
    topics = ("smartclocker/v1/main/+/record/punch", "smartclocker/v1/main/+/record/correction", "#")
    strangers = [installation.neighbour(name, *topics) for name in ("north-1", "gate-3")]
    insider = installation.neighbour("gate-2", *topics)
    one = Door(company, "gate-1")
    company.add(0)
    company.publish()
    one.run()
    one.terminal.append(3)
    one.terminal.receipted(3)
    insider.hears(PUNCHES, b"payload")
    for stranger in strangers:
        while stranger.poll(0.5) is not None:
            pass  # the encrypted roster, which every site may read
        assert [topic for topic, _ in stranger.heard if "/record/" in topic] == []
    others = {topic for topic, _ in insider.heard if "/record/" in topic}
    assert others == {PUNCHES}, "punches and corrections, and nothing else of another terminal"


def test_forged_foreign_and_repeated_records_change_nothing(company, installation, broker, stranger_key) -> None:
    installation.ledger()
    one, two = Door(company, "gate-1"), Door(company, "gate-2")
    company.add(0)
    company.publish()
    two.run()
    installation.eventually(lambda: two.hearing.others and not two.hearing.deaf, "the site")
    one.terminal.append(2)
    with one.terminal.journal() as journal:
        genuine = [outgoing.wire for outgoing in journal.envelopes(0, 2)]
    attacker = installation.neighbour("eavesdropper")
    forged = dsse.parse(genuine[0])
    others = dsse.to_wire(dsse.sign(forged.payload_type, forged.payload, stranger_key))
    for topic, wire in (
        (PUNCHES, b""), (PUNCHES, b"{}"), (PUNCHES, others),
        (PUNCHES.replace("gate-1", "gate-9"), genuine[0]),
        (PUNCHES.replace("punch", "correction"), genuine[0]),
        (PUNCHES.replace("main", "north"), genuine[0]),
        (PUNCHES, genuine[1]), (PUNCHES, genuine[1]),
    ):  # fmt: skip
        attacker.publish(topic, wire)
    installation.eventually(lambda: two.publisher._site.counters()["site_old"] == 1, "the repetition")
    counts = two.publisher._site.counters()
    assert counts == {"site_heard": 1, "site_rejected": 5, "site_old": 1, "site_forks": 0, "site_dropped": 0}
    assert len(two.heard()) == 1


def test_a_revoked_terminals_records_go_with_its_key(company, installation, broker) -> None:
    installation.ledger()
    one, two = Door(company, "gate-1"), Door(company, "gate-2")
    company.add(0)
    company.publish()
    one.run()
    two.run()
    installation.eventually(lambda: two.hearing.others and not two.hearing.deaf, "the site")
    one.terminal.append(1)
    installation.eventually(lambda: len(two.heard()) == 1, "the punch")
    with installation.store() as ledger:
        assert ledger.revoke(dsse.key_id(one.terminal.key.verify_key))
    company.publish()
    installation.eventually(lambda: two.heard() == [], "what it said counts no more")
    one.terminal.append(1)
    installation.eventually(lambda: two.publisher._site.counters()["site_rejected"] >= 1, "nor what it says")
    assert not two.hearing.others


def test_a_punch_at_one_door_is_known_to_the_next_punch_at_the_other(company, installation, broker) -> None:
    """The parts of the attending loop, with what the publish threads heard through the broker."""
    installation.ledger()
    one, two = Door(company, "gate-1"), Door(company, "gate-2")
    company.add(0)
    company.publish()
    for door in (one, two):
        door.run()
        installation.eventually(lambda door=door: door.hearing.others and not door.hearing.deaf, "the site")
    with one.punching() as first, two.punching() as second:
        came = first(Button.IN)
        installation.eventually(lambda: len(two.heard()) == 1, "the punch at the other door")
        again, went = second(None), second(Button.OUT)
        installation.eventually(lambda: len(one.heard()) == 1, "the answer")
        back = first(Button.IN)
    assert [one.kind for one in (came, again, went, back)] == ["punch", "suppressed", "punch", "punch"]
    assert again.data["follows"] == went.data["follows"] == f"main/{came.id}"
    assert back.data["follows"] == f"main/{went.id}"
    assert not any("site_unheard" in one.data for one in (came, again, went, back))


def test_a_new_doors_first_punches_count_although_the_manifest_comes_after_them(
    company, installation, broker
) -> None:
    installation.ledger()
    two = Door(company, "gate-2")
    company.add(0)
    company.publish()
    two.run()
    installation.eventually(lambda: two.hearing.others is False and not two.hearing.deaf, "a site of one")
    one = Door(company, "gate-1")
    one.run()
    one.terminal.append(2)
    installation.eventually(
        lambda: two.publisher._site.counters()["site_rejected"] == 2, "nobody named the door yet"
    )
    assert two.heard() == []
    company.publish()
    installation.eventually(lambda: len(two.heard()) == 2, "the broker sent them once")
    assert two.hearing.others


def test_a_record_that_came_and_was_not_on_the_disk_when_the_power_failed_comes_again(
    company, installation, broker, monkeypatch
) -> None:
    installation.ledger()
    one, two = Door(company, "gate-1"), Door(company, "gate-2")
    company.add(0)
    company.publish()
    one.run()
    two.run()
    installation.eventually(lambda: two.hearing.others and not two.hearing.deaf, "the site")
    with monkeypatch.context() as power:
        power.setattr(two.publisher._site, "settle", lambda _journal: None)
        power.setattr(two.publisher._uplink, "handled", lambda: None, raising=False)
        one.terminal.append(1)
        installation.eventually(lambda: two.publisher._site._waiting, "it came, and no further")
        two.terminal.stop()
    assert two.heard() == []
    two.run()
    installation.eventually(lambda: len(two.heard()) == 1, "the broker kept it")
