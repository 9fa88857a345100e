"""The check that 32 bytes are a key. Bytes that are off the curve or a point of small order are not: anybody can
compute their secret.
"""

from nacl.exceptions import CryptoError
from nacl.public import PublicKey, SealedBox
from nacl.signing import VerifyKey

from edge.crypto.dsse import key_id
from edge.errors import KeyFileError


def sealing_key(key: VerifyKey) -> PublicKey:
    """The X25519 form of an Ed25519 key, for sealing to its holder. Raises KeyFileError when the key is not
    valid.
    """
    try:
        return key.to_curve25519_public_key()
    except CryptoError as error:
        raise KeyFileError(
            f"the key {key_id(key)} is not a point of its curve, so nobody has its private key; revoke it "
            f"(`smartclocker central revoke DIR {key_id(key)}`), and register what `smartclocker keys show` prints"
        ) from error


def is_key(key: VerifyKey) -> bool:
    """Whether an Ed25519 key is valid."""
    try:
        sealing_key(key)
    except KeyFileError:
        return False
    return True


def can_be_sealed_to(key: PublicKey) -> bool:
    """Whether an X25519 key is valid."""
    try:
        SealedBox(key).encrypt(b"")
    except CryptoError:
        return False
    return True
