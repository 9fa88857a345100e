"""Who publishes and is not registered: nothing of it is stored, and nobody would know why a terminal waits.

Names and key ids are what a message says of itself; nothing here was verified. All of it is bounded.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from edge.central.findings import Finding, Kind
from edge.central.rows import Terminal, now
from edge.central.store import Store
from edge.central.verdicts import Reason
from edge.domain import presence, topics
from edge.domain.records import NAME, Origin
from edge.errors import RecordError
from edge.journal import envelope

OF_STRANGERS = frozenset({Reason.UNKNOWN_KEY, Reason.REVOKED, Reason.FOREIGN_KEY})
"""Why a message is refused for who it is of."""
REFRESH_NS = 60_000_000_000
FLUSH_NS = 1_000_000_000
RECENT = timedelta(hours=24)
"""Who was not heard for so long is no longer said."""
FRESH = timedelta(minutes=10)
"""A terminal says its status each minute, with the time by its clock."""
_MOST = 256
"""Names that are remembered."""


class Strangers:
    """Those that one ledger hears, on its thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[Origin, str | None] = {}
        self._written: dict[Origin, int] = {}
        self._flushed_ns: int | None = None

    def hear(self, topic: str, raw: bytes) -> None:
        """A message that was refused for who it is of."""
        origin = topics.origin_of(topic)
        if origin is None or not (NAME.fullmatch(origin.site) and NAME.fullmatch(origin.terminal)):
            return
        if origin in self._waiting or len(self._waiting) < _MOST:
            self._waiting[origin] = _keyid(raw) or self._waiting.get(origin)

    def hear_status(self, topic: str, raw: bytes) -> None:
        """A status of nobody who is registered; what a broker retains of long ago says nothing of now."""
        try:
            said = presence.decode(raw)
        except RecordError:
            return
        if said.utc is not None and abs(datetime.fromisoformat(said.utc) - datetime.fromisoformat(now())) < FRESH:
            self.hear(topic, raw)

    def flush(self, now_ns: int) -> None:
        """Write what is due: of a name once a minute, and all of it once a second at most. Raises LedgerError."""
        if self._flushed_ns is not None and now_ns - self._flushed_ns < FLUSH_NS:
            return
        due = {one: keyid for one, keyid in self._waiting.items() if self._due(one, now_ns)}
        if not due:
            return
        with self._store.batch():
            self._store.change("DELETE FROM strangers WHERE last < ?", [(_before(RECENT),)])
            known = {Origin(*row) for row in self._store.select("SELECT site, terminal FROM strangers")}
            fresh = [one for one in due if one not in known][: max(0, _MOST - len(known))]
            rows = [(one.site, one.terminal, due[one], now(), now()) for one in due if one in known or one in fresh]
            self._store.change(_PUT, rows)
        self._flushed_ns = now_ns
        if len(self._written) >= 2 * _MOST:
            self._written.clear()
        for one in due:
            self._written[one] = now_ns
            del self._waiting[one]

    def _due(self, origin: Origin, now_ns: int) -> bool:
        written_ns = self._written.get(origin)
        return written_ns is None or now_ns - written_ns >= REFRESH_NS


def found(store: Store, terminals: Sequence[Terminal], at: datetime) -> Iterator[Finding]:
    """Those that were heard lately and are not registered by now."""
    for site, name, keyid, last in store.select("SELECT site, terminal, keyid, last FROM strangers"):
        origin = Origin(site, name)
        active = {one.keyid for one in terminals if one.origin == origin and one.revoked is None}
        revoked = {one.keyid for one in terminals if one.revoked is not None}
        if at - datetime.fromisoformat(last) >= RECENT or (keyid in active if keyid else active):
            continue
        stored = "nothing of it is stored or receipted"
        its_own = any(one.origin == origin and one.revoked is not None for one in terminals)
        if keyid in revoked or (keyid is None and its_own):
            what = f"with the key {keyid}, which was" if keyid else "its status, and its identity was"
            text = f"publishes {what} revoked: {stored}; give it a new identity, or stop it"
        else:
            what = f"with the key {keyid}, which is not registered for it" if keyid else "and is not registered"
            text = (
                f"publishes {what}: {stored}. Where it is yours, `smartclocker central register DIR {site} {name} "
                "PEM`; else revoke its certificate"
            )
        yield Finding(origin, Kind.UNREGISTERED, text, since=last)


def _keyid(raw: bytes) -> str | None:
    try:
        return envelope.parse(raw).keyid
    except RecordError:
        return None


def _before(ago: timedelta) -> str:
    at = datetime.fromisoformat(now()) - ago
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_PUT = """
INSERT INTO strangers (site, terminal, keyid, first, last) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (site, terminal) DO UPDATE SET keyid = coalesce(excluded.keyid, keyid), last = excluded.last
"""
