"""The claim server's own key and certificate, one file. No authority signed it: terminals know it by its hash.

Therefore somebody who gets this key can pretend to be the claim server, but not the broker.
"""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edge.central.ownership import make_directory
from edge.errors import KeyFileError
from edge.storage import durable_file

NAME = "claims.pem"
_LIFETIME = timedelta(days=36_500)
"""No terminal looks at it."""


def ensure(base: Path) -> Path:
    """The file with the key and the certificate, which is made if it is missing. Raises KeyFileError."""
    path = base / "pki" / NAME
    if not path.exists():
        if not (base / "pki" / "ca.key").exists():
            raise KeyFileError(f"{base}: no centre is here; name the directory that `central init` made")
        make_directory(path.parent, 0o755)
        durable_file.create(path, _new(), KeyFileError)
    return path


def der(path: Path) -> bytes:
    """The certificate in the file. Raises KeyFileError."""
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise KeyFileError(f"{path}: cannot be used ({error}); move it away, and make open tokens anew") from error
    return certificate.public_bytes(serialization.Encoding.DER)


def context(path: Path) -> ssl.SSLContext:
    """The server's TLS: version 1.3 alone, this certificate. Raises KeyFileError."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.num_tickets = 0  # nobody comes back
    try:
        made.load_cert_chain(path)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise KeyFileError(f"{path}: cannot be used ({error}); move it away, and make open tokens anew") from error
    return made


def _new() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "SmartClocker claims")])
    begin = datetime.now(UTC) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + _LIFETIME)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)
