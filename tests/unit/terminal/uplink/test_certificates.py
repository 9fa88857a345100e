"""Certificates and their ends: read without a library, seen thirty days ahead at the terminal and at the centre."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from edge.adapters.mqtt import certificate
from edge.adapters.mqtt.tls import UplinkSettings
from edge.central.broker import revocation_list
from edge.central.broker.certificates import issue_client, issue_server, renew_authority
from edge.cli import main
from edge.domain.protocol.certificate_expiry import CertificateStanding, days, standing
from edge.errors import KeyFileError
from edge.terminal.uplink import certificates
from edge.terminal.uplink.certificates import Watch

NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    words = ["--host", "127.0.0.1", "--site", "main"]
    assert main(["central", "init", str(tmp_path / "centre"), *words]) == 0
    return tmp_path / "centre"


def uplink(base: Path, lifetime: timedelta, name: str = "gate-1") -> UplinkSettings:
    files = issue_client(base / "pki", name, lifetime=lifetime)
    return UplinkSettings("127.0.0.1", 8883, files.ca, files.certificate, files.key)


def gaps(base: Path, capsys) -> list[dict]:
    if not (base / "ledger.db").exists():
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", base / "key"], check=True)
        public = ["openssl", "pkey", "-in", base / "key", "-pubout", "-out", base / "key.pem"]
        subprocess.run(public, check=True)
        assert main(["central", "register", str(base), "main", "gate-1", str(base / "key.pem")]) == 0
    capsys.readouterr()
    main(["central", "gaps", str(base), "--json"])
    return [one for one in json.loads(capsys.readouterr().out) if one["kind"] == "certificate"]


def test_what_is_read_is_what_the_library_reads(base):
    for path in (base / "pki").glob("*.crt"):
        ours, theirs = certificate.read(path), x509.load_pem_x509_certificate(path.read_bytes())
        assert (ours.begin, ours.end) == (theirs.not_valid_before_utc, theirs.not_valid_after_utc)
        assert f"CN={ours.name}" == theirs.subject.rfc4514_string()


def test_openssls_certificates_and_times_after_2049_are_read(tmp_path):
    for name, subject, duration in (("a", "/O=Works/CN=gate-1", "20"), ("b", "/O=No name", "10000")):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", tmp_path / "key",
             "-out", tmp_path / name, "-subj", subject, "-days", duration],
            check=True, capture_output=True,
        )  # fmt: skip
    assert certificate.read(tmp_path / "a").name == "gate-1"
    assert (found := certificate.read(tmp_path / "b")).name == ""
    assert found.end.year > 2050


@pytest.mark.parametrize("keep", [0, 1, 20, 40, 100, 200])
def test_a_damaged_certificate_is_named(base, keep):
    whole = (base / "pki/ca.crt").read_text()
    lines = whole.splitlines()
    (base / "bad").write_text(f"{lines[0]}\n{''.join(lines[1:-1])[:keep]}\n{lines[-1]}\n")
    with pytest.raises(KeyFileError, match="bad: not a PEM certificate"):
        certificate.read(base / "bad")
    with pytest.raises(KeyFileError, match="absent: cannot be read"):
        certificate.read(base / "absent")


def test_thirty_days_ahead_is_the_time_to_say_it():
    begin = NOW - timedelta(days=1)
    for left, stands in (
        (31, CertificateStanding.GOOD),
        (30, CertificateStanding.ENDING),
        (0, CertificateStanding.ENDING),
        (-1, CertificateStanding.ENDED),
    ):
        assert standing(begin, NOW + timedelta(days=left), NOW) is stands
    assert standing(NOW + timedelta(hours=1), NOW + timedelta(days=99), NOW) is CertificateStanding.EARLY
    assert days(NOW + timedelta(days=29, hours=3), NOW) == "in 29 days"
    assert days(NOW + timedelta(hours=3), NOW) == "within a day"


def test_check_names_a_certificate_that_ended_or_is_of_another_terminal(base):
    assert list(certificates.problems(certificates.files_of(uplink(base, timedelta(days=800))), "gate-1")) == []
    (ended,) = certificates.problems(certificates.files_of(uplink(base, timedelta(days=-1))), "gate-1")
    assert "ended on" in ended
    assert "smartclocker central issue" in ended
    (other,) = certificates.problems(certificates.files_of(uplink(base, timedelta(days=800))), "entrance-1")
    assert "issued to 'gate-1'" in other
    assert "terminal.name is 'entrance-1'" in other


def test_check_notes_one_that_ends_soon_and_does_not_fail_for_it(base):
    soon = uplink(base, timedelta(days=12))
    assert list(certificates.problems(certificates.files_of(soon), "gate-1")) == []
    (note,) = certificates.notes(certificates.files_of(soon))
    assert "in 11 days" in note
    assert list(certificates.notes(certificates.files_of(uplink(base, timedelta(days=800))))) == []


def test_the_terminals_alarm_comes_ahead_and_goes_with_a_new_certificate(base, caplog):
    clock = iter([0.0, 0.0, 1.0, 70.0, 70.0])
    soon = uplink(base, timedelta(days=12))
    watch = Watch(lambda: soon, lambda: next(clock))
    assert watch.alarms == ("certificate-ending",)
    issue_client(base / "pki", "gate-1")
    assert watch.alarms == ("certificate-ending",), "the files are not read at every question"
    assert watch.alarms == ()
    assert sum("ends on" in record.getMessage() for record in caplog.records) == 1


def test_without_a_centre_there_is_nothing_to_watch():
    assert Watch(lambda: None, lambda: 0.0).alarms == ()


def test_gaps_names_what_ends_and_what_ended_until_it_is_renewed_or_revoked(base, capsys):
    assert gaps(base, capsys) == []
    issue_client(base / "pki", "gate-1", lifetime=timedelta(days=12))
    issue_client(base / "pki", "payroll", lifetime=timedelta(days=-3))
    issue_server(base / "pki", ["127.0.0.1"], lifetime=timedelta(days=12))
    found = gaps(base, capsys)
    assert [(one["site"], one["terminal"]) for one in found if one["terminal"]] == [("main", "gate-1")]
    text = " ".join(one["text"] for one in found)
    for part in ("certificate of gate-1 ends", "certificate of payroll ended", "the broker's certificate ends"):
        assert part in text
    assert main(["central", "init", str(base)]) == 0
    assert main(["central", "issue", str(base), "gate-1"]) == 0
    (one,) = gaps(base, capsys)
    assert "payroll" in one["text"]
    revocation_list.revoke(base / "pki", [one for one in _all(base) if one.name == "payroll"])
    assert gaps(base, capsys) == []


def test_a_ca_that_ends_within_a_year_is_renewed_under_its_key(base, capsys):
    leaf = issue_client(base / "pki", "gate-1")
    renew_authority(base / "pki", lifetime=timedelta(days=100))
    old = (base / "pki/ca.crt").read_bytes()
    (one,) = gaps(base, capsys)
    assert "the CA's certificate ends" in one["text"]
    assert main(["central", "init", str(base)]) == 0
    assert "copy it to every terminal" in capsys.readouterr().out
    assert gaps(base, capsys) == []
    (base / "old.crt").write_bytes(old)
    listed = revocation_list.read(base / "pki")
    assert listed.next_update_utc > datetime.now(UTC) + timedelta(days=3000)
    for ca in (base / "pki/ca.crt", base / "old.crt"):
        verifying = ["openssl", "verify", "-x509_strict", "-crl_check", "-CRLfile", base / "pki/crl.pem"]
        subprocess.run([*verifying, "-CAfile", ca, leaf.certificate], check=True, capture_output=True)


def _all(base: Path):
    from edge.central.broker import issued_certificates

    return issued_certificates.everything(base / "pki")
