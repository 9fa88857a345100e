"""The list of certificates that count no more: what mosquitto's `crlfile` reads.

It is valid for as long as the authority itself: a list that ended would lock everybody out, and one that lies
beside the broker is as fresh as its copy, whatever it says of itself.
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
    """Make the list, and make it whole where it lacks what the log knows; its path. Raises KeyFileError.

    A list that was lost, or came from an older backup, would otherwise let everybody in again.
    """
    with _alone(directory):
        there, logged = read(directory), issued_certificates.revoked(directory)
        listed = {one.serial_number: one.revocation_date_utc for one in there or ()}
        issued_certificates.enter_revoked(directory, [(one, at) for one, at in listed.items() if one not in logged])
        if there is None or logged.keys() - listed.keys():
            _write(directory, there or ())
    return directory / NAME


def read(directory: Path) -> x509.CertificateRevocationList | None:
    """The list as it stands; None where there is none. Raises KeyFileError for a damaged one."""
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
    """The serial numbers in it. Raises KeyFileError."""
    return frozenset(one.serial_number for one in read(directory) or ())


def valid(directory: Path, name: str) -> list[Issued]:
    """The certificates of a common name that still count, the oldest first. Raises KeyFileError."""
    gone, now = revoked(directory), datetime.now(UTC)
    theirs = (
        one
        for one in issued_certificates.everything(directory)
        if one.name == name and one.stem != issued_certificates.SERVER
    )
    return [one for one in theirs if one.serial not in gone and one.end > now]


def revoke(directory: Path, which: Iterable[Issued]) -> Path:
    """Put these into the list, signed anew; its path. Raises KeyFileError."""
    now = datetime.now(UTC)
    with _alone(directory):  # of two at once, the second would write the list without the first one's
        logged = issued_certificates.revoked(directory)
        issued_certificates.enter_revoked(
            directory, [(one.serial, now) for one in which if one.serial not in logged]
        )
        return _write(directory, read(directory) or ())


def take_over(directory: Path, forgotten: Mapping[int, datetime], least: int) -> Path:
    """Put these serial numbers into the list, and give it a number above `least`; its path. Raises KeyFileError."""
    with _alone(directory):
        logged = issued_certificates.revoked(directory)
        issued_certificates.enter_revoked(
            directory, [(one, at) for one, at in forgotten.items() if one not in logged]
        )
        return _write(directory, read(directory) or (), least)


def number(crl: x509.CertificateRevocationList | None) -> int:
    """It grows with each list that is written; 0 for none."""
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
    """These, and all that the log names."""
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
