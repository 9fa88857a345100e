"""Reading the certificate request (PKCS#10) of a terminal. Only its key is taken; its names count for nothing."""

import hashlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

_CURVE = ec.SECP256R1.name


@dataclass(frozen=True, slots=True)
class CheckedRequest:
    """A request that the holder of its key signed."""

    key: ec.EllipticCurvePublicKey
    key_hash: str
    """sha256 (hex) of the public key."""


def check(pem: str) -> CheckedRequest:
    """The key of a request whose signature is right. Raises ValueError, also for another kind of key."""
    try:
        request = x509.load_pem_x509_csr(pem.encode("ascii"))
        key = request.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != _CURVE:
            raise ValueError("not a key of the curve P-256")
        if not request.is_signature_valid:
            raise ValueError("the signature is wrong")
    except UnsupportedAlgorithm as error:
        raise ValueError("an algorithm that is not used here") from error
    encoded = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return CheckedRequest(key, hashlib.sha256(encoded).hexdigest())
