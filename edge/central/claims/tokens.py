"""Making a claim token for a terminal that is to come."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_bytes

from edge.central.authority.acting import Book
from edge.central.authority.register import Actor
from edge.central.broker import acl
from edge.central.claims import server_certificate
from edge.central.claims.token_store import LONGEST, StoredToken, TokenStore
from edge.central.setup import LEDGER_DB
from edge.central.store.records import Store
from edge.domain.claim.token import SECRET_BYTES, ClaimToken, pin_of
from edge.domain.protocol.audit_entry import Act
from edge.domain.protocol.record import Origin
from edge.domain.time.instant import utc_text
from edge.errors import LedgerRefused

SHORTEST = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class MadeToken:
    """A token that was just made. Its text is nowhere else."""

    token: ClaimToken
    expires: str
    """RFC 3339 UTC."""
    replaced: int
    """Earlier tokens of the name, which count no more."""


def make_token(base: Path, book: Book, doing: Actor, origin: Origin, valid: timedelta, *, again: bool) -> MadeToken:
    """Makes a token by which one terminal becomes `origin`.

    `again` allows a name that has an identity or an open token. Raises LedgerRefused, LedgerError, KeyFileError.
    """
    if not SHORTEST <= valid <= LONGEST:
        raise LedgerRefused("a token counts for 1m at least and 7d at most; give --valid in between")
    certificate = server_certificate.der(server_certificate.ensure(base))
    refuse_unserved(base, origin)
    now = datetime.now(UTC)
    with TokenStore(base) as tokens, tokens.alone():
        waiting = tokens.open_for(origin.terminal, now)
        refuse_taken(base, origin, again=again)
        if waiting and not again:
            raise LedgerRefused(
                f"{origin.terminal}: a token for this name is open until {waiting[0].expires}; use that one, or "
                "give --again, which ends it"
            )
        token = ClaimToken(token_bytes(SECRET_BYTES), pin_of(certificate))
        expires = utc_text(now + valid)
        data = {"site": origin.site, "terminal": origin.terminal, "expires": expires}
        with book.act(Act.CLAIM_OPENED, data):
            tokens.forget(now)
            if waiting:
                tokens.withdraw(origin.terminal)
            tokens.add(StoredToken(token.digest, origin, expires, again, doing, None, None, None))
    return MadeToken(token, expires, len(waiting))


def refuse_other_site(store: Store, origin: Origin) -> None:
    """Raises LedgerRefused if a terminal of another site has the name."""
    others = {one.origin.site for one in store.terminals() if one.origin.terminal == origin.terminal}
    if others and origin.site not in others:
        raise LedgerRefused(
            f"{origin.terminal}: a terminal of {min(others)} has this name, by which records are known; choose "
            f"another, such as {origin.site}-{origin.terminal}"
        )


def refuse_taken(base: Path, origin: Origin, *, again: bool, but: str | None = None) -> None:
    """Raises LedgerRefused if a terminal of another site has the name, or another identity than `but` (a key id).

    `again` allows another identity of the same site.
    """
    if not (base / LEDGER_DB).exists():
        return
    with Store(base / LEDGER_DB) as store:
        refuse_other_site(store, origin)
        active = [
            one for one in store.terminals() if one.revoked is None and one.origin == origin and one.keyid != but
        ]
    if active and not again:
        raise LedgerRefused(
            f"{origin.site}/{origin.terminal}: the identity {active[-1].keyid} has this name; choose another, or "
            "give --again if this terminal takes its place (docs/operations.md, a new identity)"
        )


def refuse_unserved(base: Path, origin: Origin) -> None:
    """Raises LedgerRefused for a site that the broker does not serve: such a terminal could never send."""
    try:
        served = acl.sites_of((base / "acl").read_text(encoding="utf-8"))
    except (OSError, UnicodeError):
        return  # a broker that others look after
    if origin.site not in served:
        raise LedgerRefused(
            f"{origin.site}: the broker serves no such site, only {', '.join(served) or 'none'}; correct it, or "
            f"`smartclocker central init {base} --site {origin.site}`"
        )
