"""The keys over people's data: storage key → epoch → person, so that one person's data can be made unreadable.

Each person has a random key, and all data about their face are encrypted under it. That key is stored wrapped under
the epoch. The epoch is a random secret, which is itself stored wrapped under the storage key. Deleting a wrapped
person key makes that person's data unreadable. Replacing the epoch and deleting the old one makes every older copy
unreadable that flash memory may still hold. All encryption is XSalsa20-Poly1305 (NaCl SecretBox) with random
nonces. No message names a key or a person.
"""

import hashlib
import secrets
from typing import Self

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from edge.errors import PeopleError, StorageKeyError

KEY_BYTES = 32
_EPOCH = "epoch"
_PERSON = "person-key"


class Vault:
    """The present epoch, which wraps and unwraps people's keys."""

    def __init__(self, storage_key: bytes, wrapped_epoch: bytes) -> None:
        """Open the epoch. Raises StorageKeyError when it was wrapped under another storage key."""
        try:
            epoch = unseal(_outer_key(storage_key), _EPOCH, wrapped_epoch)
        except PeopleError as error:
            raise StorageKeyError(
                "the storage key does not open the people who are enrolled here; give the key that this terminal "
                "was set up with, or move the people file away and enrol again"
            ) from error
        self.wrapped_epoch = wrapped_epoch
        """The bytes to store, with which this epoch can be opened again."""
        # Unwrapping needs both keys: an epoch that is found in a backup of the file opens nothing without the
        # storage key.
        self._wrapping_key = hashlib.blake2b(
            epoch, key=storage_key, digest_size=KEY_BYTES, person=b"sc-wrap-v1"
        ).digest()

    @classmethod
    def fresh(cls, storage_key: bytes) -> Self:
        """A vault with a new random epoch."""
        return cls(storage_key, seal(_outer_key(storage_key), _EPOCH, secrets.token_bytes(KEY_BYTES)))

    def wrap(self, person: str, key: bytes) -> bytes:
        """Wrap a person's key. It can be unwrapped for that person only."""
        return seal(self._wrapping_key, f"{_PERSON}:{person}", key)

    def unwrap(self, person: str, wrapped: bytes) -> bytes:
        """The person's key. Raises PeopleError when it was altered, or is of another person or epoch."""
        return unseal(self._wrapping_key, f"{_PERSON}:{person}", wrapped)


def new_person_key() -> bytes:
    """A new key: 32 random bytes."""
    return secrets.token_bytes(KEY_BYTES)


def seal(key: bytes, context: str, plaintext: bytes) -> bytes:
    """Encrypt and authenticate. `context` names the type of the data and its person; `unseal` needs the same
    context.
    """
    return bytes(SecretBox(key).encrypt(_tag(context) + plaintext))


def unseal(key: bytes, context: str, sealed: bytes) -> bytes:
    """Decrypt. Raises PeopleError when the data were altered, or sealed under another key or for another
    context.
    """
    try:
        opened = SecretBox(key).decrypt(sealed)
    except (CryptoError, ValueError) as error:  # ValueError: shorter than a nonce
        raise PeopleError("sealed data was altered or belongs to another key; withdraw and enrol again") from error
    tag = _tag(context)
    if not secrets.compare_digest(opened[: len(tag)], tag):
        raise PeopleError("sealed data is in the wrong place; withdraw and enrol again")
    return opened[len(tag) :]


def _tag(context: str) -> bytes:
    """A digest of the context, of fixed length, which precedes the plaintext because SecretBox takes no associated
    data.
    """
    return hashlib.blake2b(context.encode(), digest_size=16, person=b"sc-context-v1").digest()


def _outer_key(storage_key: bytes) -> bytes:
    """The key that seals the epoch: derived from the storage key, and different from the wrapping key."""
    if len(storage_key) != KEY_BYTES:
        raise PeopleError(f"the storage key has {len(storage_key)} bytes; give one of {KEY_BYTES}")
    return hashlib.blake2b(key=storage_key, digest_size=KEY_BYTES, person=b"sc-epoch-v1").digest()
