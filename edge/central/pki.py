"""The private certificate authority of one installation: who may speak TLS to the broker, and as whom.

X.509 says who may *connect*; what a record says is signed by the terminal's own Ed25519 identity, which this
authority never sees. Keys are EC P-256, files are PEM, private ones 0600. Everything is named so that both
mosquitto and OpenSSL's strict checks (RFC 5280, the default of Python 3.13) accept it.
"""

import ipaddress
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge.domain.records import NAME
from edge.errors import KeyFileError

AUTHORITY_LIFETIME = timedelta(days=3652)
LEAF_LIFETIME = timedelta(days=825)
"""The CA/Browser Forum's former limit, and the one that Apple's TLS still holds private authorities to."""
LEDGER = "ledger"
"""The common name that the broker's ACL lets read every record and write receipts."""
AUTHORITY = "authority"
"""The common name that the broker's ACL lets write the rosters."""
_BACKDATED = timedelta(hours=1)
"""A terminal whose clock is a little behind must still accept a certificate that was made just now."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What one party to TLS needs: three PEM files."""

    ca: Path
    certificate: Path
    key: Path


def create_authority(directory: Path, *, lifetime: timedelta = AUTHORITY_LIFETIME) -> Credentials:
    """Make `ca.crt` and `ca.key` in `directory`; one that is there already is kept. Raises KeyFileError."""
    files = _files(directory, "ca")
    there = files.certificate.exists(), files.key.exists()
    if all(there):
        return files
    if any(there):
        lost = files.key if there[0] else files.certificate
        raise KeyFileError(
            f"{lost}: missing beside its other half; restore it from your backup (a new authority would cut every "
            "terminal off), or move both away"
        )
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"SmartClocker CA {secrets.token_hex(4)}")])
    now = datetime.now(UTC)
    certificate = (
        _builder(name, name, key.public_key(), now - _BACKDATED, now + lifetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(files, key, certificate)
    return files


def issue_server(
    directory: Path, names: Sequence[str], *, lifetime: timedelta = LEAF_LIFETIME, name: str = "server"
) -> Credentials:
    """Issue the broker's certificate for these host names and addresses; replaces an earlier one.

    Raises KeyFileError when the authority is missing, ValueError when `names` is empty.
    """
    if not names:
        raise ValueError("a server certificate names at least one host or address")
    alternatives = x509.SubjectAlternativeName([_alternative(entry) for entry in names])
    return _issue(
        directory, name, names[0], ExtendedKeyUsageOID.SERVER_AUTH, lifetime=lifetime, alternatives=alternatives
    )


def issue_client(directory: Path, common_name: str, *, lifetime: timedelta = LEAF_LIFETIME) -> Credentials:
    """Issue the certificate of a terminal (its name) or of the ledger (`ledger`); replaces an earlier one.

    The common name becomes the user in the broker's ACL. Raises KeyFileError when the authority is missing,
    ValueError for a name that is not one of ours: in an ACL pattern, `+` or `/` would widen what it grants.
    """
    if NAME.fullmatch(common_name) is None:
        raise ValueError(f"{common_name!r} is not a name of lower-case letters, digits and hyphens, 32 at most")
    return _issue(
        directory, f"client-{common_name}", common_name, ExtendedKeyUsageOID.CLIENT_AUTH, lifetime=lifetime
    )


def _issue(
    directory: Path,
    stem: str,
    common_name: str,
    purpose: x509.ObjectIdentifier,
    *,
    lifetime: timedelta,
    alternatives: x509.SubjectAlternativeName | None = None,
) -> Credentials:
    authority, signer = _load_authority(directory)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.now(UTC)
    # A lifetime below zero makes one that has expired, which is how its refusal is tested.
    begin = min(now, now + lifetime) - _BACKDATED
    builder = (
        _builder(subject, authority.subject, key.public_key(), begin, now + lifetime)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
            critical=False,
        )
    )
    if alternatives is not None:
        builder = builder.add_extension(alternatives, critical=False)
    files = _files(directory, stem)
    _write(files, key, builder.sign(signer, hashes.SHA256()))
    return files


def _load_authority(directory: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    files = _files(directory, "ca")
    try:
        certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
        key = serialization.load_pem_private_key(files.key.read_bytes(), password=None)
    except OSError as error:
        raise KeyFileError(
            f"{error.filename}: the authority cannot be read ({error.strerror}); make one first, or name the "
            "directory that holds ca.crt and ca.key"
        ) from error
    except (ValueError, TypeError) as error:  # TypeError: the key is encrypted
        raise KeyFileError(f"{directory}: ca.crt or ca.key is damaged; restore both from your backup") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise KeyFileError(f"{files.key}: not an EC key; restore it from your backup")
    return certificate, key


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, begin: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )


def _usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _files(directory: Path, stem: str) -> Credentials:
    return Credentials(directory / "ca.crt", directory / f"{stem}.crt", directory / f"{stem}.key")


def _write(files: Credentials, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        files.key.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        _replace(files.key, private, 0o600)
        _replace(files.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    except OSError as error:
        raise KeyFileError(
            f"{files.key.parent}: cannot be written ({error.strerror}); make it writable by this user"
        ) from error


def _replace(path: Path, content: bytes, mode: int) -> None:
    """Never a moment at which the file is half written, or open to others."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
