"""The receiver of the other terminals' records: what counts, what is counted, and what it says of the site."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from edge.crypto import dsse
from edge.crypto.dsse import key_id
from edge.domain.protocol import topics
from edge.domain.protocol.record import GENESIS, PAYLOAD_TYPE, Draft, Origin, Position, decode, encode
from edge.domain.protocol.record_kinds import Kind
from edge.errors import SiteError
from edge.people.person import new_person_id
from edge.terminal.uplink import site_records
from edge.terminal.uplink.site_records import PROOF_NS, RETRY_NS, SETTLE_MOST_NS, SETTLE_NS
from tests.support.people import ANN
from tests.support.records import punch_data
from tests.support.two_doors import Door

HERE = topics.site_records("main")


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[tuple[Door, Door]]:
    one, two = Door(tmp_path, "a"), Door(tmp_path, "b")
    two.knows(one)
    yield one, two
    one.close()
    two.close()


def said(door: Door) -> tuple[str, bytes]:
    """A punch of the door, as it goes out."""
    door.punch()
    return door.outgoing()[-1]


def heard(door: Door) -> list[str]:
    store = door.receiver._opened()
    return [one.record.id for one in store.of_person(ANN)]


def counts(door: Door) -> dict[str, int]:
    return {name: count for name, count in door.receiver.counters().items() if count}


def test_a_genuine_record_counts_once(doors: tuple[Door, Door]) -> None:
    one, two = doors
    message = said(one)
    for _ in range(3):
        two.receive(*message)
    assert len(heard(two)) == 1
    assert counts(two) == {"site_heard": 1, "site_old": 2}
    assert two.receiver.alarms == frozenset()


def test_what_is_not_genuine_changes_nothing(doors: tuple[Door, Door]) -> None:
    one, two = doors
    topic, wire = said(one)
    envelope = dsse.parse(wire)
    stranger = dsse.to_wire(dsse.sign(PAYLOAD_TYPE, envelope.payload, SigningKey.generate()))
    under_our_name = dsse.to_wire(replace(envelope, keyid=key_id(two.key.verify_key)))
    bent = dsse.to_wire(replace(envelope, payload=envelope.payload.replace(b'"in"', b'"out"')))
    other = dsse.to_wire(dsse.sign("application/json", envelope.payload, one.key))
    hostile = [
        (topic, b""), (topic, b"\xff" * 40_000), (topic, stranger), (topic, under_our_name), (topic, bent),
        (topic, other), (topic.replace("/a/", "/c/"), wire), (topic.replace("punch", "correction"), wire),
    ]  # fmt: skip
    for message in hostile:
        two.receive(*message)
    assert heard(two) == []
    assert counts(two) == {"site_rejected": len(hostile)}


def test_no_altered_byte_of_a_genuine_record_counts_or_ends_anything(doors: tuple[Door, Door]) -> None:
    one, two = doors
    topic, wire = said(one)
    for place in range(0, len(wire), 3):
        for flip in (0x01, 0x20, 0x80):
            two.receive(topic, wire[:place] + bytes([wire[place] ^ flip]) + wire[place + 1 :])
    for length in range(0, len(wire), 17):
        two.receive(topic, wire[:length])
    assert heard(two) == []
    two.receive(topic, wire)
    assert len(heard(two)) == 1


def test_topics_of_others_are_not_taken(doors: tuple[Door, Door]) -> None:
    one, two = doors
    topic, wire = said(one)
    for elsewhere in (topic.replace("main", "north"), topic.replace("punch", "consent"), "x", "", topic + "/x"):
        assert not two.receiver.take(elsewhere, wire)
    assert counts(two) == {}


def test_another_terminal_cannot_speak_for_a_second_one(tmp_path: Path, doors: tuple[Door, Door]) -> None:
    """A registered neighbour signs, with its own key, a record that names another terminal."""
    one, two = doors
    third = Door(tmp_path, "c")
    keys = dict(two.members.keys or {})
    two.members.keys = {**keys, "c": {key_id(third.key.verify_key): third.key.verify_key}}
    payload = dsse.parse(said(one)[1]).payload
    forged = dsse.to_wire(dsse.sign(PAYLOAD_TYPE, payload, third.key))
    for name in ("a", "c"):
        two.receive(topics.record(Origin("main", name), Kind.PUNCH), forged)
    assert heard(two) == []
    assert counts(two) == {"site_rejected": 2}
    third.close()


def test_a_fork_keeps_the_first_and_is_said(doors: tuple[Door, Door], tmp_path: Path) -> None:
    one, two = doors
    first = said(one)
    (tmp_path / "clone").mkdir()
    clone = Door(tmp_path / "clone", "a")
    genuine = decode(dsse.parse(first[1]).payload)
    payload = dsse.parse(said(clone)[1]).payload.replace(
        clone.journal.epoch.encode(), genuine.position.epoch.encode()
    )
    payload = payload.replace(b'"badge"', b'"pin"')
    other = dsse.to_wire(dsse.sign(PAYLOAD_TYPE, payload, one.key))
    two.receive(*first)
    two.receive(first[0], other)
    assert two.receiver.alarms == {"site-fork"}
    assert counts(two) == {"site_heard": 1, "site_forks": 1}
    assert heard(two) == [genuine.id]
    clone.close()


def test_somebody_who_was_erased_here_is_not_kept(doors: tuple[Door, Door]) -> None:
    one, two = doors
    two.receive(*said(one))
    assert len(heard(two)) == 1
    two.members.gone, two.members.news = frozenset({ANN}), True
    two.receiver.settle(two.journal)
    assert heard(two) == []
    one.clock.passes(3_600)
    two.receive(*said(one))
    assert heard(two) == []
    assert counts(two) == {"site_heard": 1, "site_rejected": 1}


def test_without_a_manifest_nothing_counts_and_nothing_is_dropped(doors: tuple[Door, Door]) -> None:
    one, two = doors
    two.receive(*said(one))
    two.members.keys, two.members.news = None, True
    one.clock.passes(3_600)
    two.receive(*said(one))
    assert len(heard(two)) == 1
    two.members.keys, two.members.news = {}, True  # a manifest of an earlier version, or of a site of one
    two.receiver.settle(two.journal)
    assert heard(two) == []
    assert not two.hearing.others


def test_what_is_heard_is_said_once_the_broker_has_sent_what_waited(doors: tuple[Door, Door]) -> None:
    one, two = doors
    assert not two.hearing.deaf
    two.disconnect()
    assert two.hearing.deaf
    two.receiver.connected(())
    two.receiver.settle(two.journal)
    assert two.hearing.deaf, "messages that waited may still come"
    two.clock.ns += SETTLE_NS - 1
    two.receive(*said(one))
    assert two.hearing.deaf
    two.clock.ns += SETTLE_NS
    two.receiver.settle(two.journal)
    assert not two.hearing.deaf
    one.clock.passes(120)
    two.receive(*said(one))
    assert not two.hearing.deaf, "news are no reason for doubt later"


def test_at_a_busy_site_it_is_heard_after_a_while_although_something_always_comes(
    doors: tuple[Door, Door],
) -> None:
    one, two = doors
    two.receiver.connected(())
    begin = two.clock.ns
    for _ in range(SETTLE_MOST_NS // SETTLE_NS + 1):
        two.clock.ns += SETTLE_NS - 1
        one.clock.passes(120)
        two.receive(*said(one))
        assert two.hearing.deaf is (two.clock.ns < begin + SETTLE_MOST_NS)
    assert not two.hearing.deaf


def test_a_denied_subscription_is_an_alarm_until_something_is_heard(doors: tuple[Door, Door], caplog) -> None:
    one, two = doors
    two.receiver.connected(tuple(HERE))
    two.receiver.settle(two.journal)
    assert two.receiver.alarms == {"site-unheard"}
    assert two.hearing.deaf
    assert HERE[0] in caplog.text
    two.receive(*said(one))
    two.clock.ns += 2 * SETTLE_NS
    two.receiver.settle(two.journal)
    assert two.receiver.alarms == frozenset()
    assert not two.hearing.deaf


def test_our_own_punch_that_does_not_come_back_is_an_alarm_and_one_that_does_ends_it(
    doors: tuple[Door, Door],
) -> None:
    _, two = doors
    two.receiver.sent(Kind.CORRECTION)
    two.clock.ns += PROOF_NS
    two.receiver.settle(two.journal)
    assert two.receiver.alarms == frozenset(), "only a punch comes back"
    two.receiver.sent(Kind.PUNCH)
    two.clock.ns += PROOF_NS - 1
    two.receiver.settle(two.journal)
    assert two.receiver.alarms == frozenset()
    two.clock.ns += 1
    two.receiver.settle(two.journal)
    assert two.receiver.alarms == {"site-unheard"}
    assert two.hearing.deaf
    topic, wire = said(two)
    assert two.receiver.take(topic, wire)
    two.receiver.settle(two.journal)
    assert two.receiver.alarms == frozenset()
    assert heard(two) == [], "our own records are in the journal"


def test_a_terminal_that_is_alone_misses_nobody(doors: tuple[Door, Door]) -> None:
    _, two = doors
    two.members.keys, two.members.news = {}, True
    two.receiver.connected(tuple(HERE))
    two.receiver.settle(two.journal)
    assert two.receiver.alarms == frozenset()
    assert not two.knowledge.unheard


def test_a_disk_that_takes_nothing_is_an_alarm_and_what_waits_is_bounded(
    doors: tuple[Door, Door], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = doors
    monkeypatch.setattr(site_records, "_MOST_WAITING", 3)

    def refuse(*_: object) -> None:
        raise SiteError("site.db: the disk is full; free some space on it")

    with monkeypatch.context() as full:
        full.setattr("edge.people.site.store.SiteStore.keep", refuse)
        for _ in range(5):
            one.clock.passes(120)
            two.receive(*said(one))
        assert two.receiver.alarms == {"site-unusable"}
        assert two.hearing.deaf
        assert counts(two) == {"site_dropped": 2}
    two.clock.ns += RETRY_NS + SETTLE_NS
    two.receiver.settle(two.journal)
    assert two.receiver.alarms == frozenset()
    assert counts(two) == {"site_dropped": 2, "site_heard": 3}
    assert not two.hearing.deaf


def test_a_file_that_was_damaged_in_use_is_begun_anew(doors: tuple[Door, Door]) -> None:
    one, two = doors
    two.receive(*said(one))
    two.receiver._store.close()  # type: ignore[union-attr]
    two.receiver._store = None
    for end in ("-wal", "-shm"):
        two.path.with_name(two.path.name + end).unlink(missing_ok=True)
    two.path.write_bytes(b"\xff" * 20_000)
    one.clock.passes(120)
    two.receive(*said(one))
    assert len(heard(two)) == 1
    assert two.hearing.others
    assert two.path.with_name("b-site.db.damaged").exists()


def test_a_file_that_was_deleted_in_use_is_made_again(doors: tuple[Door, Door]) -> None:
    one, two = doors
    two.receive(*said(one))
    two.path.unlink()
    one.clock.passes(120)
    two.receive(*said(one))
    assert two.path.exists()
    assert len(heard(two)) == 1
    assert two.hearing.others


def test_the_first_punches_of_a_new_door_count_once_the_manifest_names_it(doors: tuple[Door, Door]) -> None:
    one, two = doors
    two.members.keys, two.members.news = {}, True
    first = said(one)
    two.receive(*first)
    assert heard(two) == []
    assert counts(two) == {"site_rejected": 1}
    two.knows(one)
    assert len(heard(two)) == 1, "the broker sends it once"
    assert counts(two) == {"site_rejected": 1, "site_heard": 1}
    two.members.keys, two.members.news = {}, True
    two.receiver.settle(two.journal)
    two.knows(one)
    assert heard(two) == [], "it is remembered until it was judged, and no longer"


def test_of_messages_under_unknown_keys_the_newest_are_remembered(
    doors: tuple[Door, Door], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = doors
    two.members.keys, two.members.news = {}, True
    for _ in range(site_records._MOST_UNKNOWN + 3):
        two.receiver.take(topics.record(one.origin, Kind.PUNCH), dsse.to_wire(dsse.sign("x", b"{}", one.key)))
    assert len(two.receiver._unknown) == site_records._MOST_UNKNOWN
    two.receive(*said(one))
    two.knows(one)
    assert len(heard(two)) == 1


def test_while_nobody_knows_who_belongs_to_the_site_nothing_counts_as_heard(doors: tuple[Door, Door]) -> None:
    one, two = doors
    two.receive(*said(one))
    two.members.keys, two.members.news = None, True  # the notes of the roster cannot be read at this start
    two.receiver.settle(two.journal)
    assert two.hearing.deaf
    two.knows(one)
    assert not two.hearing.deaf


def test_a_thread_that_was_busy_elsewhere_has_not_heard_that_nothing_came(doors: tuple[Door, Door]) -> None:
    one, two = doors
    two.receiver.connected(())
    two.receiver.take(*said(one))
    two.clock.ns += 3 * SETTLE_NS  # an erasure rewrote the people file
    two.receiver.settle(two.journal)
    assert two.hearing.deaf, "more of what waited may be here"
    one.clock.passes(120)
    two.receiver.take(*said(one))
    two.receiver.settle(two.journal)
    assert two.hearing.deaf
    two.clock.ns += SETTLE_NS
    two.receiver.settle(two.journal)
    assert not two.hearing.deaf


def test_a_flood_of_genuine_records_meets_the_limits_of_the_file_soon(
    doors: tuple[Door, Door], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = doors
    monkeypatch.setattr(site_records, "_EXPIRE_AFTER", 4)
    monkeypatch.setattr("edge.people.site.store.MOST_OF_TERMINAL", 5)
    for number in range(20):
        draft = Draft(Kind.PUNCH, punch_data(new_person_id(), "in"), one.clock.evidence())
        payload = encode(one.origin, Position(f"{number:032x}", 1, GENESIS), draft)
        two.receive(topics.record(one.origin, Kind.PUNCH), dsse.to_wire(dsse.sign(PAYLOAD_TYPE, payload, one.key)))
    assert counts(two) == {"site_heard": 20}
    assert len(two.receiver._opened().persons()) <= 5 + 4
