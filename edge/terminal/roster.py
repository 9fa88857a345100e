"""The roster at the terminal: what the authority signed goes to the people file, who left is erased and on record.

On the publish thread, with connections of its own: the broker's messages arrive there, and an erasure needs the
journal. The attend loop sees that the people changed and makes its gallery anew.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict

from nacl.signing import SigningKey, VerifyKey

from edge.domain import roster
from edge.domain.consent import Policy
from edge.domain.records import Origin
from edge.domain.roster_topics import Part, place_of
from edge.errors import JournalAltered, JournalDamaged, JournalError, PeopleError, RecordError, TransferError
from edge.journal import envelope
from edge.journal.ring import Ring
from edge.ports import Clock
from edge.roster.people import People
from edge.roster.received import Received
from edge.roster.sync import RosterSync
from edge.terminal import enrolment
from edge.terminal.alarms import ROSTER_INCOMPLETE, Alarms
from edge.terminal.orders import settle

GRACE_NS = 30_000_000_000
"""How long after the last message something may be missing before that is an alarm: a roster comes in parts."""
AGAIN_NS = 600_000_000_000
"""How long after all of it was asked for it is asked for again, while something is missing."""
RETRY_NS = 5_000_000_000
"""How long after a failure of the disk the next attempt is."""
_KEYS_NS = 1_000_000_000
_TYPES = {
    Part.PERSON: roster.PERSON_TYPE,
    Part.PAGE: roster.PAGE_TYPE,
    Part.MANIFEST: roster.MANIFEST_TYPE,
    Part.KEY: roster.KEY_TYPE,
}
_NAMED = 5
"""Of what is missing, so many are named in the log; `smartclocker people roster` has all."""

_log = logging.getLogger(__name__)


class Roster:
    """One thread calls `take` and `settle`, and at last `close`."""

    def __init__(
        self,
        origin: Origin,
        identity: SigningKey,
        keys: Callable[[People], Mapping[str, VerifyKey]],
        open_people: Callable[[], People],
        open_received: Callable[[], Received],
        policy: Policy,
        clock: Clock,
        *,
        grace_ns: int = GRACE_NS,
    ) -> None:
        """`keys` says which keys of the authority count now, by key id; `policy` is the configured one."""
        self._origin, self._identity, self._keys, self._policy = origin, identity, keys, policy
        self._open_people, self._open_received, self._clock = open_people, open_received, clock
        self._grace_ns = grace_ns
        self._alarms = Alarms()
        self._people: People | None = None
        self._received: Received | None = None
        self._sync: RosterSync | None = None
        self._valid: Mapping[str, VerifyKey] = {}
        self._valid_ns = 0
        self._unsigned = 0
        self._quiet_ns = self._retry_ns = 0
        self._failed = False
        self._connected = self._wanted = self._lost = False
        self._asked_ns: int | None = None

    def open(self) -> None:
        """Open both files on this thread. Raises PeopleError."""
        self._people, self._received = self._open_people(), self._open_received()
        self._sync = RosterSync(self._origin, self._identity, self._people, self._received, self._policy)
        self._quiet_ns = self._clock.monotonic_ns() + self._grace_ns

    def connected(self) -> None:
        """The broker says at least the manifest and our key: nothing is missing before it had the time to.

        At the first connection it says all that it retains. Later it does so if it has forgotten us; otherwise what
        changed comes by itself. Who is kept out is judged again, which takes their entry.
        """
        self._quiet_ns = self._clock.monotonic_ns() + self._grace_ns
        self._asked_ns = None
        sync, _ = self._opened()
        self._wanted = self._connected and bool(sync.kept_out() or sync.counts.roster_waiting or self._failed)
        self._connected = True

    def wants_all(self) -> bool:
        """Whether the broker is to say all of it again; `asked` once that was done."""
        return self._wanted

    def asked(self) -> None:
        """All that is retained will come."""
        self._wanted = False
        self._asked_ns = self._clock.monotonic_ns()

    def take(self, topic: str, raw: bytes) -> bool:
        """A message from the broker; False when the topic is none of the roster's."""
        place = place_of(topic)
        if place is None:
            return False
        if not raw:
            return True  # emptied: a tombstone, or a revoked terminal's key. It is not signed, and says nothing
        sync, people = self._opened()
        try:
            valid = self._counting(people)
            sync.take(place, envelope.verify(envelope.parse(raw), _TYPES[place.part], valid))
        except RecordError:
            self._unsigned += 1
        except PeopleError as error:
            self._lost = True
            self._fail(error)
        self._quiet_ns = self._clock.monotonic_ns() + self._grace_ns
        return True

    def settle(self, journal: Ring) -> None:
        """Act upon what came. Raises JournalDamaged, JournalAltered; what else fails is tried again."""
        now = self._clock.monotonic_ns()
        if self._sync is None or self._people is None or now < self._retry_ns:
            return
        try:
            self._sync.settle()
            if self._sync.owing:
                settle(self._people, journal, self._clock)
                self._sync.owing = False
            for person, leaving in list(self._sync.leaving.items())[:1]:  # each writes a whole file anew
                reason = leaving.reason
                enrolment.erase(person, reason, people=self._people, ring=journal, clock=self._clock)
                self._sync.left(person)
        except (JournalDamaged, JournalAltered):
            raise
        except (PeopleError, JournalError, RecordError, TransferError) as error:
            self._fail(error)
        else:
            self._failed = False
        if now >= self._quiet_ns:
            self._look()

    @property
    def alarms(self) -> frozenset[str]:
        """`roster-incomplete` while the manifest lists what is not here."""
        return self._alarms.words

    def complete_version(self) -> int:
        """The version of the roster, once all of it is here; 0 before."""
        return 0 if self._sync is None or not self._sync.begun or self._sync.missing() else self._sync.version

    def counters(self) -> dict[str, int]:
        """For the status."""
        if self._sync is None:
            return {}
        counts = asdict(self._sync.counts)
        counts["roster_rejected"] += self._unsigned
        return counts

    def close(self) -> None:
        """Release both files; safe to call twice."""
        for file in (self._people, self._received):
            if file is not None:
                file.close()
        self._people = self._received = self._sync = None

    def _counting(self, people: People) -> Mapping[str, VerifyKey]:
        now = self._clock.monotonic_ns()
        if not self._valid or now >= self._valid_ns:  # asking costs a look into the people file
            self._valid, self._valid_ns = self._keys(people), now + _KEYS_NS
        return self._valid

    def _look(self) -> None:
        sync, _ = self._opened()
        missing, now = sync.missing(), self._clock.monotonic_ns()
        if missing:
            more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
            self._alarms.begin(
                ROSTER_INCOMPLETE,
                logging.ERROR,
                "the roster lists %d that did not come (%s%s); at the centre see that this terminal is registered "
                "(`smartclocker central gaps DIR`), then give `smartclocker central roster publish DIR`, and look "
                "at the broker's ACL and limits",
                len(missing),
                ", ".join(missing[:_NAMED]),
                more,
            )
        else:
            self._alarms.end(ROSTER_INCOMPLETE, "the roster is complete")
        # Our disk took something in vain, or a queue at the broker was full: it retains all of it nevertheless.
        lacking = bool(missing) or self._lost
        if lacking and (self._asked_ns is None or now - self._asked_ns >= AGAIN_NS):
            self._wanted, self._lost = True, False
        self._quiet_ns = self._clock.monotonic_ns() + self._grace_ns

    def _fail(self, error: Exception) -> None:
        if not self._failed:
            _log.error("the roster cannot be taken in, which is tried again: %s", error)
        self._failed = True
        self._retry_ns = self._clock.monotonic_ns() + RETRY_NS

    def _opened(self) -> tuple[RosterSync, People]:
        if self._sync is None or self._people is None:
            raise RuntimeError("call open() first, on the thread that calls take()")
        return self._sync, self._people
