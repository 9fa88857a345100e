"""The claim tokens of a centre. Only the hash of each secret is stored: a copy of the file claims nothing."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from edge.central.authority.register import Actor
from edge.central.claims.schema import CLAIMS, CLAIMS_DB, TABLES
from edge.domain.protocol.record import Origin
from edge.domain.time.instant import utc_text
from edge.storage.sqlite_connection import SqliteConnection

LONGEST = timedelta(days=7)
"""The time for which a token counts at most."""
_KEPT = timedelta(days=30)
"""A token that ended is kept for this long, so that whoever comes late hears why it does not count."""
_SLACK = timedelta(hours=1)
"""A clock may be set back by so much, when it is corrected for example, and every token goes on counting."""


@dataclass(frozen=True, slots=True)
class StoredToken:
    """One token, and the terminal that used it."""

    digest: str
    origin: Origin
    """The site and the name that the terminal gets."""
    expires: str
    """RFC 3339 UTC."""
    again: bool
    """Whether the name may have another identity, which this terminal is to succeed."""
    made_by: Actor
    identity: bytes | None
    """The raw public key of the terminal that used the token; None as long as nobody did."""
    tls_key: str | None
    """The hash (hex) of that terminal's TLS key."""
    certificate: str | None
    """The certificate (PEM) that it got."""

    def counts(self, now: datetime) -> bool:
        """Whether the token counts at this moment. One that ends later than a token can is of a clock that was
        ahead, or has ended before the clock was set back.
        """
        after, until = _ends(now)
        return after < self.expires <= until


class TokenStore(SqliteConnection):
    """One connection to `claims.db` of a centre, which is created if it is absent. Every method raises
    LedgerError.
    """

    def __init__(self, base: Path) -> None:
        self.path = base / CLAIMS_DB
        self._db = CLAIMS.open(self.path, TABLES)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps every other writer out: a claim and the removal of the same terminal come one after the other."""
        with CLAIMS.writing(self._db, self.path):
            yield

    def add(self, token: StoredToken) -> None:
        """Stores a new token. The caller holds `alone`."""
        doing, origin = token.made_by, token.origin
        row = (token.digest, origin.site, origin.terminal, token.expires, token.again)
        row_of_maker = (doing.by, doing.why, doing.login)
        self._db.execute(_INSERT, (*row, *row_of_maker))

    def find(self, digest: str) -> StoredToken | None:
        """The token of this hash."""
        with CLAIMS.guard(self.path):
            row = self._db.execute(f"{_TOKENS} WHERE digest = ?", (digest,)).fetchone()
        return None if row is None else _token(row)

    def open_for(self, terminal: str, now: datetime) -> list[StoredToken]:
        """The tokens of a terminal's name that nobody has used and that count at this moment."""
        where = "WHERE terminal = ? AND identity IS NULL AND expires > ? AND expires <= ?"
        with CLAIMS.guard(self.path):
            return [_token(row) for row in self._db.execute(f"{_TOKENS} {where}", (terminal, *_ends(now)))]

    def any_counts(self, now: datetime) -> bool:
        """Whether a token counts at this moment, also for the terminal that used it already."""
        with CLAIMS.guard(self.path):
            query = "SELECT 1 FROM tokens WHERE expires > ? AND expires <= ? LIMIT 1"
            return self._db.execute(query, _ends(now)).fetchone() is not None

    def bind(self, digest: str, identity: bytes, tls_key: str) -> bool:
        """Notes that this terminal uses the token; durable on return. False if another one did, or it is gone."""
        update = "UPDATE tokens SET identity = ?, tls_key = ? WHERE digest = ? AND identity IS NULL"
        with CLAIMS.writing(self._db, self.path):
            self._db.execute(update, (identity, tls_key, digest))
            query = "SELECT identity, tls_key FROM tokens WHERE digest = ?"
            return bool(self._db.execute(query, (digest,)).fetchone() == (identity, tls_key))

    def keep_certificate(self, digest: str, certificate: str) -> None:
        """Stores the certificate of a claim. The caller holds `alone`."""
        self._db.execute("UPDATE tokens SET certificate = ? WHERE digest = ?", (certificate, digest))

    def withdraw(self, terminal: str, site: str | None = None) -> int:
        """Deletes every token of a terminal's name, or only those of a site; returns how many. The caller holds
        `alone`.
        """
        query = "DELETE FROM tokens WHERE terminal = ? AND site = coalesce(?, site)"
        return self._db.execute(query, (terminal, site)).rowcount

    def forget(self, now: datetime) -> None:
        """Deletes the tokens that ended a month ago, and those that end later than a token can, which would count
        again one day. The caller holds `alone`.
        """
        _, until = _ends(now)
        self._db.execute("DELETE FROM tokens WHERE expires < ? OR expires > ?", (utc_text(now - _KEPT), until))


_INSERT = (
    "INSERT INTO tokens (digest, site, terminal, expires, again, by, why, login) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_TOKENS = (
    "SELECT digest, site, terminal, expires, again, by, why, login, identity, tls_key, certificate FROM tokens"
)


def _ends(now: datetime) -> tuple[str, str]:
    """The instants (RFC 3339 UTC) between which a token ends that counts at this moment."""
    return utc_text(now), utc_text(now + LONGEST + _SLACK)


def _token(row: tuple[Any, ...]) -> StoredToken:
    digest, site, terminal, expires, again, by, why, login, *used = row
    return StoredToken(digest, Origin(site, terminal), expires, bool(again), Actor(by, why, login), *used)
