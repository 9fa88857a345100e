"""The list of revoked certificates, which mosquitto reads as its `crlfile`.

It is valid as long as the CA, because a list that ended would lock out everybody. A date in the list would not help
either: the broker's copy is only as new as the last copying.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from edge.central.broker import certificates, issued_certificates
from edge.central.broker.issued_certificates import Issued
from edge.errors import KeyFileError

NAME = "crl.pem"
_BACKDATED = timedelta(hours=1)


def ensure(directory: Path) -> Path:
    """Makes the list, or adds revocations that only the log has. Returns its path. Raises KeyFileError.

    Otherwise a lost list, or one from an older backup, would let in everybody who was revoked.
    """
    with _alone(directory):
        there, logged = read(directory), issued_certificates.revoked(directory)
        listed = {one.serial_number: one.revocation_date_utc for one in there or ()}
        issued_certificates.enter_revoked(directory, [(one, at) for one, at in listed.items() if one not in logged])
        if there is None or logged.keys() - listed.keys():
            _write(directory, there or ())
    return directory / NAME


def read(directory: Path) -> x509.CertificateRevocationList | None:
    """The list; None if there is none. Raises KeyFileError for a damaged one."""
    path = directory / NAME
    try:
        return x509.load_pem_x509_crl(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise KeyFileError(
            f"{path}: the list of revoked certificates cannot be read; restore it from your backup"
        ) from error


def revoked(directory: Path) -> frozenset[int]:
    """The serial numbers in the list. Raises KeyFileError."""
    return frozenset(one.serial_number for one in read(directory) or ())


def valid(directory: Path, name: str) -> list[Issued]:
    """The certificates of a common name that are neither revoked nor ended, the oldest first. Raises
    KeyFileError.
    """
    gone, now = revoked(directory), datetime.now(UTC)
    theirs = (
        one
        for one in issued_certificates.everything(directory)
        if one.name == name and one.stem != issued_certificates.SERVER
    )
    return [one for one in theirs if one.serial not in gone and one.end > now]


def revoke(directory: Path, which: Iterable[Issued]) -> Path:
    """Adds certificates to the list and signs it again. Returns its path. Raises KeyFileError."""
    now = datetime.now(UTC)
    with _alone(directory):  # otherwise a second command could write the list without these
        logged = issued_certificates.revoked(directory)
        issued_certificates.enter_revoked(
            directory, [(one.serial, now) for one in which if one.serial not in logged]
        )
        return _write(directory, read(directory) or ())


def take_over(directory: Path, forgotten: Mapping[int, datetime], least: int) -> Path:
    """Adds serial numbers to the list and gives it a number above `least`. Returns its path. Raises
    KeyFileError.
    """
    with _alone(directory):
        logged = issued_certificates.revoked(directory)
        issued_certificates.enter_revoked(
            directory, [(one, at) for one, at in forgotten.items() if one not in logged]
        )
        return _write(directory, read(directory) or (), least)


def number(crl: x509.CertificateRevocationList | None) -> int:
    """The number of the list, which grows with each list that is written; 0 for None."""
    if crl is None:
        return 0
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise KeyFileError(f"{directory}: cannot be opened ({error.strerror}); `central init` makes it") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(directory: Path, entries: Iterable[x509.RevokedCertificate], least: int = 0) -> Path:
    """Writes a list of these entries and all revocations in the log. Returns its path."""
    entries = list(entries)
    there = {one.serial_number for one in entries}
    for serial, at in issued_certificates.revoked(directory).items():
        if serial not in there:
            entries.append(x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at).build())
    authority, key = certificates.load_authority(directory)
    now = datetime.now(UTC)
    before = read(directory)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(now - _BACKDATED)
        .next_update(max(authority.not_valid_after_utc, now))
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .add_extension(x509.CRLNumber(max(number(before), least) + 1), critical=False)
    )
    for entry in entries:
        builder = builder.add_revoked_certificate(entry)
    path = directory / NAME
    text = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    certificates.write_file(path, text)
    return path
