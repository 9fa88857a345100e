"""DSSE v1 envelopes (github.com/secure-systems-lab/dsse), Ed25519 only.

The signature is over PAE(type, payload), with the payload's stored bytes. The key id tells which key to try. It is
never trusted to choose an algorithm, because there is only one.
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
from edge.domain.protocol.fields import KEY_ID
from edge.domain.strict_json import dump, parse_object
from edge.errors import RecordError

MAX_ENVELOPE = 32_768
"""Bytes: base64 of the largest payload, the signature, and room for the field names."""

D = TypeVar("D", bound=Document)
_WIRE = b'{"payloadType":%s,"payload":"%s","signatures":[{"keyid":%s,"sig":"%s"}]}'


@dataclass(frozen=True, slots=True)
class Envelope:
    """A parsed envelope; nothing in it is trusted until `verify` has returned."""

    payload_type: str
    payload: bytes
    keyid: str
    signature: bytes
    """64 bytes."""


def key_id(key: VerifyKey) -> str:
    """The first 128 bits of sha256 over the raw public key, in hex."""
    return hashlib.sha256(bytes(key)).hexdigest()[:32]


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding; the lengths are those of the *encoded* bytes."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def sign(payload_type: str, payload: bytes, key: SigningKey) -> Envelope:
    """The envelope of payload bytes, signed as they are."""
    signature = key.sign(pae(payload_type, payload)).signature
    return Envelope(payload_type, payload, key_id(key.verify_key), signature)


def to_wire(envelope: Envelope) -> bytes:
    """The JSON form of an envelope, in which it is sent and exported."""
    # The JSON text is built without a JSON library: base64 needs no escaping, and a terminal that sends a long
    # backlog spends most of its time here.
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
        raise RecordError("envelope: keyid is missing")  # optional in DSSE; our writers always include it
    if KEY_ID.fullmatch(entry["keyid"]) is None:  # it is shown to people before anything is verified
        raise RecordError("envelope: keyid is not 32 hex digits")
    signature = _base64(entry.get("sig"), "sig")
    if len(signature) != 64:
        raise RecordError("envelope: sig is not an Ed25519 signature")
    return Envelope(kind, _base64(document.get("payload"), "payload"), entry["keyid"], signature)


def verify(envelope: Envelope, payload_type: str, keys: Mapping[str, VerifyKey]) -> bytes:
    """The payload, after its signature by one of `keys` (by key id) was verified. Raises RecordError otherwise."""
    if envelope.payload_type != payload_type:
        raise RecordError("envelope: another payload type")
    key = keys.get(envelope.keyid)
    if key is None:
        raise RecordError("envelope: signed by a key that is not known here")
    try:
        key.verify(pae(envelope.payload_type, envelope.payload), envelope.signature)
    except (BadSignatureError, NaClValueError) as error:  # NaClValueError: the signature is not 64 bytes
        raise RecordError("envelope: the signature does not verify") from error
    return envelope.payload


def seal(document: Document, key: SigningKey) -> bytes:
    """A document, signed, in the form in which it is sent. Raises RecordError for fields that no reader would
    accept.
    """
    return to_wire(sign(document.PAYLOAD_TYPE, document.encode(), key))


def open(raw: bytes | Envelope, kind: type[D], keys: Mapping[str, VerifyKey]) -> D:  # noqa: A001 - dsse.open
    """The document of a type, after its signature by one of `keys` (by key id) was verified.

    Nothing of the payload is read before its signature is verified. Raises RecordError when it does not verify, or
    is malformed.
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
