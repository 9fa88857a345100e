"""Two terminals of a site with all their own parts, a broker that does as it is told, and the centre's hours."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from nacl.signing import SigningKey

from edge.central.attendance.punch_report import Punch, Wanted, punches
from edge.central.ledger.intake import Ledger
from edge.central.store.records import Store
from edge.crypto.dsse import key_id
from edge.domain.attendance.punch_direction import DirectionPolicy
from edge.domain.protocol import topics
from edge.domain.protocol.record import Draft, Origin, Record, decode
from edge.domain.protocol.record_kinds import Kind
from edge.domain.vocabulary import Button, Method
from edge.journal.disk_reserve import Reserve
from edge.journal.journal import Journal
from edge.people.site.store import SiteStore
from edge.terminal.attendance.punch_recorder import Identified, Punched, Puncher, Recorder
from edge.terminal.site.hearing import SiteHearing
from edge.terminal.site.knowledge import SiteKnowledge
from edge.terminal.uplink.site_records import SETTLE_NS, SiteRecords
from tests.support.clock import HandClock, evidence, text
from tests.support.corrections import fields
from tests.support.people import ANN

BEGIN = datetime.fromisoformat("2026-03-02T06:00:00Z")
NAMES = ("a", "b")


@dataclass
class Members:
    """The members of the site, as the roster's manifest would tell them."""

    keys: dict[str, dict[str, object]] | None = None
    gone: frozenset[str] = frozenset()
    news: bool = True

    def look(self) -> bool:
        """Whether they changed since the last look."""
        self.news, said = False, self.news
        return said

    def keys_of(self, terminal: str) -> dict[str, object]:
        """The keys of another terminal."""
        return (self.keys or {}).get(terminal, {})

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class Door:
    """A terminal: journal, receiver of the other's records, and the part that makes punches."""

    root: Path
    name: str
    site: str = "main"
    queue: list[tuple[str, bytes]] = field(default_factory=list)
    """What the broker holds for it."""
    online: bool = True
    withheld: bool = False
    """Whether the broker withholds what the other door says, without a word."""

    def __post_init__(self) -> None:
        number = NAMES.index(self.name) if self.name in NAMES else 9
        self.key = SigningKey(bytes([number + 1]) * 32)
        self.origin = Origin(self.site, self.name)
        self.clock = HandClock(evidence(utc=text(BEGIN), boot_id=self.name * 36))
        self.journal = Journal(self.root / f"{self.name}.db", self.origin, self.key)
        self.path = self.root / f"{self.name}-site.db"
        self.hearing, self.members = SiteHearing(), Members()
        self.receiver = SiteRecords(
            self.origin, self.members, lambda: SiteStore(self.path, self.site), self.clock, self.hearing
        )
        self.knowledge = SiteKnowledge(self.path, self.hearing)
        recorder = Recorder(self.journal, Reserve(self.journal.path, 8_000_000), self.clock, lambda: None)
        self.puncher = Puncher(self.journal, recorder, DirectionPolicy(), self.knowledge)
        self.sent = 0

    def knows(self, other: "Door") -> None:
        """The manifest names the other door, and this one."""
        self.members.keys = {other.name: {key_id(other.key.verify_key): other.key.verify_key}}
        self.members.news = True
        self.connect()

    def connect(self) -> None:
        """A connection, a while ago."""
        self.online = True
        self.receiver.connected(())
        self.receiver.settle(self.journal)
        self.clock.ns += SETTLE_NS
        self.receiver.settle(self.journal)

    def disconnect(self) -> None:
        """The network is gone."""
        self.online = False
        self.receiver.disconnected()

    def punch(self, pressed: Button | None = None) -> Punched:
        """ANN punches; it must be recorded, or be a repetition of what is."""
        found = self.puncher.punch(Identified(ANN, Method.BADGE), pressed)
        assert isinstance(found, Punched)
        return found

    def correct(self, change: str, corrects: Record | None, **other: object) -> Record:
        """A correction by hand at this door."""
        data = fields(change, corrects, **other)
        return decode(self.journal.append(Draft(Kind.CORRECTION, data, self.clock.evidence())).payload)

    def receive(self, topic: str, wire: bytes) -> None:
        """A message of the broker."""
        self.receiver.take(topic, wire)
        self.receiver.settle(self.journal)

    def outgoing(self) -> list[tuple[str, bytes]]:
        """What it sent since it was last asked."""
        new = self.journal.envelopes(self.sent, 1_000)
        self.sent = new[-1].seq if new else self.sent
        return [(topics.record(self.origin, one.kind), one.wire) for one in new]

    def last(self) -> Record:
        """Its last record."""
        payload = self.journal.payload_at(self.journal.head().seq)
        assert payload is not None
        return decode(payload)

    def close(self) -> None:
        """Close all of it."""
        self.receiver.close()
        self.knowledge.close()
        self.journal.close()


class TwoDoors:
    """Doors `a` and `b`. Time passes by `wait` alone, and nothing is delivered but by `deliver`."""

    def __init__(self, root: Path) -> None:
        self.a, self.b = self.doors = [Door(root, name) for name in NAMES]
        self.a.knows(self.b)
        self.b.knows(self.a)
        self.store = Store(root / "ledger.db")
        self.ledger = Ledger(self.store, SigningKey(bytes([99]) * 32))
        for door in self.doors:
            self.store.register(door.origin, door.key.verify_key)
        self.all: list[tuple[str, bytes]] = []

    def other(self, door: Door) -> Door:
        """The other one."""
        return self.b if door is self.a else self.a

    def wait(self, seconds: float) -> None:
        """Time passes at both doors."""
        for door in self.doors:
            door.clock.passes(seconds)
            if door.online:
                door.receiver.settle(door.journal)

    def until(self, hour: str) -> None:
        """Time passes until this hour (HH:MM[:SS]) of the first day, by a clock that is right."""
        hours, minutes, *seconds = (int(part) for part in hour.split(":"))
        wanted = datetime.combine(BEGIN.date(), datetime.min.time(), BEGIN.tzinfo)
        wanted += timedelta(hours=hours, minutes=minutes, seconds=sum(seconds))
        self.wait((wanted - self.now).total_seconds())

    @property
    def now(self) -> datetime:
        """The right time."""
        return BEGIN + timedelta(milliseconds=self.a.clock.found.boottime_ms - evidence().boottime_ms)

    def send(self) -> None:
        """Each door that is online sends what it has; the broker keeps it for the other one, and the ledger."""
        for door in self.doors:
            if door.online:
                new = door.outgoing()
                self.all += new
                kept = [one for one in new if one[0].rpartition("/")[2] in set(topics.SITE_KINDS)]
                if not self.other(door).withheld:
                    self.other(door).queue += kept

    def deliver(self) -> None:
        """The broker delivers all that it has to the doors that are online."""
        self.send()
        for door in self.doors:
            while door.online and door.queue:
                door.receive(*door.queue.pop(0))

    def hours(self) -> list[Punch]:
        """The hours view, once the ledger has everything."""
        for door in self.doors:
            if not door.online:
                door.online = True
                door.connect()
        self.send()
        self.ledger.accept_batch(self.all)
        return punches(self.store, Wanted())

    def close(self) -> None:
        """Close all of it."""
        for door in self.doors:
            door.close()
        self.store.close()


@contextlib.contextmanager
def two_doors(root: Path) -> Iterator[TwoDoors]:
    """Both doors and the centre, in a directory that is empty."""
    made = TwoDoors(root)
    try:
        yield made
    finally:
        made.close()


Act = Callable[[TwoDoors], Record]
"""Something that happens at two doors; the record that it is about."""
