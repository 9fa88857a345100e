"""The roster through a real broker: terminals' publish loops, the centre, and somebody who reads all of it."""

import json

import pytest

from edge.central.broker import certificates
from edge.central.roster import membership
from edge.central.roster.messages import compose
from edge.central.roster.publisher import PublishOutcome
from edge.crypto import dsse
from edge.crypto.dsse import key_id
from edge.domain.protocol.record import decode
from edge.domain.protocol.record_kinds import Kind
from edge.domain.roster.member import Member
from edge.domain.roster.topics import subscriptions
from edge.domain.vocabulary import ErasureReason
from edge.errors import BrokerError
from tests.support.people import CONSENT
from tests.support.roster_company import (
    AUTHORITY,
    MODEL,
    NAMES,
    PERSONS,
    SHORT_NS,
    Company,
    broker,
    company,
    leaks,
    templates,
)

__all__ = ["broker", "company"]  # fixtures


def test_two_terminals_three_people_one_away_one_revoked_and_nobody_else_learns_anything(
    company, installation, broker
):
    tap = installation.neighbour("eavesdropper", "#")
    first, second = installation.terminal("gate-1"), installation.terminal("gate-2")
    ann, bob = company.add(0), company.add(1)
    company.publish()
    running = company.run(first)
    installation.eventually(lambda: company.matched(first) == {ann, bob}, "both at the first terminal")
    cyd = company.add(2)  # the second terminal is away all this time
    company.publish()
    installation.eventually(lambda: company.matched(first) == {ann, bob, cyd}, "the third")
    assert "roster-incomplete" not in running.alarms

    with installation.store() as ledger:
        assert ledger.revoke(key_id(first.key.verify_key))
    membership.remove(company.store, "main", bob, ErasureReason.REQUESTED)
    assert company.publish().emptied == 1  # the first terminal's key
    installation.eventually(lambda: company.matched(first) == {ann, cyd}, "the tombstone, which needs no key")
    company.run(second)
    installation.eventually(
        lambda: company.matched(second) == {ann, cyd}, "what is retained, at the one that was away"
    )

    renamed = Member("Ada Planted-Again", CONSENT, {MODEL: templates(0)})
    membership.add(company.store, "main", ann, renamed)
    company.publish()

    def name_at(terminal) -> str:
        with company.people(terminal) as people:
            return people.member(ann).name

    installation.eventually(lambda: name_at(second) == "Ada Planted-Again", "the new name")
    assert name_at(first) == NAMES[0]
    assert first.publisher._roster.counters()["roster_waiting"] >= 1

    first.append(2)
    records = "smartclocker/v1/main/gate-1/record/punch"
    installation.eventually(
        lambda: tap.poll(0.05) is None and any(topic == records for topic, _ in tap.heard), "punches"
    )
    first.stop()
    second.stop()
    broker.stop()  # it saves
    while tap.poll(0.5) is not None:
        pass
    traffic = b"".join(topic.encode() + payload for topic, payload in tap.heard)
    kept = (broker.directory / "mosquitto.db").read_bytes()
    assert traffic.count(ann.encode()) >= 3
    assert ann.encode() in kept
    opened = b"".join(dsse.parse(payload).payload for _, payload in tap.heard if b"payloadType" in payload)
    for haystack in (traffic, opened, kept):
        assert leaks(haystack, company.secrets() | {"new name": b"Ada Planted-Again"}) == []
    punches = [dsse.parse(payload).payload for topic, payload in tap.heard if topic == records]
    assert punches
    fractions: list[str] = []
    for payload in punches:
        json.loads(payload, parse_float=fractions.append)
    assert fractions == []  # a score would be one


def test_the_scan_finds_what_is_not_encrypted(company, installation, broker):
    """The same people in messages whose encryption was left out: what the test above would have seen."""
    from edge.crypto import site_key

    tap = installation.neighbour("eavesdropper", "#")
    installation.terminal("gate-1")
    company.add(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site_key, "encrypt", lambda _key, plaintext, _bound_to: b"n" * 24 + plaintext)
        patch.setattr(site_key, "seal", lambda plaintext, _to: plaintext + b"s" * 48)
        company.publish()
    installation.eventually(lambda: tap.poll(0.05) is None and len(tap.heard) >= 4, "the traffic")
    broker.stop()
    kept = (broker.directory / "mosquitto.db").read_bytes()
    traffic = b"".join(payload for _, payload in tap.heard)
    planted = ["name 0", "site key", "template 0", "witness"]
    assert leaks(traffic, company.secrets()) == planted
    assert leaks(kept, company.secrets()) == planted


def test_an_erasure_reaches_the_terminal_and_its_record_the_ledger(company, installation):
    installation.ledger()
    terminal = installation.terminal("gate-1")
    ann, bob = company.add(0), company.add(1)
    company.publish()
    company.run(terminal)
    installation.eventually(lambda: company.matched(terminal) == {ann, bob}, "both")
    membership.remove(company.store, "main", ann, ErasureReason.EMPLOYMENT_ENDED)
    company.publish()
    installation.eventually(lambda: company.matched(terminal) == {bob}, "the removal")
    installation.eventually(lambda: installation.count() == 1, "the record")
    with installation.store() as ledger:
        ((payload,),) = ledger.select("SELECT payload FROM records")
    record = decode(payload)
    assert record.kind == Kind.ERASED
    assert (record.data["person"], record.data["reason"]) == (ann, "employment-ended")


def test_after_a_removal_no_byte_of_the_person_is_at_the_broker_the_terminal_or_the_centre(
    company, installation, broker
):
    terminal = installation.terminal("gate-1")
    ann, bob = company.add(0), company.add(1)
    company.publish()
    company.run(terminal)
    installation.eventually(lambda: company.matched(terminal) == {ann, bob}, "both")

    def planted() -> dict[str, bytes]:
        with installation.store() as ledger:
            sent = compose(company.store, "main", ledger.terminals(), AUTHORITY)[f"{PERSONS}/{ann}"]
        found = {"message": sent.wire[400:460], "ciphertext": dsse.parse(sent.wire).payload[400:440]}
        with company.people(terminal) as held:
            for where, people in (("terminal", held), ("centre", company.store.people)):
                query = "SELECT wrapped, name, sealed FROM people JOIN templates ON person = id WHERE id = ?"
                wrapped, name, sealed = people._db.execute(query, (ann,)).fetchone()
                found |= {f"{where} key": wrapped, f"{where} name": name, f"{where} templates": sealed[100:140]}
        return found

    def left(secrets: dict[str, bytes]) -> set[str]:
        files = [*installation.root.glob("gate-1*"), *company.root.iterdir(), broker.directory / "mosquitto.db"]
        content = b"".join(file.read_bytes() for file in files if file.is_file())
        return {name for name, secret in secrets.items() if secret in content}

    secrets = planted()
    # the ciphertext alone is nowhere in the clear, but in base64 within the message
    installation.eventually(lambda: left(secrets) == set(secrets) - {"ciphertext"}, "what was planted is found")
    membership.remove(company.store, "main", ann, ErasureReason.REQUESTED)
    company.publish()
    installation.eventually(lambda: left(secrets) == set(), "nothing of it is left")
    assert company.matched(terminal) == {bob}


def test_what_a_neighbour_writes_changes_nothing_and_may_not_be_written(company, installation, stranger_key):
    terminal = installation.terminal("gate-1")
    ann = company.add(0)
    company.publish()
    with installation.store() as ledger:
        wires = compose(company.store, "main", ledger.terminals(), AUTHORITY)
    running = company.run(terminal)
    installation.eventually(lambda: company.matched(terminal) == {ann}, "Ann")
    refused = installation.neighbour("gate-2").publish(
        f"smartclocker/v1/main/roster/person/{ann}", b"x", retain=True
    )
    assert refused.refused is not None
    assert (
        installation.neighbour("ledger").publish("smartclocker/v1/main/roster/manifest", b"x").refused is not None
    )
    before = running._roster.counters()
    authority = installation.neighbour(certificates.AUTHORITY)
    for topic, sent in wires.items():
        parsed = dsse.parse(sent.wire)
        foreign = dsse.to_wire(dsse.sign(parsed.payload_type, parsed.payload, stranger_key))
        for wire in (foreign, sent.wire[: len(sent.wire) // 2], b"\xff", b"{}", b""):
            authority.publish(topic, wire)
    installation.eventually(
        lambda: running._roster.counters()["roster_rejected"] - before["roster_rejected"] == 4 * len(wires),
        "all refused",
    )
    after = running._roster.counters()
    assert {**after, "roster_rejected": 0} == {**before, "roster_rejected": 0}
    assert company.matched(terminal) == {ann}


def test_publishing_sends_what_lacks_and_nothing_else(company, installation, broker):
    installation.terminal("gate-1")
    company.add(0)
    assert company.publish() == PublishOutcome(
        retained=4, sent=4, emptied=0, bytes=company_bytes(company, installation)
    )
    assert company.publish() == PublishOutcome(retained=4, sent=0, emptied=0, bytes=0)
    lost = installation.neighbour(certificates.AUTHORITY)
    lost.publish(f"smartclocker/v1/main/roster/person/{company.ids[0]}", b"", retain=True)
    lost.publish("smartclocker/v1/main/roster/person/" + "z" * 26, b"somebody", retain=True)
    lost.link.stop()
    again = company.publish()
    assert (again.sent, again.emptied) == (1, 1)
    broker.stop()
    (broker.directory / "mosquitto.db").unlink()
    broker.start()
    assert company.publish().sent == 4


def company_bytes(company: Company, installation) -> int:
    with installation.store() as ledger:
        return sum(len(one.wire) for one in compose(company.store, "main", ledger.terminals(), AUTHORITY).values())


def test_an_omission_is_an_alarm_in_the_status_until_it_is_mended(company, installation):
    terminal = installation.terminal("gate-1")
    company.add(0)
    company.publish()
    lost = installation.neighbour(certificates.AUTHORITY)
    lost.publish(f"smartclocker/v1/main/roster/person/{company.ids[0]}", b"", retain=True)
    lost.link.stop()
    watcher = installation.neighbour("ledger", "smartclocker/v1/main/gate-1/status")
    running = company.run(terminal, SHORT_NS)
    installation.eventually(lambda: "roster-incomplete" in running.alarms, "the alarm")
    watcher.hears("smartclocker/v1/main/gate-1/status", b'"roster-incomplete"')
    company.publish()
    installation.eventually(lambda: "roster-incomplete" not in running.alarms, "its end")
    assert company.matched(terminal) == set(company.ids)


def test_a_certificate_that_may_not_write_says_so(company, installation):
    installation.terminal("gate-1")
    company.add(0)
    company.uplink = installation.uplink("gate-1")
    with pytest.raises(BrokerError, match="ACL"):
        company.publish()


def test_a_terminal_reads_its_own_key_and_no_other(company, installation):
    first, _ = installation.terminal("gate-1"), installation.terminal("gate-2")
    company.add(0)
    company.publish()
    mine = installation.neighbour("gate-1", *subscriptions(first.origin))
    mine.hears(f"smartclocker/v1/main/roster/person/{company.ids[0]}", b"roster-person")
    mine.link.stop()
    theirs = installation.neighbour("gate-1", "smartclocker/v1/main/roster/#", client_id="curious")
    theirs.hears(f"smartclocker/v1/main/roster/person/{company.ids[0]}", b"roster-person")
    theirs.hears("smartclocker/v1/main/roster/key/gate-1", b"payload")
    while theirs.poll(0.2) is not None:
        pass
    keys = {topic for topic, _ in theirs.heard if "/key/" in topic}
    assert keys == {"smartclocker/v1/main/roster/key/gate-1"}
