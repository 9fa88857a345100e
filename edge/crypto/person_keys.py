"""Keys over people's data: storage key → epoch → person, so that one person's data can be made unreadable.

Each person has a random key, and everything about their face is sealed under it. That key is kept wrapped under
the epoch, a random secret that is itself kept wrapped under the storage key. Forgetting a wrapped person key
forgets the person; replacing the epoch and forgetting the old one kills every older copy that flash may keep.
All sealing is XSalsa20-Poly1305 (NaCl SecretBox) with random nonces. No message names a key or a person.
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
    """The epoch in force: wraps and unwraps people's keys."""

    def __init__(self, storage_key: bytes, wrapped_epoch: bytes) -> None:
        """Open the epoch. Raises PeopleError when the storage key is another one."""
        try:
            epoch = unseal(_outer_key(storage_key), _EPOCH, wrapped_epoch)
        except PeopleError as error:
            raise StorageKeyError(
                "the storage key does not open the people who are enrolled here; give the key that this terminal "
                "was set up with, or move the people file away and enrol again"
            ) from error
        self.wrapped_epoch = wrapped_epoch
        """What to keep, to open this epoch again."""
        # Both are needed to unwrap anything: the epoch alone, found in a backup of the file, opens nothing.
        self._wrapping_key = hashlib.blake2b(
            epoch, key=storage_key, digest_size=KEY_BYTES, person=b"sc-wrap-v1"
        ).digest()

    @classmethod
    def fresh(cls, storage_key: bytes) -> Self:
        """A new random epoch."""
        return cls(storage_key, seal(_outer_key(storage_key), _EPOCH, secrets.token_bytes(KEY_BYTES)))

    def wrap(self, person: str, key: bytes) -> bytes:
        """Wrap a person's key; it unwraps for that person only."""
        return seal(self._wrapping_key, f"{_PERSON}:{person}", key)

    def unwrap(self, person: str, wrapped: bytes) -> bytes:
        """The person's key. Raises PeopleError when it was altered, is another person's, or of another epoch."""
        return unseal(self._wrapping_key, f"{_PERSON}:{person}", wrapped)


def new_person_key() -> bytes:
    """32 random bytes."""
    return secrets.token_bytes(KEY_BYTES)


def seal(key: bytes, context: str, plaintext: bytes) -> bytes:
    """Encrypt and authenticate; `context` says what this is and whose, and must be the same to `unseal`."""
    return bytes(SecretBox(key).encrypt(_tag(context) + plaintext))


def unseal(key: bytes, context: str, sealed: bytes) -> bytes:
    """Decrypt. Raises PeopleError when it was altered, or sealed under another key or for another context."""
    try:
        opened = SecretBox(key).decrypt(sealed)
    except (CryptoError, ValueError) as error:  # ValueError: shorter than a nonce
        raise PeopleError("sealed data was altered or belongs to another key; withdraw and enrol again") from error
    tag = _tag(context)
    if not secrets.compare_digest(opened[: len(tag)], tag):
        raise PeopleError("sealed data stands where it does not belong; withdraw and enrol again")
    return opened[len(tag) :]


def _tag(context: str) -> bytes:
    """SecretBox takes no associated data: a fixed-length digest of the context goes in front of the plaintext."""
    return hashlib.blake2b(context.encode(), digest_size=16, person=b"sc-context-v1").digest()


def _outer_key(storage_key: bytes) -> bytes:
    """The storage key's own part in sealing the epoch, apart from its part in the wrapping key."""
    if len(storage_key) != KEY_BYTES:
        raise PeopleError(f"the storage key has {len(storage_key)} bytes; give one of {KEY_BYTES}")
    return hashlib.blake2b(key=storage_key, digest_size=KEY_BYTES, person=b"sc-epoch-v1").digest()
