"""The site key: the roster is encrypted under it on its way, and it is sealed to each terminal.

The cipher is XChaCha20-Poly1305 with a random nonce. The additional data is the entry's first line, so that a
ciphertext opens only for the site, person, version and key that it was made for. No message names a key or a
person.
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
    """A new key: 32 random bytes."""
    return secrets.token_bytes(KEY_BYTES)


def key_id(key: bytes) -> str:
    """The id of a key, 128 bits in hex, which reveals nothing of it."""
    return hashlib.blake2b(key, digest_size=16, person=b"sc-site-key-v1").hexdigest()


def encrypt(key: bytes, plaintext: bytes, bound_to: bytes) -> bytes:
    """The nonce and the ciphertext of `plaintext`, bound to the bytes `bound_to`."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, bound_to, nonce, key)


def decrypt(key: bytes, sealed: bytes, bound_to: bytes) -> bytes:
    """The plaintext. Raises RecordError when it was altered, or encrypted under another key or for another
    entry.
    """
    nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(ciphertext, bound_to, nonce, key)
    except (CryptoError, ValueError, TypeError) as error:
        raise RecordError("roster: an entry was altered, or belongs to another key or person") from error


def seal(plaintext: bytes, to: VerifyKey) -> bytes:
    """Seal to the holder of this Ed25519 identity alone (libsodium's sealed box, over its X25519 form).

    The caller must have checked that `to` is a valid key (`edge.crypto.curve_points`).
    """
    return bytes(SealedBox(to.to_curve25519_public_key()).encrypt(plaintext))


def unseal(sealed: bytes, identity: SigningKey) -> bytes:
    """The plaintext. Raises RecordError when it was altered, or sealed to another identity."""
    try:
        return bytes(SealedBox(identity.to_curve25519_private_key()).decrypt(sealed))
    except (CryptoError, ValueError, TypeError) as error:
        raise RecordError("roster: sealed to another identity, or altered") from error
