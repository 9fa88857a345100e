"""Acknowledgements of what was heard of a revoked key, and of instances of the ledger that are gone.

An acknowledgement counts up to the moment at which it was given. If the key or the instance is heard again later,
`gaps` reports it again.
"""

from edge.central.store.acknowledged import OperatorAcknowledgement, require_words
from edge.central.store.model import now
from edge.central.store.records import Store
from edge.domain.protocol.record import Origin
from edge.errors import LedgerRefused

UNNAMED = "-"
"""Name on the command line of the ledger that runs without --instance."""


def acknowledge_key(store: Store, origin: Origin, keyid: str, by: str, why: str) -> None:
    """Acknowledges everything that was heard of this revoked key under this name until now.

    Raises LedgerError if nothing was heard.
    """
    require_words(by, why)
    if not is_heard(store, origin, keyid):
        raise LedgerRefused(
            f"{origin.site}/{origin.terminal}: nothing of a revoked key {keyid}, and no epoch {keyid}, is here; "
            "`smartclocker central gaps` and `smartclocker central terminals` name them"
        )
    at = now()
    with store.batch():
        store.change(_ADD, [(origin.site, origin.terminal, keyid, None, at, at, by, why)])


def acknowledge_instance(store: Store, instance: str, by: str, why: str) -> None:
    """Acknowledges that this instance does not come back. If it runs again and then stops again, `gaps` reports it
    again.

    Raises LedgerError for an instance that never ran.
    """
    require_words(by, why)
    for (beat,) in store.select("SELECT beat FROM services WHERE instance = ?", (_stored(instance),)):
        with store.batch():
            store.change(_ADD, [(None, None, None, _stored(instance), beat, now(), by, why)])
        return
    raise LedgerRefused(f"{instance}: no instance of the ledger that ran is called so; `central gaps` names them")


def undo_key(store: Store, origin: Origin, keyid: str, by: str, why: str) -> None:
    """Undoes an acknowledgement: `gaps` reports the key again, and the acknowledgement stays listed.

    Raises LedgerError if the key is not acknowledged.
    """
    require_words(by, why)
    if (origin, keyid) not in keys(store):
        raise LedgerRefused(
            f"{keyid}: was not acknowledged; `smartclocker central gaps DIR --acknowledged` lists all"
        )
    with store.batch():
        store.change(_UNDO_KEY, [(now(), by, why, origin.site, origin.terminal, keyid)])


def undo_instance(store: Store, instance: str, by: str, why: str) -> None:
    """Undoes the acknowledgement of an instance, as `undo_key` does for a key."""
    require_words(by, why)
    if _stored(instance) not in instances(store):
        raise LedgerRefused(
            f"{instance}: was not acknowledged; `smartclocker central gaps DIR --acknowledged` lists all"
        )
    with store.batch():
        store.change(_UNDO_INSTANCE, [(now(), by, why, _stored(instance))])


def keys(store: Store) -> dict[tuple[Origin, str], str]:
    """For each name and key, the instant (RFC 3339 UTC) up to which it is acknowledged. Raises LedgerError."""
    return {(Origin(site, name), keyid): upto for site, name, keyid, upto in store.select(_KEYS)}


def instances(store: Store) -> dict[str, str]:
    """For each instance that is acknowledged as gone, its last heartbeat. Raises LedgerError."""
    return dict(store.select(_INSTANCES))


def listed(store: Store) -> list[OperatorAcknowledgement]:
    """All acknowledgements of keys and instances, including those that were undone. Raises LedgerError."""
    found = []
    for site, name, keyid, instance, at, by, why, undone, undone_by, undone_why in store.select(_LISTED):
        origin = None if site is None else Origin(site, name)
        called = None if instance is None else instance or UNNAMED
        back = undone, undone_by, undone_why
        found.append(OperatorAcknowledgement(origin, None, at, by, why, *back, keyid, called))
    return found


def is_heard(store: Store, origin: Origin, keyid: str) -> bool:
    """Whether `gaps` may report this key under this name: it was revoked, and somebody used it or the name."""
    its = [one for one in store.terminals() if one.keyid == keyid and one.revoked is not None]
    if not its:
        return False
    place = origin.site, origin.terminal
    strangers = store.select("SELECT keyid FROM strangers WHERE site = ? AND terminal = ?", place)
    if any(known == keyid or (known is None and its[0].origin == origin) for (known,) in strangers):
        return True
    return any(store.select(_CLAIMED, (*place, its[0].id)))


def _stored(instance: str) -> str:
    return "" if instance == UNNAMED else instance


_ADD = """
INSERT INTO looked_into (site, terminal, keyid, instance, upto, at, by, why) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_UNDO = "UPDATE looked_into SET undone = ?, undone_by = ?, undone_why = ? WHERE undone IS NULL AND "
_UNDO_KEY = f"{_UNDO} site = ? AND terminal = ? AND keyid = ?"
_UNDO_INSTANCE = f"{_UNDO} instance = ?"
_KEYS = """
SELECT site, terminal, keyid, max(upto) FROM looked_into WHERE undone IS NULL AND keyid IS NOT NULL
GROUP BY site, terminal, keyid
"""
_INSTANCES = "SELECT instance, upto FROM looked_into WHERE undone IS NULL AND instance IS NOT NULL ORDER BY id"
_LISTED = """
SELECT site, terminal, keyid, instance, at, by, why, undone, undone_by, undone_why FROM looked_into ORDER BY id
"""
_CLAIMED = """
SELECT 1 FROM claims JOIN chains USING (epoch) WHERE site = ? AND claims.terminal = ? AND chains.terminal = ?
"""
