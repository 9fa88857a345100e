"""A site's roster at the centre, and terminals that take it, without a broker."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from nacl import pwhash
from nacl.signing import SigningKey

from edge.central.roster import membership
from edge.central.roster.messages import compose
from edge.central.roster.store import RosterStore
from edge.central.store.model import RegisteredTerminal
from edge.crypto import dsse
from edge.crypto.dsse import key_id
from edge.domain.people.consent import Policy
from edge.domain.people.credentials import Token
from edge.domain.protocol.record import Origin
from edge.domain.roster.member import Member
from edge.domain.roster.topics import Place, TopicPart, place_of
from edge.errors import RecordError
from edge.people.people_store import People
from edge.people.person import new_person_id
from edge.people.roster.state import RosterState
from edge.people.roster.sync import RosterSync
from tests.support.people import CONSENT, POLICY

WHEN = "2026-03-02T09:00:00.000Z"
MODEL = "model-a"
AUTHORITY = SigningKey(b"a" * 32)


def templates(seed: int, count: int = 3, length: int = 512):
    rows = np.random.default_rng(seed).standard_normal((count, length)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def member(seed: int, **changes) -> Member:
    return replace(Member(f"Person {seed}", CONSENT, {MODEL: templates(seed)}), **changes)


class Site:
    """A centre, and terminals that are given its messages by hand."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = RosterStore(root)
        self.terminals: list[RegisteredTerminal] = []
        self.open: list[Gate] = []
        self.history: list[tuple[str, bytes]] = []
        self.ids: list[str] = []

    def register(self, name: str) -> "Gate":
        gate = Gate(self, name, SigningKey.generate())
        key = gate.identity.verify_key
        row = RegisteredTerminal(len(self.terminals), gate.origin, key_id(key), key, WHEN, None)
        self.terminals.append(row)
        self.open.append(gate)
        return gate

    def revoke(self, name: str) -> None:
        self.terminals = [
            replace(one, revoked=WHEN) if one.origin.terminal == name else one for one in self.terminals
        ]

    def add(self, seed: int, **changes) -> str:
        person = new_person_id()
        assert membership.add(self.store, "main", person, member(seed, **changes))
        self.ids.append(person)
        return person

    def publish(self, **options) -> dict[str, bytes]:
        messages = compose(self.store, "main", self.terminals, AUTHORITY, **options)
        retained = {topic: one.wire for topic, one in messages.items()}
        self.history += [one for one in retained.items() if one not in self.history]
        return retained


class Gate:
    def __init__(self, site: Site, name: str, identity: SigningKey) -> None:
        self.origin, self.identity = Origin("main", name), identity
        self.people = People(site.root / f"{name}-people.db", b"k" * 32)
        self.received_path = site.root / f"{name}-db"
        self.restart()

    def restart(self, policy: Policy = POLICY) -> None:
        if hasattr(self, "received"):
            self.received.close()
        self.received = RosterState(self.received_path)
        self.sync = RosterSync(self.origin, self.identity, self.people, self.received, policy)
        self.rejected = 0

    def give(self, messages, settle: bool = True) -> None:
        """As the terminal does: the ones that are not for us never arrive, by subscription."""
        for topic, wire in dict(messages).items() if isinstance(messages, dict) else messages:
            place = place_of(topic)
            assert place is not None, topic
            if place.part is TopicPart.KEY and place.name != self.origin.terminal:
                continue
            try:
                payload = dsse.parse(wire).payload
                self.sync.take(place, payload)
            except RecordError:
                self.rejected += 1
            if settle:
                self.settle()
        self.settle()

    def settle(self) -> None:
        self.sync.settle()
        for person, leaving in list(self.sync.leaving.items()):
            self.people.erase(person, WHEN, str(leaving.reason))
            self.people.rewrite()
            self.people.erasure_over(person)
            self.sync.left(person)

    def matched(self) -> set[str]:
        return set(self.people.gallery(MODEL, POLICY).people)

    def close(self) -> None:
        self.people.close()
        self.received.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    for gate in made.open:
        gate.close()
    made.store.close()


def resigned(wire: bytes, change: Callable[[bytes], bytes], key: SigningKey = AUTHORITY) -> bytes:
    parsed = dsse.parse(wire)
    return dsse.to_wire(dsse.sign(parsed.payload_type, change(parsed.payload), key))


def person_topic(person: str) -> str:
    return Place("main", TopicPart.PERSON, person).topic


BADGE, OTHER, STAFF, PIN = "0004711", "0008899", "77001", "271828"
DIGEST = pwhash.argon2id.str(PIN.encode(), opslimit=1, memlimit=8_192).decode()
FACELESS = Member("Fay", None, {}, tokens=((Token.BADGE, BADGE), (Token.NUMBER, STAFF)), pin=DIGEST)


def add(site: Site, given: Member, person: str | None = None) -> str:
    person = person or new_person_id()
    membership.add(site.store, "main", person, given)
    return person


def with_face(seed: int = 1, **changes) -> Member:
    return member(seed, name="Fay", tokens=FACELESS.tokens, pin=DIGEST, **changes)


def owed(gate: Gate) -> list[tuple[str, str, str]]:
    said = [one for entry in gate.people.outbox.pending() for one in entry.records]
    return [(str(kind), data["person"], data["state"]) for kind, data in said]


ANEW = replace(CONSENT, given_at="2099-05-01T09:00:00Z")


def faces(gate: Gate) -> list[tuple[str, str]]:
    return gate.people._db.execute("SELECT person, model_id FROM templates ORDER BY person").fetchall()
