"""The roster at the terminal: what the authority signed goes to the people file, who left is erased and on record.

On the publish thread, with connections of its own: the broker's messages arrive there, and an erasure needs the
journal. The attend loop sees that the people changed and makes its gallery anew.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict

from nacl.signing import SigningKey, VerifyKey

from edge.crypto import dsse
from edge.domain.people.consent import Policy
from edge.domain.protocol.record import Origin
from edge.domain.protocol.record_draft import erased
from edge.domain.roster.entry_state import Leaving
from edge.domain.roster.topics import DOCUMENTS, place_of
from edge.errors import JournalAltered, JournalDamaged, JournalError, PeopleError, RecordError, TransferError
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.people.roster import awaiting
from edge.people.roster.state import RosterState
from edge.people.roster.sync import RosterSync
from edge.ports import Clock
from edge.terminal.outbox.flush import flush
from edge.terminal.runtime.alarms import Alarm, Alarms

GRACE_NS = 30_000_000_000
"""How long after the last message something may be missing before that is an alarm: a roster comes in parts."""
_PATIENCE = 10
"""How many times `GRACE_NS` at most, whatever comes meanwhile."""
AGAIN_NS = 600_000_000_000
"""How long after all of it was asked for it is asked for again, while something is missing."""
RETRY_NS = 5_000_000_000
"""How long after a failure of the disk the next attempt is."""
_KEYS_NS = 1_000_000_000
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
        open_received: Callable[[], RosterState],
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
        self._is_open = False
        self._people: People | None = None
        self._received: RosterState | None = None
        self._sync: RosterSync | None = None
        self._valid: Mapping[str, VerifyKey] = {}
        self._valid_ns = 0
        self._unsigned = 0
        self._quiet_ns = self._look_ns = self._retry_ns = 0
        self._behind_ns: int | None = None
        self._accepted: object = None
        self._people_seen = -1
        self._failed = False
        self._connected = self._online = self._wanted = self._lost = False
        self._asked_ns: int | None = None

    def open(self) -> None:
        """Open both files on this thread."""
        self._is_open = True
        self._begin()

    def _begin(self) -> None:
        """Open the people and the notes of the roster: no fault of theirs keeps records from being sent."""
        try:
            if self._people is None:
                self._people = self._open_people()
            self._received = self._open_received()
            self._sync = RosterSync(self._origin, self._identity, self._people, self._received, self._policy)
            awaiting.note(self._sync, self._people, self._sure_now())
        except (PeopleError, RecordError) as error:
            self._alarms.begin(Alarm.ROSTER_UNUSABLE, logging.ERROR, "the roster cannot be taken in: %s", error)
            self._retry_ns = self._clock.monotonic_ns() + RETRY_NS
            if self._received is not None:
                self._received.close()
            self._received = self._sync = None
            return
        self._wanted = self._connected
        self._alarms.end(Alarm.ROSTER_UNUSABLE, "the roster is taken in again")
        if self._received.anew is not None:
            text = "%s. It was set aside beside it, and the roster comes again; who is here goes on"
            self._alarms.begin(Alarm.ROSTER_ANEW, logging.ERROR, text, self._received.anew)
        self._wait_anew()

    def _wait_anew(self) -> None:
        """Something came, or will: what is missing is not missed yet."""
        self._quiet_ns = self._clock.monotonic_ns() + self._grace_ns

    def connected(self) -> None:
        """The broker says at least the manifest and our key: nothing is missing before it had the time to.

        At the first connection it says all that it retains. Later it does so if it has forgotten us; otherwise what
        changed comes by itself. Who is kept out is judged again, which takes their entry.
        """
        self._wait_anew()
        self._asked_ns = None
        sync = self._sync
        lacking = sync is not None and bool(sync.kept_out() or sync.counts.roster_waiting or self._failed)
        self._wanted = self._connected and lacking
        self._connected = self._online = True

    def disconnected(self) -> None:
        """What the broker still has to say does not come now: silence says nothing."""
        self._online = False

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
        if self._sync is None or self._people is None:
            self._lost = True  # it is retained, and asked for once there is where to note it
            return True
        try:
            valid = self._counting(self._people)
            payload = dsse.verify(dsse.parse(raw), DOCUMENTS[place.part].PAYLOAD_TYPE, valid)
            if self._sync.take(place, payload):
                self._wait_anew()  # a roster comes in parts: what says nothing new puts nothing off
        except RecordError:
            self._unsigned += 1
        except PeopleError as error:
            self._lost = True
            self._fail(error)
        return True

    def settle(self, journal: Journal) -> None:
        """Act upon what came. Raises JournalDamaged, JournalAltered; what else fails is tried again."""
        now = self._clock.monotonic_ns()
        if not self._is_open or now < self._retry_ns:
            return
        if self._sync is None:
            self._begin()
        if self._sync is None or self._people is None:
            return
        try:
            self._act(self._sync, self._people, journal)
        except (JournalDamaged, JournalAltered):
            raise
        except (PeopleError, JournalError, RecordError, TransferError) as error:
            self._fail(error)
        else:
            self._failed = False
        self._look_behind(self._sync, now)
        self._look_ns = self._look_ns or now + _PATIENCE * self._grace_ns
        if now >= min(self._quiet_ns, self._look_ns):
            quiet = now >= self._quiet_ns
            self._look()
            self._look_for_exported(self._sync, self._people, heard_all=quiet and self._online)

    def _act(self, sync: RosterSync, people: People, journal: Journal) -> None:
        sync.settle()
        self._judge_again(sync, people)
        if sync.has_pending:
            flush(people, journal, self._clock)
            sync.has_pending = False
        for person, leaving in list(sync.leaving.items())[:1]:  # each writes a whole file anew
            self._erase(person, leaving, people)
            flush(people, journal, self._clock)
            sync.left(person)

    def _erase(self, person: str, leaving: Leaving, people: People) -> None:
        """The change and its pending record, unless an earlier turn or somebody else did it."""
        with people.together():
            if person in people.remaining() and people.outbox.erasure_of(person) is None:
                count = people.erase(person, self._clock.evidence().utc, leaving.reason)
                people.outbox.add([erased(person, leaving.reason, count)])

    def _judge_again(self, sync: RosterSync, people: People) -> None:
        """Another policy came into force: who is kept out may belong now."""
        seen = people.version()
        if seen == self._people_seen:
            return
        self._people_seen = seen
        accepted = people.accepted(self._policy)
        if self._accepted not in {None, accepted} and sync.kept_out():
            self._wanted = self._connected
        self._accepted = accepted

    def _look_behind(self, sync: RosterSync, now: int) -> None:
        """An older roster for a moment is a message that was late; for longer the centre has no other."""
        if sync.behind is None:
            self._behind_ns = None
            self._alarms.end(Alarm.ROSTER_BEHIND, "the broker says the newest roster again")
            return
        self._behind_ns = self._behind_ns or now
        if now - self._behind_ns >= 2 * self._grace_ns:
            self._alarms.begin(
                Alarm.ROSTER_BEHIND,
                logging.ERROR,
                "the broker says version %d of the roster, and version %d came before: the centre's roster was "
                "restored from a backup, or somebody holds the newer one back. Nothing of the older counts, not "
                "even a removal; give `smartclocker central roster publish DIR` at the centre, and where the "
                "broker lost its state with `--site %s --above %d` (docs/operations.md)",
                sync.behind,
                sync.version_held,
                self._origin.site,
                sync.version_held,
            )

    @property
    def alarms(self) -> frozenset[str]:
        """Of `edge.terminal.runtime.alarms`: `roster-incomplete` while the manifest lists what is not here."""
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
        self._is_open = False

    def _counting(self, people: People) -> Mapping[str, VerifyKey]:
        now = self._clock.monotonic_ns()
        if not self._valid or now >= self._valid_ns:  # asking costs a look into the people file
            self._valid, self._valid_ns = self._keys(people), now + _KEYS_NS
        return self._valid

    def _look(self) -> None:
        sync, _ = self._opened()
        self._look_ns = 0
        missing, now = sync.missing(), self._clock.monotonic_ns()
        if missing:
            more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
            self._alarms.begin(
                Alarm.ROSTER_INCOMPLETE,
                logging.ERROR,
                "the roster lists %d that did not come (%s%s); at the centre see that this terminal is registered "
                "(`smartclocker central gaps DIR`), then give `smartclocker central roster publish DIR`, and look "
                "at the broker's ACL and limits",
                len(missing),
                ", ".join(missing[:_NAMED]),
                more,
            )
        else:
            self._alarms.end(Alarm.ROSTER_INCOMPLETE, "the roster is complete")
            if sync.begun:
                self._alarms.end(Alarm.ROSTER_ANEW, "the roster came again")
        # Our disk took something in vain, or a queue at the broker was full: it retains all of it nevertheless.
        lacking = bool(missing) or self._lost
        if lacking and (self._asked_ns is None or now - self._asked_ns >= AGAIN_NS):
            self._wanted, self._lost = True, False
        self._wait_anew()

    def _look_for_exported(self, sync: RosterSync, people: People, *, heard_all: bool) -> None:
        """Whoever was exported here and is not listed when the time for it is over leaves, too."""
        now = self._sure_now()
        try:
            awaiting.note(sync, people, now)
            if heard_all and sync.behind is None and not sync.missing():
                for person in awaiting.leave(sync, people, now):
                    _log.warning(
                        "%s was exported more than a month ago and is not in the roster: they leave", person
                    )
        except PeopleError as error:
            self._fail(error)

    def _sure_now(self) -> str | None:
        evidence = self._clock.evidence()
        return evidence.utc if evidence.synchronised else None

    def _fail(self, error: Exception) -> None:
        if not self._failed:
            _log.error("the roster cannot be taken in, which is tried again: %s", error)
        self._failed = True
        self._retry_ns = self._clock.monotonic_ns() + RETRY_NS

    def _opened(self) -> tuple[RosterSync, People]:
        if self._sync is None or self._people is None:
            raise RuntimeError("call open() first, on the thread that calls take()")
        return self._sync, self._people
