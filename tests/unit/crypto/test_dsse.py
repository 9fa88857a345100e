"""DSSE: the published encoding, and envelopes from hostile hands."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from edge.crypto import dsse
from edge.domain.protocol.record import PAYLOAD_TYPE
from edge.errors import RecordError

HELLO = "http://example.com/HelloWorld"
KEY = SigningKey(b"k" * 32)
KEYS = {dsse.key_id(KEY.verify_key): KEY.verify_key}


@pytest.mark.parametrize(
    ("kind", "payload", "encoded"),
    [
        # The vector of the DSSE specification (protocol.md, "Test vectors").
        (HELLO, b"hello world", b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"),
        ("", b"", b"DSSEv1 0  0 "),
        # Lengths are of the bytes, not of the characters.
        ("\u0ca0", "\u0ca0".encode(), b"DSSEv1 3 \xe0\xb2\xa0 3 \xe0\xb2\xa0"),
        ("a/H\u00e9llo", b"\x00\xff 11 ", b"DSSEv1 8 a/H\xc3\xa9llo 6 \x00\xff 11 "),
    ],
)  # fmt: skip
def test_the_published_encoding(kind: str, payload: bytes, encoded: bytes) -> None:
    assert dsse.pae(kind, payload) == encoded


def signed(payload: bytes = b"{}") -> dict[str, Any]:
    document: dict[str, Any] = json.loads(dsse.to_wire(dsse.sign(PAYLOAD_TYPE, payload, KEY)))
    return document


@given(st.binary(max_size=16_000))
def test_what_is_signed_is_what_is_verified(payload: bytes) -> None:
    wire = dsse.to_wire(dsse.sign(PAYLOAD_TYPE, payload, KEY))
    assert len(wire) <= dsse.MAX_ENVELOPE
    assert dsse.verify(dsse.parse(wire), PAYLOAD_TYPE, KEYS) == payload


@given(st.binary(max_size=300))
def test_noise_is_refused_and_never_crashes(raw: bytes) -> None:
    with pytest.raises(RecordError):
        dsse.parse(raw)


@given(st.data())
def test_a_cut_or_altered_envelope_is_refused_or_the_same(data: st.DataObject) -> None:
    wire = bytearray(dsse.to_wire(dsse.sign(PAYLOAD_TYPE, b'{"a": 1}', KEY)))
    offset = data.draw(st.integers(0, len(wire) - 1))
    if data.draw(st.booleans()):
        wire[offset] ^= 1 << data.draw(st.integers(0, 7))
    else:
        del wire[offset:]
    try:
        payload = dsse.verify(dsse.parse(bytes(wire)), PAYLOAD_TYPE, KEYS)
    except RecordError:
        return
    assert payload == b'{"a": 1}'  # base64 has bits that decode to nothing


def test_signed_for_another_purpose_is_refused() -> None:
    other = dsse.sign("application/vnd.smartclocker.receipt+json", b"{}", KEY)
    with pytest.raises(RecordError, match="another payload type"):
        dsse.verify(other, PAYLOAD_TYPE, KEYS)
    renamed = dsse.Envelope(PAYLOAD_TYPE, other.payload, other.keyid, other.signature)
    with pytest.raises(RecordError, match="does not verify"):
        dsse.verify(renamed, PAYLOAD_TYPE, KEYS)


def test_another_key_under_a_known_key_id_is_refused() -> None:
    forged = dsse.sign(PAYLOAD_TYPE, b"{}", SigningKey.generate())
    with pytest.raises(RecordError, match="not known here"):
        dsse.verify(forged, PAYLOAD_TYPE, KEYS)
    renamed = dsse.Envelope(forged.payload_type, forged.payload, next(iter(KEYS)), forged.signature)
    with pytest.raises(RecordError, match="does not verify"):
        dsse.verify(renamed, PAYLOAD_TYPE, KEYS)


@pytest.mark.parametrize("length", [0, 63, 65])
def test_a_signature_of_another_length_does_not_verify(length: int) -> None:
    odd = dsse.Envelope(PAYLOAD_TYPE, b"{}", next(iter(KEYS)), b"s" * length)
    with pytest.raises(RecordError, match="does not verify"):
        dsse.verify(odd, PAYLOAD_TYPE, KEYS)


@pytest.mark.parametrize(
    "change",
    [
        {"payloadType": None},
        {"payloadType": 1},
        {"payload": None},
        {"payload": "e30"},  # padding missing
        {"payload": "e 30="},
        {"payload": "e\u00e9=="},
        {"payload": ["e30="]},
        {"signatures": None},
        {"signatures": {}},
        {"signatures": []},
        {"signatures": ["s"]},
        {"signatures": [{}]},
        {"signatures": [{"keyid": 1, "sig": "AA=="}]},
        {"signatures": [{"keyid": "0" * 32, "sig": "AA=="}]},
        {"signatures": [{"keyid": "0" * 32}]},
        {"signatures": [{**signed()["signatures"][0], "keyid": "k" * 32}]},
        {"signatures": [{**signed()["signatures"][0], "keyid": "0" * 32 + " and text"}]},
        {"signatures": [{**signed()["signatures"][0], "keyid": ""}]},
        {"signatures": [signed()["signatures"][0], signed()["signatures"][0]]},
        {"note": "x" * dsse.MAX_ENVELOPE},
    ],
)
def test_a_malformed_envelope_is_refused(change: dict[str, Any]) -> None:
    document = {name: value for name, value in {**signed(), **change}.items() if value is not None}
    with pytest.raises(RecordError):
        dsse.parse(json.dumps(document).encode())


def test_a_key_named_twice_is_refused() -> None:
    wire = json.dumps(signed()).encode()
    doubled = wire[:-1] + b', "payload": "' + base64.b64encode(b'{"forged": 1}') + b'"}'
    with pytest.raises(RecordError, match="twice"):
        dsse.parse(doubled)


def test_the_key_id_is_the_documented_digest() -> None:
    import hashlib

    assert dsse.key_id(KEY.verify_key) == hashlib.sha256(KEY.verify_key.encode()).digest()[:16].hex()
