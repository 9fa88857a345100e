"""Registers and revokes the identities of terminals, with the entry in the audit log."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nacl.signing import VerifyKey

from edge.central.authority.acting import Book
from edge.central.broker import revocation_list
from edge.central.broker.issued_certificates import Issued
from edge.central.store.model import RegisteredTerminal, now
from edge.central.store.records import Store
from edge.crypto.dsse import key_id
from edge.domain.protocol.audit_entry import Act
from edge.domain.protocol.record import Origin
from edge.errors import LedgerRefused


@dataclass(frozen=True, slots=True)
class RevokedIdentity:
    """The result of revoking an identity and the certificates of its name."""

    origin: Origin
    gone: list[Issued]
    """The certificates that were revoked with it."""
    listed_in: Path | None
    """The revocation list; None where no certificate was left to revoke."""
    kept: list[Issued]
    """The newest certificate, if another identity of the name is registered."""
    successor: str | None
    """The key id of that other identity."""


def register(store: Store, book: Book, origin: Origin, key: VerifyKey) -> RegisteredTerminal:
    """Registers an identity. One that is registered already makes no entry in the log. Raises LedgerError,
    KeyFileError.
    """
    there = store.terminal(key_id(key)) is not None
    data = {"site": origin.site, "terminal": origin.terminal, "keyid": key_id(key)}
    with contextlib.nullcontext() if there else book.act(Act.IDENTITY_REGISTERED, data):
        return store.register(origin, key)


def require_past(since: str | None) -> None:
    """Refuses a moment in the future (RFC 3339 UTC) from which an identity is to be doubted. Raises
    LedgerRefused.
    """
    if since is not None and since > now():
        raise LedgerRefused(
            f"--since {since}: lies in the future, so that no record would be marked; give the moment from which "
            "on somebody else may have had the key"
        )


def revoke(store: Store, book: Book, keyid: str, since: str | None) -> RevokedIdentity:
    """Revokes an identity and the certificates of its name. The newest certificate stays if another identity has
    the name.

    If nothing is new, no entry is made. Raises LedgerRefused for a key that was never registered.
    """
    terminal = store.terminal(keyid)
    if terminal is None:
        raise LedgerRefused(f"no active identity {keyid}; `smartclocker central terminals` lists them")
    origin, pki = terminal.origin, store.path.parent / "pki"
    successor = _successor(terminal, store.terminals())
    valid = revocation_list.valid(pki, origin.terminal)
    kept = valid[-1:] if successor else []
    gone = [one for one in valid if one not in kept]
    data = {"keyid": terminal.keyid, "site": origin.site, "terminal": origin.terminal, **serials(gone)}
    data |= {} if since is None else {"since": since}
    news = terminal.revoked is None or gone or since is not None
    with book.act(Act.IDENTITY_REVOKED, data) if news else contextlib.nullcontext():
        store.revoke(keyid, since)
        path = revocation_list.revoke(pki, gone) if gone else None
    return RevokedIdentity(origin, gone, path, kept, successor)


def serials(which: Iterable[Issued]) -> dict[str, list[str]]:
    """The serial numbers of certificates, as an entry of the audit log has them."""
    return {"certificates": [f"{one.serial:x}" for one in which]}


def _successor(terminal: RegisteredTerminal, everybody: Iterable[RegisteredTerminal]) -> str | None:
    """The key id of another registered identity of the same name, which took the place of this terminal."""
    active = (one for one in everybody if one.revoked is None and one.keyid != terminal.keyid)
    return next((one.keyid for one in active if one.origin.terminal == terminal.origin.terminal), None)
