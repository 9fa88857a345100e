"""A claim by files, for a terminal that cannot reach the centre: request and answer travel on a stick.

There is no token: whoever gives the command says which file is which terminal's, and compares the key id.
"""

import base64
from pathlib import Path

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from edge.central.authority import identities
from edge.central.authority.acting import Book
from edge.central.broker import certificates
from edge.central.claims import certificate_request
from edge.central.claims.outfit import outfit
from edge.central.claims.token_store import TokenStore
from edge.central.claims.tokens import refuse_taken, refuse_unserved
from edge.central.setup import LEDGER_DB
from edge.central.store.records import Store
from edge.crypto.curve_points import is_key
from edge.crypto.dsse import key_id
from edge.domain.claim import messages
from edge.domain.claim.messages import ClaimAnswer, ClaimFile
from edge.domain.protocol.audit_entry import Act
from edge.domain.protocol.record import Origin
from edge.errors import ClaimRefused

_AGAIN = "let `smartclocker claim --request FILE` make it again at the terminal"


def read_request(content: bytes) -> tuple[ClaimFile, VerifyKey]:
    """A request and the identity that signed it. Raises ClaimRefused."""
    try:
        said = messages.read_file_request(content)
        identity = VerifyKey(base64.b64decode(said.identity))
        identity.verify(messages.file_proof(said.csr), base64.b64decode(said.signature))
        certificate_request.check(said.csr)
    except BadSignatureError as error:
        raise ClaimRefused(f"the request is not signed by the identity that it names; {_AGAIN}") from error
    except ValueError as error:  # RecordError is one
        raise ClaimRefused(f"the request cannot be used ({error}); {_AGAIN}") from error
    if not is_key(identity):
        raise ClaimRefused(f"the request names a key that nobody can have; {_AGAIN}")
    return said, identity


def admit(base: Path, book: Book, origin: Origin, content: bytes, *, again: bool) -> tuple[ClaimAnswer, str]:
    """Registers the terminal of a request and issues its certificate. Returns the answer and the key id.

    May be given again for the same request. Raises ClaimRefused, LedgerRefused, LedgerError, KeyFileError.
    """
    said, identity = read_request(content)
    keyid = key_id(identity)
    refuse_unserved(base, origin)
    with TokenStore(base) as tokens, tokens.alone():
        refuse_taken(base, origin, again=again, but=keyid)
        with Store(base / LEDGER_DB) as store:
            identities.register(store, book, origin, identity)
        with book.act(Act.CERTIFICATE_ISSUED, {"name": origin.terminal}):
            key = certificate_request.check(said.csr).key
            certificate = certificates.issue_for_key(base / "pki", origin.terminal, key)
    return outfit(base, origin, certificate), keyid
