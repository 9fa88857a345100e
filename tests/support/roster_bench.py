"""The terminal's part that takes the roster, turn by turn, over a clock that obeys the test."""

from edge.crypto.dsse import key_id
from edge.domain.protocol.record import decode
from edge.errors import PeopleError
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.people.roster.state import RosterState
from edge.terminal.uplink.roster_client import Roster
from tests.support.clock import HandClock, evidence
from tests.support.people import POLICY
from tests.support.roster_site import AUTHORITY, Gate, Site

SECOND = 1_000_000_000


class Bench:
    """A gate's files under the terminal's own part."""

    def __init__(self, site: Site) -> None:
        self.site, self.clock = site, HandClock(evidence(utc="2026-03-05T08:00:00.000Z"))
        self.gate: Gate = site.register("gate-1")
        self.gate.received.close()
        self.journal = Journal(site.root / "journal.db", self.gate.origin, self.gate.identity)
        self.refused: PeopleError | None = None
        self.people_refused: PeopleError | None = None
        trusted = {key_id(AUTHORITY.verify_key): AUTHORITY.verify_key}
        self.roster = Roster(
            self.gate.origin, self.gate.identity, lambda _people: trusted, self._people,
            self._received, POLICY, self.clock,
        )  # fmt: skip

    def _people(self) -> People:
        if self.people_refused is not None:
            raise self.people_refused
        return self.gate.people

    def _received(self) -> RosterState:
        if self.refused is not None:
            raise self.refused
        return RosterState(self.gate.received_path)

    def start(self) -> None:
        self.roster.open()
        self.roster.connected()

    def give(self, retained: dict[str, bytes]) -> None:
        for topic, wire in retained.items():
            self.roster.take(topic, wire)
        self.roster.settle(self.journal)

    def wait(self, seconds: float) -> None:
        self.clock.passes(seconds)
        self.roster.settle(self.journal)

    def kinds(self) -> list[str]:
        rows = self.journal._db.execute("SELECT payload FROM records ORDER BY seq").fetchall()
        return [str(decode(payload).kind) for (payload,) in rows]
