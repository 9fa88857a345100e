"""DSSE v1 envelopes (github.com/secure-systems-lab/dsse), Ed25519 only.

What is signed is PAE(type, payload) over the stored payload bytes. The key id names the key to try and is never
trusted to choose an algorithm: there is one.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from nacl.exceptions import BadSignatureError
from nacl.exceptions import ValueError as NaClValueError
from nacl.signing import SigningKey, VerifyKey

from edge.domain.protocol.document import Document
from edge.domain.strict_json import dump, parse_object
from edge.errors import RecordError

MAX_ENVELOPE = 32_768
"""Bytes: base64 of the largest payload, the signature, and room for the field names."""

D = TypeVar("D", bound=Document)
_WIRE = b'{"payloadType":%s,"payload":"%s","signatures":[{"keyid":%s,"sig":"%s"}]}'


@dataclass(frozen=True, slots=True)
class Envelope:
    """A parsed envelope; nothing in it is trusted until `verify` returned."""

    payload_type: str
    payload: bytes
    keyid: str
    signature: bytes
    """64 bytes."""


def key_id(key: VerifyKey) -> str:
    """The first 128 bits of sha256 over the raw public key, in hex."""
    return hashlib.sha256(bytes(key)).hexdigest()[:32]


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding; lengths are of the *encoded* bytes."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def sign(payload_type: str, payload: bytes, key: SigningKey) -> Envelope:
    """Sign the payload bytes as they are."""
    signature = key.sign(pae(payload_type, payload)).signature
    return Envelope(payload_type, payload, key_id(key.verify_key), signature)


def to_wire(envelope: Envelope) -> bytes:
    """The JSON form that travels and is exported."""
    # put together by hand: base64 needs no escaping, and a terminal with a long backlog does little else
    return _WIRE % (
        dump(envelope.payload_type),
        binascii.b2a_base64(envelope.payload, newline=False),
        dump(envelope.keyid),
        binascii.b2a_base64(envelope.signature, newline=False),
    )


def parse(raw: bytes) -> Envelope:
    """Read the JSON form. Raises RecordError for anything that is not one envelope with one Ed25519 signature."""
    document = parse_object(raw, MAX_ENVELOPE)
    kind, signatures = document.get("payloadType"), document.get("signatures")
    if not isinstance(kind, str) or not isinstance(signatures, list) or len(signatures) != 1:
        raise RecordError("envelope: payloadType or its one signature is missing")
    entry = signatures[0]
    if not isinstance(entry, dict) or not isinstance(entry.get("keyid"), str):
        raise RecordError("envelope: keyid is missing")  # optional in DSSE; we always write it
    signature = _base64(entry.get("sig"), "sig")
    if len(signature) != 64:
        raise RecordError("envelope: sig is not an Ed25519 signature")
    return Envelope(kind, _base64(document.get("payload"), "payload"), entry["keyid"], signature)


def verify(envelope: Envelope, payload_type: str, keys: Mapping[str, VerifyKey]) -> bytes:
    """The payload, once its signature by one of `keys` (by key id) held. Raises RecordError otherwise."""
    if envelope.payload_type != payload_type:
        raise RecordError("envelope: another payload type")
    key = keys.get(envelope.keyid)
    if key is None:
        raise RecordError("envelope: signed by a key that is not known here")
    try:
        key.verify(pae(envelope.payload_type, envelope.payload), envelope.signature)
    except (BadSignatureError, NaClValueError) as error:  # the latter: not 64 bytes
        raise RecordError("envelope: the signature does not verify") from error
    return envelope.payload


def seal(document: Document, key: SigningKey) -> bytes:
    """A document's wire form, signed. Raises RecordError for one that no reader would accept."""
    return to_wire(sign(document.PAYLOAD_TYPE, document.encode(), key))


def open(raw: bytes | Envelope, kind: type[D], keys: Mapping[str, VerifyKey]) -> D:  # noqa: A001 - dsse.open
    """The document of a type, once its signature by one of `keys` (by key id) held. Raises RecordError otherwise.

    Nothing of the payload is read before its signature is verified.
    """
    envelope = raw if isinstance(raw, Envelope) else parse(raw)
    return kind.decode(verify(envelope, kind.PAYLOAD_TYPE, keys))


def _base64(value: object, name: str) -> bytes:
    if not isinstance(value, str):
        raise RecordError(f"envelope: {name} is missing")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RecordError(f"envelope: {name} is not base64") from error
