"""The authority's key in the centre's directory: made once, replaced with an overlap, and safe against
interruptions.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from nacl.signing import SigningKey

from edge.central.authority import lock
from edge.central.authority.register import Actor, OrderRegister
from edge.crypto.dsse import key_id
from edge.crypto.key_files import create_identity, load_identity, public_pem
from edge.domain.protocol.audit_entry import Act
from edge.domain.protocol.order import Order
from edge.domain.time.instant import utc_text
from edge.errors import KeyFileError
from edge.storage import durable_file
from edge.storage.durable_file import sync_directory

KEY, PUBLIC, NEXT, DB = "authority.key", "authority.pem", "authority-next.key", "authority.db"
ROTATION_VALID = timedelta(days=92)
"""Longest validity of a rotation order."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """The result of a rotation."""

    keyid: str
    until: str
    """The old key is valid before this instant (RFC 3339 UTC)."""
    orders: list[Order]


def init(directory: Path, doing: Actor) -> SigningKey:
    """Makes the key, its public half and the first entry of the log. Existing ones are kept. Raises
    KeyFileError.
    """
    path = directory / KEY
    with lock.held(directory):
        if not path.exists() and not (directory / NEXT).exists():
            if left := next((name for name in (DB, PUBLIC) if (directory / name).exists()), None):
                raise KeyFileError(f"{path}: gone, but {left} is there; restore it from your backup")
            create_identity(path)
        if path.exists():
            key = load_identity(path)
            with_log = (directory / PUBLIC).exists()  # the public half is written after the log's first entry
            if with_log and not (directory / DB).exists():
                raise _lost(directory)
            with OrderRegister(directory / DB) as registry:
                if not registry.entries():
                    if with_log:
                        raise _lost(directory)
                    registry.enter(key, doing, Act.AUTHORITY_MADE, {"key": _public(key)})
        key = in_force(directory)
        _write_public(directory, key)
    return key


def load(directory: Path) -> SigningKey:
    """The key in force, for reading. To sign, open the authority (`edge.central.authority.acting`).

    Raises KeyFileError, LedgerError.
    """
    refuse_none(directory)
    with lock.held(directory):
        return in_force(directory)


def in_force(directory: Path) -> SigningKey:
    """The key in force. The caller holds the lock. A rotation that was interrupted is finished first.

    A new key that the log does not name stays where it is; the next rotation puts it aside.
    """
    refuse_none(directory)
    following = directory / NEXT
    if following.exists():
        new = load_identity(following)
        with OrderRegister(directory / DB) as registry:
            named = registry.last_key()
        if named == _public(new):
            _replace(directory, new)
    if not (directory / KEY).exists():
        raise KeyFileError(f"{directory / KEY}: gone; restore it from your backup, with {DB} of the same time")
    return load_identity(directory / KEY)


def rotate(
    directory: Path, doing: Actor, sites: Mapping[str, Sequence[str]], *, overlap: timedelta, start: datetime
) -> Rotated:
    """Announces a new key to the terminals of these sites and uses it from now on. Raises KeyFileError,
    LedgerError.
    """
    refuse_none(directory)
    with lock.held(directory):
        old = in_force(directory)
        _put_aside(directory / NEXT)
        new = create_identity(directory / NEXT)
        begins, ends = utc_text(start), utc_text(datetime.now(UTC) + overlap)
        fields = {"key": _public(new), "from": begins, "until": ends}
        valid = min(ROTATION_VALID, overlap)
        with OrderRegister(directory / DB) as registry:
            registry.settle(old)
            made = registry.rotate(old, new, doing, sites, fields, valid)
        _replace(directory, new)
    return Rotated(key_id(new.verify_key), ends, made)


def refuse_none(directory: Path) -> None:
    """Raises KeyFileError if there is no authority in `directory`."""
    path = directory / KEY
    if not path.exists() and not (directory / NEXT).exists():
        if (directory / DB).exists():
            raise KeyFileError(f"{path}: gone, but {DB} is there; restore both from one backup")
        raise KeyFileError(
            f"{path}: there is no authority here; correct DIR, or make one with "
            "`smartclocker central authority init DIR`"
        )
    if not (directory / DB).exists():  # an empty log must not take its place
        if (directory / PUBLIC).exists():
            raise _lost(directory)
        raise KeyFileError(f"{path}: its log was not begun; give `smartclocker central authority init DIR` again")


def _lost(directory: Path) -> KeyFileError:
    return KeyFileError(
        f"{directory / DB}: the audit log and the orders are gone, and {KEY} is there; restore the file from your "
        f"backup. If there is no backup, move {KEY}, {PUBLIC} and {DB} away, make another authority and pin it "
        "at every terminal: they take no order with a number that was used before"
    )


def _put_aside(following: Path) -> None:
    """Renames the key of a rotation that was never announced. It is kept under its id: no private key is ever
    deleted.
    """
    if following.exists():
        unused = load_identity(following)
        following.replace(following.with_name(f"authority-unused-{key_id(unused.verify_key)}.key"))
        sync_directory(following.parent)


def _replace(directory: Path, new: SigningKey) -> None:
    """Puts the new key in force. The old key is kept under its id, because its public half verifies what it
    signed.
    """
    path = directory / KEY
    if path.exists():
        old = load_identity(path)
        path.replace(directory / f"authority-{key_id(old.verify_key)}.key")
    (directory / NEXT).replace(path)
    sync_directory(directory)
    _write_public(directory, new)


def _write_public(directory: Path, key: SigningKey) -> None:
    durable_file.replace(directory / PUBLIC, public_pem(key.verify_key).encode("ascii"), KeyFileError, mode=0o644)


def _public(key: SigningKey) -> str:
    return base64.b64encode(bytes(key.verify_key)).decode()
