"""What the terminals say of themselves, remembered: unsigned claims, kept apart from everything that was verified.

Written when the state, the epoch or the alarms change, else once a minute a terminal, and all of it at most once a
second: nobody who can publish a status may wear out the disk with it.
"""

import json
from dataclasses import dataclass

from edge.central.rows import now
from edge.central.store import Store
from edge.domain import presence, topics
from edge.domain.presence import Presence, Status
from edge.domain.records import Origin
from edge.errors import RecordError

REFRESH_NS = 60_000_000_000
FLUSH_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Claim:
    """The last that was heard of a terminal. Instants are RFC 3339 UTC by the ledger's clock, but for `utc`."""

    origin: Origin
    state: Presence
    since: str
    """When it was first heard to be in this state."""
    heard: str
    """When it last said something new: a retained status that a broker repeats is not news."""
    epoch: str | None
    """This and the following are of its last status ONLINE; None and 0 when there was none."""
    head: int
    watermark: int
    alarms: tuple[str, ...]
    utc: str | None
    """By the terminal's clock."""


class Sightings:
    """The statuses that arrive at one ledger, on its thread."""

    def __init__(self, store: Store) -> None:
        self.refused = 0
        """How many were malformed, or of no registered terminal."""
        self._store = store
        self._waiting: dict[Origin, tuple[Status, str]] = {}
        self._written: dict[Origin, tuple[Status, int]] = {}
        self._flushed_ns: int | None = None

    def hear(self, topic: str, raw: bytes) -> tuple[Origin, str] | None:
        """Take a status. Returns who is online with which epoch; None for any other. Raises LedgerError."""
        origin = topics.origin_of(topic)
        known = origin is not None and topic == topics.status(origin) and self._registered(origin)
        said = _decode(raw) if known else None
        if origin is None or said is None:
            self.refused += 1
            return None
        self._waiting[origin] = said, now()  # registered names only, so that it is bounded
        return None if said.epoch is None else (origin, said.epoch)

    def flush(self, now_ns: int) -> None:
        """Write what is due; one commit for all of it. Raises LedgerError, and then it stays due."""
        if self._flushed_ns is not None and now_ns - self._flushed_ns < FLUSH_NS:
            return
        due = {origin: said for origin, (said, _) in self._waiting.items() if self._due(origin, said, now_ns)}
        if not due:
            return
        rows = [_row(origin, said, self._waiting[origin][1]) for origin, said in due.items()]
        with self._store.batch():
            self._store.change(_UPSERT, rows)
        self._flushed_ns = now_ns
        for origin, said in due.items():
            self._written[origin] = said, now_ns
            del self._waiting[origin]

    def _due(self, origin: Origin, said: Status, now_ns: int) -> bool:
        last, written_ns = self._written.get(origin, (None, 0))
        changed = last is None or (last.state, last.epoch, last.alarms) != (said.state, said.epoch, said.alarms)
        return changed or now_ns - written_ns >= REFRESH_NS

    def _registered(self, origin: Origin) -> bool:
        return any(self._store.select(_REGISTERED, (origin.site, origin.terminal)))


def claims(store: Store) -> dict[Origin, Claim]:
    """Everything that is remembered. Raises LedgerError."""
    found = {}
    for site, terminal, state, since, heard, epoch, head, watermark, alarms, utc in store.select(_CLAIMS):
        origin = Origin(site, terminal)
        words = tuple(json.loads(alarms))
        found[origin] = Claim(origin, Presence(state), since, heard, epoch, head or 0, watermark or 0, words, utc)
    return found


def _decode(raw: bytes) -> Status | None:
    try:
        return presence.decode(raw)
    except RecordError:
        return None


def _row(origin: Origin, said: Status, heard: str) -> tuple[object, ...]:
    online = said.epoch is not None
    head, watermark = (said.head, said.watermark) if online else (None, None)
    alarms = json.dumps(said.alarms)
    return (origin.site, origin.terminal, said.state, heard, heard, said.epoch, head, watermark, alarms, said.utc)


_REGISTERED = "SELECT 1 FROM terminals WHERE site = ? AND terminal = ? AND revoked IS NULL LIMIT 1"
_CLAIMS = "SELECT site, terminal, state, since, heard, epoch, head, watermark, alarms, utc FROM claims"
_UPSERT = """
INSERT INTO claims (site, terminal, state, since, heard, epoch, head, watermark, alarms, utc)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (site, terminal) DO UPDATE SET
    since = CASE WHEN state = excluded.state THEN since ELSE excluded.since END,
    heard = CASE WHEN state = excluded.state AND utc IS coalesce(excluded.utc, utc) THEN heard
        ELSE excluded.heard END,
    state = excluded.state,
    alarms = CASE WHEN excluded.epoch IS NULL THEN alarms ELSE excluded.alarms END,
    epoch = coalesce(excluded.epoch, epoch),
    head = coalesce(excluded.head, head),
    watermark = coalesce(excluded.watermark, watermark),
    utc = coalesce(excluded.utc, utc)
"""
"""A terminal that is gone keeps what it said last; an instance that hears the same changes nothing."""
