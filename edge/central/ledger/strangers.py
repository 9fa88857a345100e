"""Remembers senders that are not registered. Nothing of them is stored, and `central gaps` says why their records
do not arrive.

Names and key ids are unverified claims of the messages. The number of remembered names is bounded.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from edge.central.store import looked
from edge.central.store.findings import Problem, ProblemKind
from edge.central.store.model import RegisteredTerminal, RejectReason, now
from edge.central.store.records import Store
from edge.crypto import dsse
from edge.domain.protocol import terminal_status, topics
from edge.domain.protocol.fields import NAME
from edge.domain.protocol.record import Origin
from edge.domain.time.instant import utc_text
from edge.errors import RecordError

OF_STRANGERS = frozenset({RejectReason.UNKNOWN_KEY, RejectReason.REVOKED, RejectReason.FOREIGN_KEY})
"""The reasons of rejection that concern the sender of a message."""
REFRESH_NS = 60_000_000_000
FLUSH_NS = 1_000_000_000
RECENT = timedelta(hours=24)
"""A sender that was not heard for this long is no longer reported."""
FRESH = timedelta(minutes=10)
"""A status whose time is further than this from the ledger's clock is ignored. A terminal publishes its status each
minute, with the time by its own clock.
"""
STORED = "nothing of it is stored or receipted"
_MOST = 256
"""Number of names that are remembered at most."""


class Strangers:
    """Collects the unregistered senders that one ledger hears, on its thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[Origin, tuple[str | None, str]] = {}
        self._written: dict[Origin, int] = {}
        self._flushed_ns: int | None = None

    def hear(self, topic: str, raw: bytes) -> None:
        """Notes a message that was rejected because of its sender."""
        origin = topics.origin_of(topic)
        if origin is None or not (NAME.fullmatch(origin.site) and NAME.fullmatch(origin.terminal)):
            return
        if origin in self._waiting or len(self._waiting) < _MOST:
            before, _ = self._waiting.get(origin, (None, ""))
            self._waiting[origin] = _keyid(raw) or before, now()

    def hear_status(self, topic: str, raw: bytes) -> None:
        """Notes a status of a name that is not registered. An old status that the broker retained is ignored."""
        try:
            said = terminal_status.decode(raw)
        except RecordError:
            return
        if said.utc is not None and abs(datetime.fromisoformat(said.utc) - datetime.fromisoformat(now())) < FRESH:
            self.hear(topic, raw)

    def flush(self, now_ns: int) -> None:
        """Writes what is due: each name at most once a minute, and nothing more often than once a second.

        Raises LedgerError.
        """
        if self._flushed_ns is not None and now_ns - self._flushed_ns < FLUSH_NS:
            return
        due = {one: heard for one, heard in self._waiting.items() if self._due(one, now_ns)}
        if not due:
            return
        with self._store.batch():
            self._store.change("DELETE FROM strangers WHERE last < ?", [(_before(RECENT),)])
            known = {Origin(*row) for row in self._store.select("SELECT site, terminal FROM strangers")}
            fresh = [one for one in due if one not in known][: max(0, _MOST - len(known))]
            kept = [(one, *due[one]) for one in due if one in known or one in fresh]
            rows = [(one.site, one.terminal, keyid, heard, heard) for one, keyid, heard in kept]
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


def found(store: Store, terminals: Sequence[RegisteredTerminal], at: datetime) -> Iterator[Problem]:
    """A problem for each sender that was heard lately, is not registered by now, and was not acknowledged since."""
    done = looked.keys(store)
    for site, name, keyid, last in store.select("SELECT site, terminal, keyid, last FROM strangers"):
        origin = Origin(site, name)
        active = [one for one in terminals if one.origin == origin and one.revoked is None]
        known = {one.keyid for one in active}
        if at - datetime.fromisoformat(last) >= RECENT or (keyid in known if keyid else active):
            continue
        revoked = _revoked(terminals, origin, keyid)
        if revoked is None:
            what = f"with the key {keyid}, which is not registered for it" if keyid else "and is not registered"
            text = (
                f"publishes {what}: {STORED}. If it is yours, `smartclocker central register DIR {site} {name} "
                "PEM`; otherwise revoke its certificate"
            )
        elif last <= done.get((origin, revoked.keyid), "") or (
            revoked.origin == origin and _spoke_since(store, active, last)
        ):
            continue
        else:
            what = f"with the key {keyid}, which was" if keyid else "its status, and its identity was"
            text = f"published {what} revoked: {STORED}; {cure(origin, revoked.keyid, last)}"
        yield Problem(origin, ProblemKind.UNREGISTERED, text, since=last)


def cure(origin: Origin, keyid: str, last: str) -> str:
    """The text that says what to do about a revoked key that was heard at `last`."""
    return (
        f"last heard at {last}. Stop it, or give it a new identity (docs/operations.md), and see that its "
        "certificate is revoked, too. This is reported for 24 h after that moment, unless the new identity speaks "
        f"later, or `smartclocker central acknowledge DIR {origin.site}/{origin.terminal} {keyid} --why TEXT` "
        "ends it; if the key is heard again, it is reported again"
    )


def _revoked(
    terminals: Sequence[RegisteredTerminal], origin: Origin, keyid: str | None
) -> RegisteredTerminal | None:
    """The revoked identity that spoke: the one with this key; without a key the newest one of this name."""
    gone = [one for one in terminals if one.revoked is not None]
    fitting = [one for one in gone if (one.keyid == keyid if keyid else one.origin == origin)]
    return max(fitting, key=lambda one: one.id, default=None)


def _spoke_since(store: Store, active: Sequence[RegisteredTerminal], last: str) -> bool:
    """Whether another identity has taken the place: its first record came after the revoked one was last heard.

    If both spoke during the same time, two machines use the name, and the revoked identity stays reported.
    """
    for one in active:
        chains = [number for (number,) in store.select("SELECT id FROM chains WHERE terminal = ?", (one.id,))]
        first = min((received for chain in chains for (received,) in store.select(_FIRST, (chain,))), default="")
        if first > last:
            return True
    return False


def _keyid(raw: bytes) -> str | None:
    try:
        return dsse.parse(raw).keyid
    except RecordError:
        return None


def _before(ago: timedelta) -> str:
    at = datetime.fromisoformat(now()) - ago
    return utc_text(at)


_FIRST = "SELECT received FROM records WHERE id = (SELECT min(id) FROM records WHERE chain = ?)"
_PUT = """
INSERT INTO strangers (site, terminal, keyid, first, last) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (site, terminal) DO UPDATE SET keyid = coalesce(excluded.keyid, keyid), last = excluded.last
"""
