"""The roster at the terminal: signed entries go to the people file, and people who left are erased, on record.

It runs on the publish thread, with its own connections: the broker's messages arrive there, and an erasure needs
the journal. The attending loop notices that the people file changed, and loads its gallery again.
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
from edge.domain.roster.messages import RosterManifest
from edge.domain.roster.topics import DOCUMENTS, place_of
from edge.errors import JournalAltered, JournalDamaged, JournalError, PeopleError, RecordError, TransferError
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.people.roster import awaiting
from edge.people.roster.state import RosterState
from edge.people.roster.sync import RosterSync
from edge.ports import Clock
from edge.terminal.outbox.flush import flush
from edge.terminal.outbox.repeated_endings import end_again
from edge.terminal.runtime.alarms import Alarm, Alarms

GRACE_NS = 30_000_000_000
"""How long after the last message entries may be missing before that is an alarm: a roster comes in parts."""
_PATIENCE = 10
"""The alarm comes after so many `GRACE_NS` at the latest, even if messages still come."""
AGAIN_NS = 600_000_000_000
"""Interval at which the terminal asks for the whole roster again, while something is missing."""
RETRY_NS = 5_000_000_000
"""Pause after a failure of the disk before the next attempt."""
_KEYS_NS = 1_000_000_000
_NAMED = 5
"""Number of missing entries that are named in the log; `smartclocker people roster` lists all."""

_log = logging.getLogger(__name__)


class Roster:
    """The roster's client. One thread calls `take` and `settle`, and at last `close`."""

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
        """`keys` returns the authority's keys that count now, by key id; `policy` is the configured one."""
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
        """Open the people file and the notes of the roster on this thread."""
        self._is_open = True
        self._begin()

    def _begin(self) -> None:
        """Open the people file and the notes of the roster. If that fails, records are sent all the same."""
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
            text = "%s. The damaged file was set aside, and the roster comes again; people who are here stay"
            self._alarms.begin(Alarm.ROSTER_ANEW, logging.ERROR, text, self._received.anew)
        self._wait_anew()

    def _wait_anew(self) -> None:
        """Begin the grace period again: until its end, missing entries are not reported."""
        self._quiet_ns = self._clock.monotonic_ns() + self._grace_ns

    def connected(self) -> None:
        """Note a new connection: the broker sends at least the manifest and our key, and gets time for that.

        At the first connection, the broker sends everything that it retains. Later it does so only if it has lost
        our session; otherwise it sends what changed. If people are kept out, the whole roster is asked for, because
        their entries must be judged again.
        """
        self._wait_anew()
        self._asked_ns = None
        sync = self._sync
        lacking = sync is not None and bool(sync.kept_out() or sync.counts.roster_waiting or self._failed)
        self._wanted = self._connected and lacking
        self._connected = self._online = True

    def disconnected(self) -> None:
        """Note that the connection is gone: until the next one, silence does not mean that everything was sent."""
        self._online = False

    def wants_all(self) -> bool:
        """Whether the broker should send the whole roster again; `asked` reports that it was asked."""
        return self._wanted

    def asked(self) -> None:
        """Note that the broker was asked for everything that it retains."""
        self._wanted = False
        self._asked_ns = self._clock.monotonic_ns()

    def take(self, topic: str, raw: bytes) -> bool:
        """Take a message from the broker; False when its topic is not one of the roster's."""
        place = place_of(topic)
        if place is None:
            return False
        if not raw:
            # an emptied topic: a tombstone, or a revoked terminal's key. It is unsigned and proves nothing
            return True
        if self._sync is None or self._people is None:
            self._lost = True  # the broker retains it; it is asked for when the files are open
            return True
        try:
            valid = self._counting(self._people)
            payload = dsse.verify(dsse.parse(raw), DOCUMENTS[place.part].PAYLOAD_TYPE, valid)
            if self._sync.take(place, payload):
                self._wait_anew()  # only news prolong the grace period
        except RecordError:
            self._unsigned += 1
        except PeopleError as error:
            self._lost = True
            self._fail(error)
        return True

    def settle(self, journal: Journal) -> None:
        """Act upon what came. Raises JournalDamaged, JournalAltered; after any other failure it is tried again."""
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
        if sync.returned:
            self._end_again(sync, people, journal)
        self._judge_again(sync, people)
        if sync.has_pending:
            flush(people, journal, self._clock)
            sync.has_pending = False
        # one in each turn: each rewrites the whole people file
        for person, leaving in list(sync.leaving.items())[:1]:
            self._erase(person, leaving, people)
            flush(people, journal, self._clock)
            sync.left(person)

    def _end_again(self, sync: RosterSync, people: People, journal: Journal) -> None:
        """Erase people again, or end their consent again, if that consent may be older than the erasure or the
        withdrawal here.
        """
        flush(people, journal, self._clock)  # the record of that may still be pending
        for person in sorted(sync.returned):
            last = {kind: seq for _, kind, seq in journal.words(person)}
            ended = end_again(person, last, people, journal, self._clock, unsure=True)
            sync.looked_at(person, ended=ended)
            if ended:
                _log.error(
                    "%s: the roster brought their face back with a consent that may be older than their erasure or "
                    "withdrawal here, because no time server had set the clock then. That is repeated; if they "
                    "agreed since, ask again, as a new consent",
                    person,
                )
        if people.erasures():
            flush(people, journal, self._clock, interrupted=True)  # completes what was begun again

    def _erase(self, person: str, leaving: Leaving, people: People) -> None:
        """Erase a person and add the pending record in one transaction, unless that was done before."""
        with people.together():
            if person in people.remaining() and people.outbox.erasure_of(person) is None:
                count = people.erase(person, self._clock.evidence().utc, leaving.reason)
                people.outbox.add([erased(person, leaving.reason, count)])

    def _judge_again(self, sync: RosterSync, people: People) -> None:
        """Ask for the whole roster when another policy came into force, because people who are kept out may now be
        taken in.
        """
        seen = people.version()
        if seen == self._people_seen:
            return
        self._people_seen = seen
        accepted = people.accepted(self._policy)
        if self._accepted not in {None, accepted} and sync.kept_out():
            self._wanted = self._connected
        self._accepted = accepted

    def _look_behind(self, sync: RosterSync, now: int) -> None:
        """Begin or end the alarm about an older roster. For a moment it may be a late message; if it lasts, the
        centre has no newer one.
        """
        if sync.behind is None:
            self._behind_ns = None
            self._alarms.end(Alarm.ROSTER_BEHIND, "the broker sends the newest roster again")
            return
        self._behind_ns = self._behind_ns or now
        if now - self._behind_ns >= 2 * self._grace_ns:
            self._alarms.begin(
                Alarm.ROSTER_BEHIND,
                logging.ERROR,
                "the broker sends version %d of the roster, and version %d came before: the centre's roster was "
                "restored from a backup, or somebody holds the newer one back. Nothing of the older one counts, "
                "not even a removal; give `smartclocker central roster publish DIR` at the centre; if the broker "
                "lost its state, add `--site %s --above %d` (docs/operations.md)",
                sync.behind,
                sync.version_held,
                self._origin.site,
                sync.version_held,
            )

    @property
    def alarms(self) -> frozenset[str]:
        """Alarm words of `edge.terminal.runtime.alarms`, for example `roster-incomplete` while entries of the
        manifest are not here.
        """
        return self._alarms.words

    def manifest(self) -> RosterManifest | None:
        """The newest manifest of the roster that came; None before there is one."""
        return None if self._sync is None else self._sync.manifest

    def left(self) -> frozenset[str]:
        """The people who left the roster, as far as this terminal was told."""
        return frozenset() if self._sync is None else self._sync.gone

    def complete_version(self) -> int:
        """The version of the roster, once all of it is here; 0 before that."""
        return 0 if self._sync is None or not self._sync.begun or self._sync.missing() else self._sync.version

    def counters(self) -> dict[str, int]:
        """Counters for the status."""
        if self._sync is None:
            return {}
        counts = asdict(self._sync.counts)
        counts["roster_rejected"] += self._unsigned
        return counts

    def close(self) -> None:
        """Close both files; safe to call twice."""
        for file in (self._people, self._received):
            if file is not None:
                file.close()
        self._people = self._received = self._sync = None
        self._is_open = False

    def _counting(self, people: People) -> Mapping[str, VerifyKey]:
        now = self._clock.monotonic_ns()
        if not self._valid or now >= self._valid_ns:  # reading the keys costs a query of the people file
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
                "the roster lists %d that did not come (%s%s); at the centre make sure that this terminal is "
                "registered (`smartclocker central gaps DIR`), then give `smartclocker central roster publish "
                "DIR`, and look at the broker's ACL and limits",
                len(missing),
                ", ".join(missing[:_NAMED]),
                more,
            )
        else:
            self._alarms.end(Alarm.ROSTER_INCOMPLETE, "the roster is complete")
            if sync.begun:
                self._alarms.end(Alarm.ROSTER_ANEW, "the roster came again")
        # `_lost`: our disk could not keep a message, or a queue at the broker was full. The broker still retains
        # it.
        lacking = bool(missing) or self._lost
        if lacking and (self._asked_ns is None or now - self._asked_ns >= AGAIN_NS):
            self._wanted, self._lost = True, False
        self._wait_anew()

    def _look_for_exported(self, sync: RosterSync, people: People, *, heard_all: bool) -> None:
        """Let people leave who were exported here and are not in the roster when their time for that is over."""
        now = self._sure_now()
        try:
            awaiting.note(sync, people, now)
            if heard_all and sync.behind is None and not sync.missing():
                for person in awaiting.leave(sync, people, now):
                    _log.warning(
                        "%s was exported more than a month ago and is not in the roster: this person leaves", person
                    )
        except PeopleError as error:
            self._fail(error)

    def _sure_now(self) -> str | None:
        evidence = self._clock.evidence()
        return evidence.utc if evidence.synchronised else None

    def _fail(self, error: Exception) -> None:
        if not self._failed:
            _log.error("the roster cannot be taken in; this is tried again: %s", error)
        self._failed = True
        self._retry_ns = self._clock.monotonic_ns() + RETRY_NS

    def _opened(self) -> tuple[RosterSync, People]:
        if self._sync is None or self._people is None:
            raise RuntimeError("call open() first, on the thread that calls take()")
        return self._sync, self._people
