"""A stored record, verified by other people's software and nothing of ours: what docs/protocol.md promises.

Only the writing is ours here. The reading uses the standard library, openssl, and the `cryptography` package, and
builds the pre-authentication encoding from the words of the documentation.
"""

import base64
import hashlib
import json
import sqlite3
import subprocess
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from edge.crypto.key_files import create_identity, public_pem
from edge.domain.protocol.record import Origin
from edge.journal.journal import Journal
from tests.support.records import punch

TYPE = b"application/cloudevents+json"


@pytest.fixture
def public(tmp_path: Path) -> Path:
    """The public key of a terminal that has written three records."""
    key = create_identity(tmp_path / "identity.pem")
    (tmp_path / "public.pem").write_text(public_pem(key.verify_key))
    made = punch(note="Zoë, außer Haus")  # bytes, not characters, are what is counted
    with Journal(tmp_path / "journal.db", Origin("hq", "door-1"), key) as journal:
        for _ in range(3):
            journal.append(made)
        (tmp_path / "envelope.json").write_bytes(journal.envelopes(1, 1)[0].wire)
    return tmp_path / "public.pem"


def documented_pae(payload: bytes) -> bytes:
    """ "DSSEv1", the length of the type, the type, the length of the payload, the payload, with a space between."""
    return b" ".join([b"DSSEv1", str(len(TYPE)).encode(), TYPE, str(len(payload)).encode(), payload])


def openssl_verifies(public: Path, message: bytes, signature: bytes) -> bool:
    signed, sig = public.with_name("pae.bin"), public.with_name("sig.bin")
    signed.write_bytes(message)
    sig.write_bytes(signature)
    command = [
        "openssl",
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        public,
        "-rawin",
        "-in",
        signed,
        "-sigfile",
        sig,
    ]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def stored(public: Path) -> list[tuple[bytes, bytes]]:
    """(payload, signature) of each record, by plain SQL."""
    connection = sqlite3.connect(public.with_name("journal.db"))
    rows = connection.execute("SELECT payload, signature FROM records ORDER BY seq").fetchall()
    connection.close()
    return rows


def test_openssl_verifies_what_is_stored(public: Path) -> None:
    rows = stored(public)
    assert len(rows) == 3
    for payload, signature in rows:
        assert openssl_verifies(public, documented_pae(payload), signature)
        assert not openssl_verifies(public, documented_pae(payload.replace(b'"in"', b'"ou"')), signature)
        assert not openssl_verifies(public, payload, signature)


def test_another_library_verifies_what_is_stored(public: Path) -> None:
    key = load_pem_public_key(public.read_bytes())
    assert isinstance(key, Ed25519PublicKey)
    for payload, signature in stored(public):
        key.verify(signature, documented_pae(payload))
        with pytest.raises(InvalidSignature):
            key.verify(signature, documented_pae(payload + b" "))


def test_the_chain_is_followed_with_sha256_alone(public: Path) -> None:
    prev = "0" * 64
    for number, (payload, _) in enumerate(stored(public), start=1):
        data = json.loads(payload)["data"]
        assert (data["seq"], data["prev"]) == (number, prev)
        prev = hashlib.sha256(payload).hexdigest()


def test_the_envelope_that_travels_verifies_too(public: Path) -> None:
    document = json.loads(public.with_name("envelope.json").read_bytes())
    payload = base64.b64decode(document["payload"])
    (entry,) = document["signatures"]
    assert document["payloadType"].encode() == TYPE
    assert (payload, base64.b64decode(entry["sig"])) == stored(public)[1]
    assert openssl_verifies(public, documented_pae(payload), base64.b64decode(entry["sig"]))
    raw = load_pem_public_key(public.read_bytes()).public_bytes_raw()
    assert entry["keyid"] == hashlib.sha256(raw).hexdigest()[:32]
