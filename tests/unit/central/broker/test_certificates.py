"""The private authority: who is named how, for how long, and in which files."""

import ssl
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge.central.broker import certificates
from edge.errors import KeyFileError


def load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    certificates.create_authority(tmp_path / "pki")
    return tmp_path / "pki"


def test_the_server_s_certificate_names_every_host_and_address(directory):
    certificate = load(certificates.issue_server(directory, ["broker.example", "192.0.2.7", "::1"]).certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["broker.example"]
    assert names.get_values_for_type(x509.IPAddress) == [ip_address("192.0.2.7"), ip_address("::1")]
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]


def test_a_client_s_certificate_carries_its_name_and_serves_no_one(directory):
    certificate = load(certificates.issue_client(directory, "gate-1").certificate)
    assert [a.value for a in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["gate-1"]
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert not constraints.ca


def test_lifetimes_and_keys(directory):
    authority, leaf = load(directory / "ca.crt"), load(certificates.issue_client(directory, "gate-1").certificate)
    now = datetime.now(UTC)
    assert leaf.not_valid_before_utc < now - timedelta(minutes=50), "a clock that is behind accepts it"
    assert timedelta(days=824) < leaf.not_valid_after_utc - now <= timedelta(days=825)
    assert authority.not_valid_after_utc - now > timedelta(days=3650)
    for certificate in (authority, leaf):
        key = certificate.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert key.curve.name == "secp256r1"


def test_private_keys_are_closed_and_certificates_are_open(directory):
    files = certificates.issue_client(directory, "gate-1")
    assert stat.S_IMODE(files.key.stat().st_mode) == 0o600
    assert stat.S_IMODE((directory / "ca.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(files.certificate.stat().st_mode) == 0o644
    assert not list(directory.glob(".*")), "no leftovers"


def test_openssl_accepts_the_chain_strictly(directory):
    server = certificates.issue_server(directory, ["localhost"])
    client = certificates.issue_client(directory, "gate-1")
    for purpose, files in (("sslserver", server), ("sslclient", client)):
        result = subprocess.run(
            ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", server.ca, files.certificate],
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
    ssl.create_default_context(cafile=server.ca).load_cert_chain(client.certificate, client.key)


def test_an_authority_that_is_there_is_kept(directory):
    before = (directory / "ca.crt").read_bytes(), (directory / "ca.key").read_bytes()
    certificates.create_authority(directory)
    assert ((directory / "ca.crt").read_bytes(), (directory / "ca.key").read_bytes()) == before


def test_issuing_again_renews(directory):
    first = load(certificates.issue_client(directory, "gate-1").certificate)
    again = load(certificates.issue_client(directory, "gate-1").certificate)
    assert first.serial_number != again.serial_number


@pytest.mark.parametrize("name", ["", "+", "#", "gate/1", "Gate", "a" * 33, "gate 1", "gate\n"])
def test_a_name_that_would_widen_the_acl_is_refused(directory, name):
    with pytest.raises(ValueError, match="lower-case letters"):
        certificates.issue_client(directory, name)


def test_a_server_without_a_name_is_refused(directory):
    with pytest.raises(ValueError, match="at least one"):
        certificates.issue_server(directory, [])


def test_half_an_authority_is_never_replaced(directory):
    """A lost ca.key must be noticed: a new authority would cut every terminal off."""
    (directory / "ca.key").unlink()
    with pytest.raises(KeyFileError, match=r"ca\.key.*backup"):
        certificates.create_authority(directory)


@pytest.mark.parametrize("name", ["ca.crt", "ca.key"])
def test_a_missing_or_damaged_authority_is_an_error_with_a_cure(directory, name):
    (directory / name).write_text("-----BEGIN NOTHING-----\n")
    with pytest.raises(KeyFileError, match="restore both from your backup"):
        certificates.issue_client(directory, "gate-1")
    (directory / name).unlink()
    with pytest.raises(KeyFileError, match=f"{name}: the certificate authority cannot be read"):
        certificates.issue_client(directory, "gate-1")
