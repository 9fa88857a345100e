"""The records of the site's other terminals: verified on the publish thread, and stored for the attending one.

A record counts if the manifest names its terminal, its signature is by one of the keys that stand there, and it is
from the terminal and of the kind that its topic names. Everything else changes nothing and is counted.

mosquitto grants a subscription that its ACL denies, and then sends nothing. So the terminal reads its own punches,
too, which the same rule of the ACL allows, until the first of them came back and proved that the rule is there.
"""

import logging
from collections import deque
from collections.abc import Callable

from edge.crypto import dsse
from edge.domain.protocol import topics
from edge.domain.protocol.record import PAYLOAD_TYPE, Origin, decode
from edge.domain.protocol.record_kinds import Kind
from edge.errors import (
    JournalAltered,
    JournalDamaged,
    JournalError,
    PeopleError,
    RecordError,
    SiteDamaged,
    SiteError,
)
from edge.journal.journal import Journal
from edge.people.site.store import SiteStore, SiteVerdict, VerifiedRecord
from edge.ports import Clock
from edge.terminal.runtime.alarms import Alarm, Alarms
from edge.terminal.site.hearing import SiteHearing
from edge.terminal.uplink.site_members import SiteMembers

PROOF_NS = 30_000_000_000
"""How long the first of our own punches may take to come back before that is an alarm."""
SETTLE_NS = 1_000_000_000
"""How long after a new connection nothing may come before all that waited at the broker counts as heard."""
SETTLE_MOST_NS = 30_000_000_000
"""The longest time for that: at a busy site something always comes."""
RETRY_NS = 5_000_000_000
"""Pause after a failure of the disk before the next attempt."""
EXPIRE_NS = 3_600_000_000_000
_EXPIRE_AFTER = 1_000
"""Records that are kept before the limits of the file are looked at again, so that a flood fills no disk."""
_MOST_WAITING = 1_024
"""Verified records that wait for the disk; then the oldest one is dropped and counted."""
_MOST_MISSED = 4_096
"""People who are remembered because a record of theirs was dropped; no site has more."""
_MOST_UNKNOWN = 256
"""Messages under keys that the manifest does not name yet; then the oldest one is forgotten."""

_log = logging.getLogger(__name__)


class SiteRecords:
    """The receiver. One thread calls everything but `alarms` and `counters`."""

    def __init__(
        self,
        origin: Origin,
        members: SiteMembers,
        open_store: Callable[[], SiteStore],
        clock: Clock,
        hearing: SiteHearing,
    ) -> None:
        self._origin, self._members, self._open_store = origin, members, open_store
        self._clock, self._hearing = clock, hearing
        self._alarms = Alarms()
        self._own = topics.record(origin, Kind.PUNCH)
        self._store: SiteStore | None = None
        self._unsaved = True
        """Whether the file does not know yet who belongs to the site now, and who is gone."""
        self._waiting: deque[VerifiedRecord] = deque()
        self._unknown: deque[tuple[str, bytes]] = deque(maxlen=_MOST_UNKNOWN)
        """Messages under keys that the manifest does not name. The manifest may come after a new door's first
        punches, and the broker sends these once.
        """
        self._since_expiry = 0
        self._counts = dict.fromkeys(("site_heard", "site_rejected", "site_old", "site_forks", "site_dropped"), 0)
        self._online = self._proven = False
        self._denied: tuple[str, ...] = ()
        self._sent_ns: int | None = None
        self._quiet_ns = self._settled_by_ns = self._retry_ns = self._expire_ns = 0
        self._settling = self._came = False
        """Whether more of what waited at the broker may come; and whether a record came since the last `settle`."""

    @property
    def alarms(self) -> frozenset[str]:
        """`site-unheard`, `site-fork`, `site-unusable`."""
        return self._alarms.words

    def counters(self) -> dict[str, int]:
        """Counters for the status."""
        return dict(self._counts)

    def connected(self, denied: tuple[str, ...]) -> None:
        """Note a new connection. `denied` are the subscriptions that the broker refused."""
        self._online, self._proven, self._sent_ns = True, False, None
        self._settling = True
        self._denied = denied
        now = self._clock.monotonic_ns()
        self._quiet_ns, self._settled_by_ns = now + SETTLE_NS, now + SETTLE_MOST_NS

    def disconnected(self) -> None:
        """Note that the connection is gone."""
        self._online = False
        self._hearing.deaf = True

    def sent(self, kind: str) -> None:
        """Note that one of our records was sent. A punch comes back, if the broker lets us read punches."""
        if not self._proven and self._sent_ns is None and kind == Kind.PUNCH:
            self._sent_ns = self._clock.monotonic_ns()

    def take(self, topic: str, raw: bytes) -> bool:
        """Take a message from the broker; False when its topic is none of the site's records."""
        if topic == self._own:
            self._prove()
            return True
        origin = topics.origin_of(topic)
        kinds = {} if origin is None else {topics.record(origin, kind): kind for kind in topics.SITE_KINDS}
        if origin is None or origin.site != self._origin.site or topic not in kinds:
            return False
        self._look_at_members()
        if not self._accept(topic, raw, origin, kinds[topic]):
            self._counts["site_rejected"] += 1
        return True

    def settle(self, journal: Journal) -> None:
        """Store what came, and tell the attending thread whether the site is heard. Raises JournalDamaged,
        JournalAltered; after any other failure it is tried again.
        """
        now = self._clock.monotonic_ns()
        try:
            if now >= self._retry_ns:
                self._work(journal, now)
        except (JournalDamaged, JournalAltered):
            raise
        except (SiteError, PeopleError, JournalError, RecordError) as error:
            self._fail(error, now)
        self._judge(now)

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._hearing.deaf = True
        self._online = False
        self._members.close()
        if self._store is not None:
            self._store.close()
            self._store = None

    def _accept(self, topic: str, raw: bytes, origin: Origin, kind: Kind) -> bool:
        """Let a genuine record wait for the disk; False for what is none, or not yet."""
        keys = self._members.keys_of(origin.terminal)
        try:
            envelope = dsse.parse(raw)
            if envelope.keyid not in keys:
                self._unknown.append((topic, raw))
                return False
            payload = dsse.verify(envelope, PAYLOAD_TYPE, keys)
            record = decode(payload)
        except RecordError:
            return False
        if record.origin != origin or record.kind != kind or record.data["person"] in self._members.gone:
            return False
        self._prove()
        if len(self._waiting) >= _MOST_WAITING:
            self._miss(self._waiting.popleft())
        self._waiting.append(VerifiedRecord(record, payload, envelope.keyid))
        self._came = True
        if self._settling:  # what waited at the broker still comes
            self._quiet_ns = min(self._clock.monotonic_ns() + SETTLE_NS, self._settled_by_ns)
        return True

    def _miss(self, one: VerifiedRecord) -> None:
        """Count a record that is dropped, and remember whose last punch is not known here now."""
        self._counts["site_dropped"] += 1
        if len(self._hearing.missed) < _MOST_MISSED:
            self._hearing.missed.add(one.record.data["person"])

    def _work(self, journal: Journal, now: int) -> None:
        self._look_at_members()
        store = self._opened()
        if self._unsaved:
            self._save_members(store)
        if self._waiting:
            evidence, own = self._clock.evidence(), (journal.epoch, journal.head().seq)
            verdicts = store.keep(list(self._waiting), evidence, own)
            for one, verdict in zip(self._waiting, verdicts, strict=True):
                self._count(one, verdict)
            self._since_expiry += len(self._waiting)
            self._waiting.clear()
        if now >= self._expire_ns or self._since_expiry >= _EXPIRE_AFTER:
            store.expire(self._clock.evidence())
            self._expire_ns, self._since_expiry = now + EXPIRE_NS, 0
        self._alarms.end(Alarm.SITE_UNUSABLE, "the records of the site's other terminals are kept again")

    def _count(self, one: VerifiedRecord, verdict: SiteVerdict) -> None:
        if verdict is SiteVerdict.KEPT:
            self._counts["site_heard"] += 1
            if one.record.kind == Kind.PUNCH:
                self._hearing.missed.discard(one.record.data["person"])
        elif verdict is SiteVerdict.FORK:
            self._counts["site_forks"] += 1
            self._alarms.begin(
                Alarm.SITE_FORK,
                logging.ERROR,
                "%s signed two histories, which differ at %s: somebody else has its key, or an older disk of it "
                "was restored. What came first counts here; `smartclocker central gaps` shows the fork",
                one.record.origin.terminal,
                one.record.id,
            )
        else:
            self._counts["site_old"] += 1

    def _opened(self) -> SiteStore:
        """The file; it is opened again when another one lies in its place."""
        if self._store is not None and self._store.is_replaced():
            self._store.close()
            self._store = None
        if self._store is None:
            self._store = self._open_store()
            self._unsaved, self._expire_ns = True, 0
            if self._store.anew is not None:
                _log.error("%s. It was set aside", self._store.anew)
        return self._store

    def _look_at_members(self) -> None:
        """Take over another list of terminals, and other people who were erased."""
        if not self._members.look():
            return
        self._unsaved = True
        gone = self._members.gone
        self._hearing.missed -= gone
        self._waiting = deque(one for one in self._waiting if one.record.data["person"] not in gone)
        unknown, self._unknown = self._unknown, deque(maxlen=_MOST_UNKNOWN)
        for topic, raw in unknown:
            origin = topics.origin_of(topic)
            if origin is not None:
                self._accept(topic, raw, origin, Kind(topic.rpartition("/")[2]))

    def _save_members(self, store: SiteStore) -> None:
        keys = self._members.keys
        if keys is not None:
            store.set_neighbours({(name, one) for name, own in keys.items() for one in own})
        self._hearing.others = bool(store.neighbours())
        left = store.persons() & self._members.gone
        if left:
            store.forget(left)
        self._unsaved = False

    def _prove(self) -> None:
        """Note that the broker lets us read the site's records."""
        if not self._proven:
            self._proven, self._denied = True, ()
            self._alarms.end(Alarm.SITE_UNHEARD, "the site's other terminals are heard again")

    def _judge(self, now: int) -> None:
        """Begin the alarm when the broker refuses, and tell the attending thread what is heard.

        Nothing that came for a while is told by the clock only if this thread listened meanwhile: while it was busy
        elsewhere, what waited at the broker may have come.
        """
        if now >= self._settled_by_ns or (now >= self._quiet_ns and not self._came):
            self._settling = False
        self._came = False
        silent = self._sent_ns is not None and not self._proven and now - self._sent_ns >= PROOF_NS
        if self._online and self._hearing.others and (self._denied or silent):
            self._alarms.begin(
                Alarm.SITE_UNHEARD,
                logging.ERROR,
                "the broker does not let this terminal read %s: punches do not know the other doors. At the centre "
                "give `smartclocker central init DIR`, which writes the ACL of every registered terminal, then "
                "`smartclocker central broker DIR INTO`, and reload mosquitto",
                " and ".join(self._denied or topics.site_records(self._origin.site)),
            )
        if not self._hearing.others:
            self._alarms.end(Alarm.SITE_UNHEARD, "this terminal is the only one of its site")
        self._hearing.deaf = (
            not self._online
            or self._settling
            or self._members.keys is None
            or Alarm.SITE_UNHEARD in self._alarms
            or Alarm.SITE_UNUSABLE in self._alarms
        )

    def _fail(self, error: Exception, now: int) -> None:
        self._alarms.begin(
            Alarm.SITE_UNUSABLE,
            logging.ERROR,
            "the records of the site's other terminals cannot be kept; this is tried again, and punches go on: %s",
            error,
        )
        self._retry_ns = now + RETRY_NS
        if isinstance(error, SiteDamaged) and self._store is not None:
            self._store.close()  # the next attempt sets the file aside
            self._store = None
