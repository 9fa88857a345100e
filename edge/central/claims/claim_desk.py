"""Carries out the claim of a terminal: the same acts as `central register` and `central issue`.

First the token is bound to the two keys of the terminal; that is durable. All later steps can be repeated: when a
terminal lost the answer, or the server was killed, the claim is made again and ends with the same identity and
certificate.
"""

import base64
import binascii
import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from edge.central.authority import acting, identities
from edge.central.authority.acting import Book
from edge.central.broker import certificates
from edge.central.claims import certificate_request
from edge.central.claims.certificate_request import CheckedRequest
from edge.central.claims.outfit import outfit
from edge.central.claims.token_store import StoredToken, TokenStore
from edge.central.claims.tokens import refuse_other_site
from edge.central.roster.schema import ROSTER_DB
from edge.central.setup import LEDGER_DB, allow_terminals
from edge.central.store.records import Store
from edge.crypto import curve_points
from edge.crypto.dsse import key_id
from edge.domain.claim.messages import ClaimAnswer, ClaimRequest, Refusal, proof
from edge.domain.plural import command
from edge.domain.protocol.audit_entry import Act
from edge.domain.protocol.record import Origin
from edge.errors import LedgerRefused, SmartClockerError

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Claimant:
    """A terminal that proved both of its keys."""

    identity: VerifyKey
    request: CheckedRequest

    @property
    def keys(self) -> tuple[bytes, str]:
        """The two keys, as a token stores them."""
        return bytes(self.identity), self.request.key_hash


class ClaimDesk:
    """Answers claims, one after the other, whichever thread asks."""

    def __init__(self, base: Path, certificate: bytes) -> None:
        """`certificate` is the claim server's (DER)."""
        self._base = base
        self._certificate = certificate
        self._turn = threading.Lock()

    def answer(self, request: ClaimRequest, nonce: bytes) -> ClaimAnswer | Refusal:
        """The answer to a request that came in a conversation with this nonce. Errors are logged."""
        with self._turn:
            try:
                return self._answer(request, nonce)
            except SmartClockerError as error:
                _LOG.error("a claim could not be answered: %s", error)
            except Exception:  # noqa: BLE001 - this claim fails, the server goes on
                _LOG.exception("a claim could not be answered")
            return Refusal.FAILED

    def _answer(self, request: ClaimRequest, nonce: bytes) -> ClaimAnswer | Refusal:
        with TokenStore(self._base) as tokens:
            token = tokens.find(request.digest)
            if token is None:
                return Refusal.TOKEN_UNKNOWN
            claimant = self._proven(request, nonce)
            if claimant is None:
                return Refusal.MALFORMED
            refused = _refused_token(token, claimant) or self._refused_name(token, claimant.identity)
            if refused is not None:
                return refused
            if not tokens.bind(token.digest, *claimant.keys):
                return Refusal.TOKEN_USED
            return self._take_in(tokens, token, claimant)

    def _proven(self, request: ClaimRequest, nonce: bytes) -> _Claimant | None:
        """The keys of which the request proves possession; None if it does not."""
        identity = VerifyKey(base64.b64decode(request.identity))
        signed = proof(request.digest, request.csr, self._certificate, nonce)
        try:
            identity.verify(signed, base64.b64decode(request.signature))
            checked = certificate_request.check(request.csr)
        except (BadSignatureError, ValueError, binascii.Error):
            return None
        return _Claimant(identity, checked) if curve_points.is_key(identity) else None

    def _refused_name(self, token: StoredToken, identity: VerifyKey) -> Refusal | None:
        """The reason for which this identity cannot have the token's name now."""
        origin, again = token.origin, token.again
        with Store(self._base / LEDGER_DB) as store:
            there = store.terminal(key_id(identity))
            if there is not None and (there.origin != origin or there.revoked is not None):
                return Refusal.KEY_REFUSED
            others = [one for one in store.terminals() if one.origin == origin and one.keyid != key_id(identity)]
            if not again and any(one.revoked is None for one in others):
                return Refusal.NAME_TAKEN
            try:
                refuse_other_site(store, origin)
            except LedgerRefused:
                return Refusal.NAME_TAKEN
        return None

    def _take_in(self, tokens: TokenStore, token: StoredToken, claimant: _Claimant) -> ClaimAnswer | Refusal:
        with acting.book_of(self._base, token.made_by) as book, tokens.alone():
            now = tokens.find(token.digest)  # somebody may have removed the terminal meanwhile
            if now is None:
                return Refusal.TOKEN_UNKNOWN
            refused = self._refused_name(now, claimant.identity)  # or given its name to another one
            if refused is not None:
                return refused
            answer = self._outfitted(tokens, now, claimant, book)
        allowed = allow_terminals(self._base)
        self._say(token.origin, claimant.identity, allowed)
        return answer

    def _outfitted(self, tokens: TokenStore, token: StoredToken, claimant: _Claimant, book: Book) -> ClaimAnswer:
        origin = token.origin
        with Store(self._base / LEDGER_DB) as store:
            identities.register(store, book, origin, claimant.identity)
        certificate = token.certificate
        if certificate is None:
            with book.act(Act.CERTIFICATE_ISSUED, {"name": origin.terminal}):
                certificate = certificates.issue_for_key(self._base / "pki", origin.terminal, claimant.request.key)
            tokens.keep_certificate(token.digest, certificate)
        return outfit(self._base, origin, certificate)

    def _say(self, origin: Origin, identity: VerifyKey, allowed: list[Origin] | None) -> None:
        """Logs what is to be done next; `allowed` are the terminals of the ACL where it was changed."""
        _LOG.info("%s/%s is claimed by the key %s", origin.site, origin.terminal, key_id(identity))
        if sum(one.site == origin.site for one in allowed or ()) > 1:
            into = command("central", "broker", self._base, "/etc/smartclocker/broker", root=True)
            _LOG.info("next: `%s`, `systemctl reload mosquitto`: the site's doors read each other", into)
        if (self._base / ROSTER_DB).exists():
            publish = command("central", "roster", "publish", self._base)
            _LOG.info("next: `%s`: it gives the terminal its people", publish)


def _refused_token(token: StoredToken, claimant: _Claimant) -> Refusal | None:
    """The reason for which the token does not count for this terminal."""
    if not token.counts(datetime.now(UTC)):
        return Refusal.TOKEN_EXPIRED
    if token.identity is not None and (token.identity, token.tls_key) != claimant.keys:
        return Refusal.TOKEN_USED
    return None
