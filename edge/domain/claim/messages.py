"""The messages of a claim, each one line of strict JSON: the server's nonce, the request, and the answer.

The terminal proves that it holds two private keys: that of its certificate by the signature in the certificate
request, and its identity by an Ed25519 signature over `proof`.
"""

import base64
import hashlib
import re
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta

from edge.domain.claim.token import SECRET_BYTES, secret_digest
from edge.domain.protocol.document import convert
from edge.domain.protocol.fields import Name, whole
from edge.domain.strict_json import dump, is_version, parse_object
from edge.errors import RecordError

NONCE_BYTES = 32
MOST_GREETING = 1_024
MOST_REQUEST = 8_192
MOST_ANSWER = 131_072
"""Limits of the three lines, in bytes. A policy has 12,000 characters at most."""
_MOST_PEM = 4_096


def _encoded(count: int) -> Meta:
    """The constraint that a text is the base64 of so many bytes."""
    full, rest = divmod(count, 3)
    end = {0: "", 1: "[A-Za-z0-9+/]{2}==", 2: "[A-Za-z0-9+/]{3}="}[rest]
    return whole(re.compile(rf"[A-Za-z0-9+/]{{{4 * full}}}{end}"))


def _pem(label: str) -> Meta:
    """The constraint that a text is one PEM block of this kind and nothing else."""
    body = rf"-----BEGIN {label}-----\n(?:[A-Za-z0-9+/=]{{1,64}}\n){{1,60}}-----END {label}-----\n"
    return Meta(pattern=rf"\A{body}\Z", max_length=_MOST_PEM)


Certificate = Annotated[str, _pem("CERTIFICATE")]
CertificateRequest = Annotated[str, _pem("CERTIFICATE REQUEST")]
PublicKeyText = Annotated[str, _pem("PUBLIC KEY")]


class Refusal(StrEnum):
    """The words by which the server refuses. A peer without the token gets only the first two."""

    TOKEN_UNKNOWN = "token-unknown"  # noqa: S105 - a word of the protocol
    MALFORMED = "malformed"
    TOKEN_EXPIRED = "token-expired"  # noqa: S105
    TOKEN_USED = "token-used"  # noqa: S105
    """Another terminal has used the token."""
    NAME_TAKEN = "name-taken"
    """Another identity has the name."""
    KEY_REFUSED = "key-refused"
    """The identity is another terminal's, or was revoked."""
    FAILED = "failed"
    """The centre could not do it now; its log says why."""


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """The request of a terminal that has a token."""

    secret: Annotated[str, _encoded(SECRET_BYTES)] = field(repr=False)
    identity: Annotated[str, _encoded(32)]
    """The raw public key of the terminal's identity."""
    csr: CertificateRequest
    signature: Annotated[str, _encoded(64)]
    """By the identity, over `proof`."""

    @property
    def digest(self) -> str:
        """The hash of the token's secret."""
        return secret_digest(base64.b64decode(self.secret))


@dataclass(frozen=True, slots=True)
class ClaimFile:
    """A request that travels as a file to a centre that the terminal cannot reach. Nothing in it is secret."""

    identity: Annotated[str, _encoded(32)]
    csr: CertificateRequest
    signature: Annotated[str, _encoded(64)]
    """By the identity, over `file_proof`."""


@dataclass(frozen=True, slots=True)
class ClaimPolicy:
    """The privacy policy in force at the centre."""

    version: Annotated[str, Meta(pattern=r"\A[^\x00-\x1f\x7f-\x9f\u2028\u2029]{1,40}\Z")]
    text: Annotated[str, Meta(min_length=1, max_length=12_000)]


@dataclass(frozen=True, slots=True)
class ClaimAnswer:
    """The answer of the centre: the name, the address of the broker, certificates, and public keys to pin.

    No field names a file; the terminal itself knows where each of them belongs.
    """

    site: Name
    terminal: Name
    host: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9._:%-]{1,253}\Z")]
    port: Annotated[int, Meta(ge=1, le=65_535)]
    certificate: Certificate
    ca: Certificate
    ledger: PublicKeyText
    authority: PublicKeyText | None = None
    roster: PublicKeyText | None = None
    policy: ClaimPolicy | None = None


def proof(digest: str, csr: str, certificate: bytes, nonce: bytes) -> bytes:
    """The bytes that the identity signs: the token's hash, the request's, the server's certificate's, the nonce."""
    parts = [bytes.fromhex(digest), hashlib.sha256(csr.encode()).digest(), hashlib.sha256(certificate).digest()]
    return b"".join([b"smartclocker claim v1\0", *parts, nonce])


def file_proof(csr: str) -> bytes:
    """The bytes that the identity signs for a request that travels as a file."""
    return b"smartclocker claim file v1\0" + hashlib.sha256(csr.encode()).digest()


def greeting(nonce: bytes) -> bytes:
    """The server's first line."""
    return dump({"v": 1, "nonce": base64.b64encode(nonce).decode()})


def read_greeting(line: bytes) -> bytes:
    """The nonce in the server's first line. Raises RecordError."""
    said = convert(_said(line, MOST_GREETING), _Greeting, "claim greeting")
    return base64.b64decode(said.nonce)


def write_message(message: ClaimRequest | ClaimFile | ClaimAnswer) -> bytes:
    """A request or an answer as its line, without the line's end."""
    return dump({"v": 1, **{name: value for name, value in asdict(message).items() if value is not None}})


def write_refusal(word: Refusal) -> bytes:
    """A refusal as its line."""
    return dump({"v": 1, "refused": word.value})


def read_request(line: bytes) -> ClaimRequest:
    """The request that a terminal sent. Raises RecordError."""
    return convert(_said(line, MOST_REQUEST), ClaimRequest, "claim request")


def read_file_request(content: bytes) -> ClaimFile:
    """The request in a file. Raises RecordError."""
    return convert(_said(content, MOST_REQUEST), ClaimFile, "claim request")


def read_answer(line: bytes) -> ClaimAnswer | Refusal:
    """The answer of a server. Raises RecordError, also for a refusal by a word that is not known here."""
    said = _said(line, MOST_ANSWER)
    if "refused" not in said:
        return convert(said, ClaimAnswer, "claim answer")
    try:
        return Refusal(said["refused"])
    except ValueError as error:
        raise RecordError("claim answer: refused is not a known word") from error


@dataclass(frozen=True, slots=True)
class _Greeting:
    nonce: Annotated[str, _encoded(NONCE_BYTES)]


def _said(line: bytes, limit: int) -> dict[str, Any]:
    said = parse_object(line, limit)
    if not is_version(said):
        raise RecordError("claim: not version 1")
    return said
