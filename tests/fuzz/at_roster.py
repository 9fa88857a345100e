"""The terminal's roster: mutated manifests, pages, people, tombstones and site keys."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
from nacl.signing import SigningKey

from edge.central.roster import membership
from edge.central.roster.messages import compose
from edge.central.roster.store import RosterStore
from edge.central.store.model import RegisteredTerminal
from edge.crypto import dsse
from edge.domain.people.credentials import Token
from edge.domain.roster.member import Member
from edge.domain.roster.topics import TopicPart, place_of
from edge.domain.strict_json import dump
from edge.domain.vocabulary import ErasureReason
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.people.roster.state import RosterState
from edge.terminal.uplink.roster_client import Roster
from tests.fuzz.genuine import GATE, TERMINAL, Seed, World
from tests.fuzz.mutants import Mutator, opened
from tests.support.clock import HandClock
from tests.support.people import CONSENT, POLICY

AUTHORITY = SigningKey(b"\x05" * 32)
_WHEN = "2026-03-02T08:00:00.000Z"


def _messages(directory: Path) -> tuple[Seed, ...]:
    """A real centre's, of three people, one without a face, and one who left."""
    directory.mkdir()
    key = TERMINAL.verify_key
    terminal = RegisteredTerminal(1, GATE, dsse.key_id(key), key, _WHEN, None)
    with RosterStore(directory) as store:
        for number, person in enumerate("abcd"):
            rows = np.eye(3, 64, number, dtype=np.float32)
            membership.add(store, GATE.site, person * 26, Member(f"Person {number}", CONSENT, {"m": rows}))
        membership.add(store, GATE.site, "e" * 26, Member("Fay", None, {}, tokens=((Token.BADGE, "4711"),)))
        compose(store, GATE.site, [terminal], AUTHORITY)
        membership.remove(store, GATE.site, "d" * 26, ErasureReason.REQUESTED)
        made = compose(store, GATE.site, [terminal], AUTHORITY)
    return tuple(Seed(topic, sent.wire) for topic, sent in made.items())


def _is_manifest(topic: str) -> bool:
    place = place_of(topic)
    return place is not None and place.part is TopicPart.MANIFEST


def _newer(rng: Random, seed: Seed) -> Seed:
    """A manifest of a higher version under the old signature: what a hostile broker would try."""
    document, payload = opened(seed.wire)
    content = json.loads(payload)
    content["version"] += rng.randrange(1, 9)
    document["payload"] = base64.b64encode(dump(content)).decode()
    return Seed(seed.topic, json.dumps(document).encode())


class AtRoster:
    """Everything genuine is held already: a repetition changes nothing, and a mutant has to."""

    def __init__(self, world: World, directory: Path) -> None:
        self._seeds = _messages(directory / "centre")
        (self._manifest,) = (seed for seed in self._seeds if _is_manifest(seed.topic))
        self._mutator = Mutator(AUTHORITY, self._seeds)
        self._journal = Journal(directory / "journal.db", GATE, TERMINAL)
        valid = {dsse.key_id(AUTHORITY.verify_key): AUTHORITY.verify_key}
        self._roster = Roster(
            GATE, TERMINAL, lambda _people: valid,
            lambda: People(directory / "people.db", b"k" * 32),
            lambda: RosterState(directory / "roster.db"),
            POLICY, HandClock(),
        )  # fmt: skip
        self._roster.open()
        self.offer(self._seeds)
        self._before = self._state()
        assert self._before[0] == ("a" * 26, "b" * 26, "c" * 26), "the genuine roster was taken"
        assert self._before[2] == "e" * 26

    def mutant(self, rng: Random, changes: Sequence[str]) -> Seed:
        if rng.random() < 0.2:
            return _newer(rng, self._manifest)
        return self._mutator.mutant(rng, changes)

    def offer(self, batch: Sequence[Seed]) -> None:
        for seed in batch:
            self._roster.take(seed.topic, seed.wire)
            self._roster.settle(self._journal)

    def changed(self) -> str | None:
        now = self._state()
        return None if now == self._before else "people, roster rows, version or journal are not as they were"

    def close(self) -> None:
        self._roster.close()
        self._journal.close()

    def _state(self) -> tuple[object, ...]:
        sync, people = self._roster._opened()
        names = tuple(sorted((one.id, one.name or "") for one in people.list()))
        held = tuple(sorted(people.gallery("m", POLICY).people))
        rows = tuple(sorted((r.person, r.version, r.sha256, r.state) for r in sync._received.rows().values()))
        badge = people.credentials.whose(Token.BADGE, "4711")
        return (
            tuple(sorted(set(held))),
            names,
            badge,
            rows,
            sync.version,
            tuple(sync.missing()),
            self._journal.head(),
        )
