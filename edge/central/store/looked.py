"""What was heard of a revoked key, or of an instance of the ledger that is gone, and a person has looked into.

It counts up to the moment at which it was said: whoever is heard again later is named again by `gaps`.
"""

from edge.central.store.acknowledged import OperatorAcknowledgement, require_words
from edge.central.store.model import now
from edge.central.store.records import Store
from edge.domain.protocol.record import Origin
from edge.errors import LedgerRefused

UNNAMED = "-"
"""How the ledger that runs without --instance is called on the command line."""


def acknowledge_key(store: Store, origin: Origin, keyid: str, by: str, why: str) -> None:
    """What was heard of this revoked key under this name until now is looked into.

    Raises LedgerError where there is nothing to say.
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
    """This instance does not come back; one that runs again, and dies again, is named again.

    Raises LedgerError for one that never ran.
    """
    require_words(by, why)
    for (beat,) in store.select("SELECT beat FROM services WHERE instance = ?", (_stored(instance),)):
        with store.batch():
            store.change(_ADD, [(None, None, None, _stored(instance), beat, now(), by, why)])
        return
    raise LedgerRefused(f"{instance}: no instance of the ledger that ran is called so; `central gaps` names them")


def undo_key(store: Store, origin: Origin, keyid: str, by: str, why: str) -> None:
    """`gaps` says it again; what was said stays listed. Raises LedgerError where nothing stands."""
    require_words(by, why)
    if (origin, keyid) not in keys(store):
        raise LedgerRefused(
            f"{keyid}: was not acknowledged; `smartclocker central gaps DIR --acknowledged` lists all"
        )
    with store.batch():
        store.change(_UNDO_KEY, [(now(), by, why, origin.site, origin.terminal, keyid)])


def undo_instance(store: Store, instance: str, by: str, why: str) -> None:
    """The same of an instance."""
    require_words(by, why)
    if _stored(instance) not in instances(store):
        raise LedgerRefused(
            f"{instance}: was not acknowledged; `smartclocker central gaps DIR --acknowledged` lists all"
        )
    with store.batch():
        store.change(_UNDO_INSTANCE, [(now(), by, why, _stored(instance))])


def keys(store: Store) -> dict[tuple[Origin, str], str]:
    """Until when somebody has looked into a key under a name (RFC 3339 UTC). Raises LedgerError."""
    return {(Origin(site, name), keyid): upto for site, name, keyid, upto in store.select(_KEYS)}


def instances(store: Store) -> dict[str, str]:
    """The last beat of each instance that is not to come back. Raises LedgerError."""
    return dict(store.select(_INSTANCES))


def listed(store: Store) -> list[OperatorAcknowledgement]:
    """All that was ever said, and taken back. Raises LedgerError."""
    found = []
    for site, name, keyid, instance, at, by, why, undone, undone_by, undone_why in store.select(_LISTED):
        origin = None if site is None else Origin(site, name)
        called = None if instance is None else instance or UNNAMED
        back = undone, undone_by, undone_why
        found.append(OperatorAcknowledgement(origin, None, at, by, why, *back, keyid, called))
    return found


def is_heard(store: Store, origin: Origin, keyid: str) -> bool:
    """Whether `gaps` may say anything of this key under this name: it was revoked, and somebody spoke."""
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
