"""Remembers what terminals say in their status. These claims are unsigned and are kept apart from verified records.

A claim is written when its state, epoch or alarms change, otherwise once a minute for each terminal. Claims are
written at most once a second, so that nobody can wear out the disk by publishing statuses.
"""

import json
from dataclasses import dataclass, replace

from edge.central.store.model import now
from edge.central.store.records import Store
from edge.domain.protocol import terminal_status, topics
from edge.domain.protocol.record import Origin
from edge.domain.protocol.terminal_status import Presence, Status
from edge.errors import RecordError

REFRESH_NS = 60_000_000_000
FLUSH_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Claim:
    """The latest claim of a terminal. Instants are RFC 3339 UTC by the ledger's clock, except `utc`."""

    origin: Origin
    state: Presence
    since: str
    """When it was first heard to be in this state."""
    heard: str
    """When it last said something new. A retained status that a broker delivers again is not new."""
    epoch: str | None
    """This and the following fields are from its last status ONLINE; None or 0 if there was none."""
    head: int
    watermark: int
    alarms: tuple[str, ...]
    utc: str | None
    """By the terminal's clock."""
    claimed: str | None = None
    """When the terminal claimed this `head`; None if the status may be an old one that the broker delivered
    again.
    """
    lacking: int | None = None
    """The first record of `epoch` that the terminal claimed and that was not here at that time; None if all
    were here.
    """
    lacking_since: str | None = None
    """When the terminal first claimed that record."""
    counters: tuple[tuple[str, int], ...] = ()
    """The counters of the terminal since its program started."""


class ClaimRecorder:
    """Records the statuses that arrive at one ledger, on its thread."""

    def __init__(self, store: Store) -> None:
        self.refused = 0
        """Number of statuses that were malformed or of no registered terminal."""
        self._store = store
        self._waiting: dict[Origin, list[tuple[Status, str]]] = {}
        self._written: dict[Origin, tuple[Status, int]] = {}
        self._flushed_ns: int | None = None

    def hear(self, topic: str, raw: bytes) -> tuple[Origin, str] | None:
        """Records a status. Returns the terminal and its epoch if it is online, otherwise None. Raises
        LedgerError.
        """
        origin = topics.origin_of(topic)
        known = origin is not None and topic == topics.status(origin) and self._registered(origin)
        said = _decode(raw) if known else None
        if origin is None or said is None:
            self.refused += 1
            return None
        # Only registered names are kept, so the number is bounded. A status without an epoch does not replace the
        # status before it, because that one says how far the journal is.
        earlier = self._waiting.get(origin, [])
        kept = [] if said.epoch is not None else [one for one in earlier if one[0].epoch is not None]
        self._waiting[origin] = [*kept, (said, now())]
        return None if said.epoch is None else (origin, said.epoch)

    def anybody_online(self) -> bool:
        """Whether any terminal claims to be connected to the broker. Raises LedgerError."""
        return any(self._store.select(_ONLINE))

    def flush(self, now_ns: int) -> None:
        """Writes what is due in one commit. Raises LedgerError; then it stays due."""
        if self._flushed_ns is not None and now_ns - self._flushed_ns < FLUSH_NS:
            return
        due = {origin: said for origin, said in self._waiting.items() if self._due(origin, said[-1][0], now_ns)}
        if not due:
            return
        with self._store.batch():
            before = claims(self._store)
            for origin, statuses in due.items():
                for said, heard in statuses:
                    before[origin] = self._lacking(_after(before.get(origin), origin, said, heard))
            self._store.change(_PUT, [_row(before[origin]) for origin in due])
        self._flushed_ns = now_ns
        for origin, statuses in due.items():
            self._written[origin] = statuses[-1][0], now_ns
            del self._waiting[origin]

    def _lacking(self, claim: Claim) -> Claim:
        """The claim with its first missing record. A record that arrived meanwhile is no longer missing."""
        words = (claim.origin.site, claim.origin.terminal, claim.epoch)
        first = max((top for (top,) in self._store.select(_TOP, words)), default=0) + 1
        if claim.epoch is None or claim.head < first:
            return replace(claim, lacking=None, lacking_since=None)
        if claim.lacking == first:
            return claim
        return replace(claim, lacking=first, lacking_since=claim.heard)

    def _due(self, origin: Origin, said: Status, now_ns: int) -> bool:
        last, written_ns = self._written.get(origin, (None, 0))
        changed = last is None or (last.state, last.epoch, last.alarms) != (said.state, said.epoch, said.alarms)
        return changed or now_ns - written_ns >= REFRESH_NS

    def _registered(self, origin: Origin) -> bool:
        return any(self._store.select(_REGISTERED, (origin.site, origin.terminal)))


def claims(store: Store) -> dict[Origin, Claim]:
    """All remembered claims. Raises LedgerError."""
    found = {}
    for row in store.select(_CLAIMS):
        site, terminal, state, since, heard, epoch, head, watermark, alarms, utc, *rest, counters = row
        counted = tuple(json.loads(counters or "{}").items())
        origin = Origin(site, terminal)
        words = tuple(json.loads(alarms))
        where = epoch, head or 0, watermark or 0
        claim = Claim(origin, Presence(state), since, heard, *where, words, utc, *rest)
        found[origin] = replace(claim, counters=counted)
    return found


def _decode(raw: bytes) -> Status | None:
    try:
        return terminal_status.decode(raw)
    except RecordError:
        return None


def _after(before: Claim | None, origin: Origin, said: Status, heard: str) -> Claim:
    """The claim after the status `said`, which was heard at `heard`.

    A terminal that goes offline keeps its last claim. The same status heard by another instance changes nothing. A
    broker that lost its memory may deliver an old status again: it has the same epoch, an earlier time and no
    higher head. A terminal never sends such a status itself, because setting its clock back makes a record.
    """
    if before is None:
        claimed = None if said.epoch is None else heard
        where = said.epoch, said.head, said.watermark
        return Claim(
            origin, said.state, heard, heard, *where, said.alarms, said.utc, claimed, counters=said.counters
        )
    earlier = said.utc is not None and before.utc is not None and said.utc < before.utc
    if earlier and said.epoch == before.epoch and said.head <= before.head:
        return replace(before, alarms=said.alarms)  # the alarms may say that the journal was set back
    repeated = said.state == before.state and (said.utc or before.utc) == before.utc
    since = before.since if said.state == before.state else heard
    after = replace(before, state=said.state, since=since, heard=before.heard if repeated else heard)
    if said.epoch is None:
        return after
    known = (said.epoch, said.head, said.utc) == (before.epoch, before.head, before.utc)
    claimed = before.claimed if known else None if earlier else heard
    after = replace(after, epoch=said.epoch, head=said.head, watermark=said.watermark)
    return replace(after, alarms=said.alarms, utc=said.utc, claimed=claimed, counters=said.counters)


def _row(claim: Claim) -> tuple[object, ...]:
    origin, alarms = claim.origin, json.dumps(claim.alarms)
    head, watermark = (None, None) if claim.epoch is None else (claim.head, claim.watermark)
    when = claim.state, claim.since, claim.heard
    last = claim.claimed, claim.lacking, claim.lacking_since, json.dumps(dict(claim.counters))
    return (origin.site, origin.terminal, *when, claim.epoch, head, watermark, alarms, claim.utc, *last)


_REGISTERED = "SELECT 1 FROM terminals WHERE site = ? AND terminal = ? AND revoked IS NULL LIMIT 1"
_ONLINE = """
SELECT 1 FROM claims JOIN terminals USING (site, terminal) WHERE state = 'online' AND revoked IS NULL LIMIT 1
"""
_TOP = """
SELECT (SELECT max(seq) FROM records WHERE chain = chains.id) AS top FROM chains
JOIN terminals ON terminals.id = chains.terminal WHERE site = ? AND terminals.terminal = ? AND epoch = ?
AND top IS NOT NULL
"""
_COLUMNS = (
    "site, terminal, state, since, heard, epoch, head, watermark, alarms, utc, claimed, lacking, lacking_since, "
    "counters"
)
_CLAIMS = f"SELECT {_COLUMNS} FROM claims"  # noqa: S608 - names of ours
_PUT = f"INSERT OR REPLACE INTO claims ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
