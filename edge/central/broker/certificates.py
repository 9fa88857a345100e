"""The private certificate authority (CA) of one installation. It decides who may connect to the broker by TLS, and
under which name.

A certificate only permits a connection. A terminal signs its records with its own Ed25519 identity, which the CA
never sees. Keys are EC P-256, files are PEM, private keys have mode 0600. The certificates satisfy both mosquitto
and OpenSSL's strict checks (RFC 5280, the default of Python 3.13).
"""

import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge.central.broker import issued_certificates
from edge.central.ownership import make_directory
from edge.domain.protocol import names
from edge.errors import KeyFileError, NameRefused
from edge.storage import durable_file

AUTHORITY_LIFETIME = timedelta(days=3652)
LEAF_LIFETIME = timedelta(days=825)
"""The former limit of the CA/Browser Forum; Apple's TLS still requires it of private CAs."""
LEDGER = "ledger"
"""The common name to which the broker's ACL permits reading every record and writing receipts."""
AUTHORITY = "authority"
"""The common name to which the broker's ACL permits writing the rosters and every command."""
RENEW_BEFORE = timedelta(days=60)
"""`central init` renews certificates that end within this time."""
_OF_AN_EARLIER = (issued_certificates.LOG, "server.crt", "crl.pem")
"""Files that show that there was a CA before."""
_BACKDATED = timedelta(hours=1)
"""A certificate's validity begins this long before it is made, so that a terminal whose clock is a little behind
accepts it.
"""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The three PEM files that one party to TLS needs."""

    ca: Path
    certificate: Path
    key: Path


def create_authority(directory: Path, *, lifetime: timedelta = AUTHORITY_LIFETIME) -> Credentials:
    """Makes `ca.crt` and `ca.key` in `directory`; existing ones are kept. Raises KeyFileError."""
    files = _files(directory, "ca")
    there = files.certificate.exists(), files.key.exists()
    if all(there):
        return files
    if any(there):
        lost = files.key if there[0] else files.certificate
        raise KeyFileError(
            f"{lost}: missing beside its other half; restore it from your backup (a new CA would cut "
            "every terminal off), or move both away"
        )
    if left := next((name for name in _OF_AN_EARLIER if (directory / name).exists()), None):
        raise KeyFileError(
            f"{files.certificate}, {files.key}: gone, but {left} is there; restore both from your backup "
            f"(a new CA would cut every terminal off), or move {directory} away to begin again"
        )
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"SmartClocker CA {secrets.token_hex(4)}")])
    _write(files, key, _authority(name, key, datetime.now(UTC), lifetime))
    return files


def _authority(
    name: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, lifetime: timedelta
) -> x509.Certificate:
    return (
        _builder(name, name, key.public_key(), now - _BACKDATED, now + lifetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def renew_authority(directory: Path, *, lifetime: timedelta = AUTHORITY_LIFETIME) -> None:
    """Renews the CA's certificate under the same name and key, so that the certificates that it issued stay valid.

    Raises KeyFileError.
    """
    before, key = load_authority(directory)
    now = datetime.now(UTC)
    certificate = _authority(before.subject, key, now, lifetime)
    write_file(_files(directory, "ca").certificate, certificate.public_bytes(serialization.Encoding.PEM))


def issue_server(
    directory: Path,
    hosts: Sequence[str],
    *,
    lifetime: timedelta = LEAF_LIFETIME,
    name: str = "server",
    keep_key: bool = False,
) -> Credentials:
    """Issues the broker's certificate for these host names and addresses; it replaces an earlier one.

    `keep_key` keeps the existing private key. Raises KeyFileError if the CA is missing, NameRefused (a ValueError)
    if `hosts` is empty or has an invalid host.
    """
    if not hosts:
        raise NameRefused("a server certificate names at least one host or address; give one with --host")
    try:
        hosts = [names.host(entry) for entry in hosts]
    except ValueError as error:
        raise NameRefused(str(error)) from error
    alternatives = x509.SubjectAlternativeName([_alternative(entry) for entry in hosts])
    return _issue(
        directory,
        name,
        hosts[0],
        ExtendedKeyUsageOID.SERVER_AUTH,
        lifetime=lifetime,
        alternatives=alternatives,
        keep_key=keep_key,
    )


def issue_client(directory: Path, common_name: str, *, lifetime: timedelta = LEAF_LIFETIME) -> Credentials:
    """Issues the certificate of a terminal (its name) or of the ledger (`ledger`); it replaces an earlier one.

    The common name becomes the user name and the client id at the broker. The name of an instance, `ledger.NAME`,
    has a full stop, so that no terminal can have it. Raises KeyFileError if the CA is missing, NameRefused (a
    ValueError) for an invalid name: in an ACL pattern, `+` or `/` would permit more.
    """
    try:
        names.name(common_name.removeprefix(f"{LEDGER}."))
    except ValueError as error:
        raise NameRefused(str(error)) from error
    return _issue(
        directory, f"client-{common_name}", common_name, ExtendedKeyUsageOID.CLIENT_AUTH, lifetime=lifetime
    )


def issue_for_key(
    directory: Path, common_name: str, key: ec.EllipticCurvePublicKey, *, lifetime: timedelta = LEAF_LIFETIME
) -> str:
    """Issues the certificate (PEM) of a terminal for a key that the terminal keeps; an earlier one counts on.

    Raises KeyFileError if the CA is missing, NameRefused (a ValueError) for an invalid name.
    """
    try:
        names.terminal(common_name)
    except ValueError as error:
        raise NameRefused(str(error)) from error
    stem, purpose = f"client-{common_name}", ExtendedKeyUsageOID.CLIENT_AUTH
    certificate = _signed(directory, stem, common_name, purpose, key, lifetime)
    content = certificate.public_bytes(serialization.Encoding.PEM)
    write_file(_files(directory, stem).certificate, content)
    return content.decode("ascii")


def _issue(
    directory: Path,
    stem: str,
    common_name: str,
    purpose: x509.ObjectIdentifier,
    *,
    lifetime: timedelta,
    alternatives: x509.SubjectAlternativeName | None = None,
    keep_key: bool = False,
) -> Credentials:
    files = _files(directory, stem)
    key = (_present_key(files.key) if keep_key else None) or ec.generate_private_key(ec.SECP256R1())
    _write(files, key, _signed(directory, stem, common_name, purpose, key.public_key(), lifetime, alternatives))
    return files


def _signed(
    directory: Path,
    stem: str,
    common_name: str,
    purpose: x509.ObjectIdentifier,
    key: ec.EllipticCurvePublicKey,
    lifetime: timedelta,
    alternatives: x509.SubjectAlternativeName | None = None,
) -> x509.Certificate:
    authority, signer = load_authority(directory)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.now(UTC)
    # A lifetime below zero makes an expired certificate; a test uses it.
    begin = min(now, now + lifetime) - _BACKDATED
    builder = (
        _builder(subject, authority.subject, key, begin, now + lifetime)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
            critical=False,
        )
    )
    if alternatives is not None:
        builder = builder.add_extension(alternatives, critical=False)
    certificate = builder.sign(signer, hashes.SHA256())
    issued_certificates.enter(
        directory, issued_certificates.describe(stem, certificate)
    )  # first, because only a logged certificate can be revoked
    return certificate


def _present_key(path: Path) -> ec.EllipticCurvePrivateKey | None:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError):
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey) else None


def read_certificate(path: Path) -> x509.Certificate:
    """Reads a certificate. Raises KeyFileError if the file cannot be read or is no certificate."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read ({error.strerror}); make it readable by this user") from error
    except ValueError as error:
        raise KeyFileError(
            f"{path}: is damaged, no certificate is in it; restore it from your backup. If it is not the CA's own, "
            "you may instead move it away and give `smartclocker central init` again"
        ) from error


def load_authority(directory: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """The CA's certificate and its private key. Raises KeyFileError."""
    files = _files(directory, "ca")
    try:
        certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
        key = serialization.load_pem_private_key(files.key.read_bytes(), password=None)
    except OSError as error:
        raise KeyFileError(
            f"{error.filename}: the certificate authority cannot be read ({error.strerror}); make one with "
            "`smartclocker central init`, or name the directory that holds pki/ca.crt and pki/ca.key"
        ) from error
    except (ValueError, TypeError) as error:  # TypeError: the key is encrypted with a password
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
        files.key.parent.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        make_directory(files.key.parent, 0o755)
    except OSError as error:
        raise KeyFileError(
            f"{files.key.parent}: cannot be written ({error.strerror}); make it writable by this user"
        ) from error
    write_file(files.key, private, 0o600)
    write_file(files.certificate, certificate.public_bytes(serialization.Encoding.PEM))


def write_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Writes a file of the CA or the broker, replacing an earlier one. Raises KeyFileError."""
    durable_file.replace(path, content, KeyFileError, mode=mode)
