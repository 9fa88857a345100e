"""People who gave no face, or take it back, through a real broker: at every terminal, and nobody else hears."""

from dataclasses import replace

from edge.central.roster import membership
from edge.crypto import dsse
from edge.domain.people.credentials import Token
from edge.domain.protocol.record import decode
from edge.domain.protocol.record_kinds import Kind
from edge.domain.roster.member import Member
from edge.domain.vocabulary import ErasureReason
from edge.people.person import new_person_id
from tests.support.people import CONSENT
from tests.support.roster_company import MODEL, NAMES, PERSONS, broker, company, leaks, templates

__all__ = ["broker", "company"]  # the fixtures
BADGE, STAFF = "0PLANTED4711993", "77001880660029915"
DIGEST = f"$argon2id$v=19$m=16384,t=3,p=1${'A' * 22}${'B' * 43}"
FACELESS = Member(
    "Fay Planted-Faceless", None, {}, tokens=((Token.BADGE, BADGE), (Token.NUMBER, STAFF)), pin=DIGEST
)
SECRETS = {"badge": BADGE.encode(), "number": STAFF.encode(), "pin": DIGEST[-43:].encode(), "name": b"Fay Planted"}


def whose(company, terminal) -> str | None:
    with company.people(terminal) as people:
        return people.credentials.whose(Token.BADGE, BADGE)


def size(heard: list[tuple[str, bytes]], person: str) -> int:
    return next(len(payload) for topic, payload in reversed(heard) if topic == f"{PERSONS}/{person}" and payload)


def test_from_no_face_to_a_face_and_back_at_every_terminal_and_the_broker_learns_nothing(
    company, installation, broker
):
    installation.ledger()
    tap = installation.neighbour("eavesdropper", "#")
    first, second = installation.terminal("gate-1"), installation.terminal("gate-2")
    fay, ann = new_person_id(), company.add(0)
    assert membership.add(company.store, "main", fay, FACELESS)
    company.publish()
    running = company.run(first)
    installation.eventually(lambda: whose(company, first) == fay, "the badge, where nobody enrolled them")
    installation.eventually(lambda: company.matched(first) == {ann}, "and the other's face")
    assert "roster-incomplete" not in running.alarms

    agreed = replace(FACELESS, consent=CONSENT, templates={MODEL: templates(1)})
    assert membership.add(company.store, "main", fay, agreed)
    company.publish()
    company.run(second)
    for terminal in (first, second):
        installation.eventually(
            lambda at=terminal: company.matched(at) == {ann, fay}, "their face, by their consent"
        )
        assert whose(company, terminal) == fay

    assert membership.withdraw(company.store, fay) == ["main"]
    company.publish()
    for terminal in (first, second):
        installation.eventually(lambda at=terminal: company.matched(at) == {ann}, "the withdrawal")
        assert whose(company, terminal) == fay
    installation.eventually(lambda: installation.count() == 2, "a signed record from each")
    with installation.store() as ledger:
        records = [decode(payload) for (payload,) in ledger.select("SELECT payload FROM records")]
    told = {(one.kind, one.data["person"], one.data["state"]) for one in records}
    assert told == {(Kind.CONSENT, fay, "withdrawn")}

    membership.remove(company.store, "main", fay, ErasureReason.EMPLOYMENT_ENDED)
    company.publish()
    for terminal in (first, second):
        installation.eventually(lambda at=terminal: whose(company, at) is None, "the removal")
    installation.eventually(lambda: installation.count() == 4, "and its records")
    first.stop()
    second.stop()
    broker.stop()  # it saves
    while tap.poll(0.5) is not None:
        pass
    traffic = b"".join(topic.encode() + payload for topic, payload in tap.heard)
    opened = b"".join(dsse.parse(payload).payload for _, payload in tap.heard if b"payloadType" in payload)
    assert fay.encode() in traffic
    for haystack in (traffic, opened, (broker.directory / "mosquitto.db").read_bytes()):
        assert leaks(haystack, company.secrets() | SECRETS) == []


def test_an_eavesdropper_cannot_tell_by_its_entry_who_gave_no_face(company, installation, broker):
    tap = installation.neighbour("eavesdropper", "#")
    installation.terminal("gate-1")
    fay, ann = new_person_id(), new_person_id()
    membership.add(company.store, "main", fay, FACELESS)
    both = {MODEL: templates(0), "other": templates(2)}
    membership.add(company.store, "main", ann, Member(NAMES[0], CONSENT, both))
    company.publish()
    for person in (fay, ann):
        tap.hears(f"{PERSONS}/{person}", b"payload")
    assert size(tap.heard, fay) == size(tap.heard, ann)
