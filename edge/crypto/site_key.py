"""The site key: what the roster is encrypted under on its way, and how a terminal comes by it.

XChaCha20-Poly1305 with a random nonce; the additional data is the entry's first line, so that a ciphertext opens
for the site, person, version and key that it was made for, and for no other. No message names a key or a person.
"""

import hashlib
import secrets

from nacl import bindings
from nacl.exceptions import CryptoError
from nacl.public import SealedBox
from nacl.signing import SigningKey, VerifyKey

from edge.errors import RecordError

KEY_BYTES = 32
_NONCE_BYTES = bindings.crypto_aead_xchacha20poly1305_ietf_NPUBBYTES


def new_key() -> bytes:
    """32 random bytes."""
    return secrets.token_bytes(KEY_BYTES)


def key_id(key: bytes) -> str:
    """128 bits in hex that name a key and say nothing of it."""
    return hashlib.blake2b(key, digest_size=16, person=b"sc-site-key-v1").hexdigest()


def encrypt(key: bytes, plaintext: bytes, bound_to: bytes) -> bytes:
    """Nonce and ciphertext."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, bound_to, nonce, key)


def decrypt(key: bytes, sealed: bytes, bound_to: bytes) -> bytes:
    """Raises RecordError when it was altered, or made under another key or for another entry."""
    nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(ciphertext, bound_to, nonce, key)
    except (CryptoError, ValueError, TypeError) as error:
        raise RecordError("roster: an entry was altered, or belongs to another key or person") from error


def seal(plaintext: bytes, to: VerifyKey) -> bytes:
    """For the holder of this Ed25519 identity alone (libsodium's sealed box, over its X25519 form).

    Nobody's key may come so far (`edge.crypto.curve_points`).
    """
    return bytes(SealedBox(to.to_curve25519_public_key()).encrypt(plaintext))


def unseal(sealed: bytes, identity: SigningKey) -> bytes:
    """Raises RecordError when it was altered, or is for another identity."""
    try:
        return bytes(SealedBox(identity.to_curve25519_private_key()).decrypt(sealed))
    except (CryptoError, ValueError, TypeError) as error:
        raise RecordError("roster: sealed to another identity, or altered") from error
