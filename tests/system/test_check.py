"""`smartclocker check` sees what `run` would meet: every problem at once, each with the cure that helps."""

import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from edge.central.broker import certificates
from edge.crypto import key_files
from edge.domain.protocol.record import Origin
from edge.journal.journal import Journal
from edge.sandbox import SandboxCentre, write_terminal
from edge.terminal import installed
from tests.support.checked import begun, check

__all__ = ["check"]  # fixtures

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")


def change(site, old: str, new: str) -> None:
    text = site.config.read_text()
    assert old in text
    site.config.write_text(text.replace(old, new))


def anew(path: Path, make: Callable[[Path], object]) -> None:
    path.unlink()
    make(path)


def test_a_terminal_in_order_is_ok_before_and_after_its_first_start(site, check) -> None:
    assert check(site.config) == []
    begun(site)
    before = {path: path.read_bytes() for path in (site.directory / "state").iterdir()}
    assert check(site.config) == []
    assert {path: path.read_bytes() for path in (site.directory / "state").iterdir()} == before


def test_keys_of_another_terminal(site, check) -> None:
    begun(site)
    anew(site.directory / "identity", key_files.create_identity)
    anew(site.directory / "storage", key_files.create_secret)
    journal, people = check(site.config)
    assert "signed by the key" in journal
    assert "bring back that identity" in journal
    assert people.startswith("keys.storage: the storage key does not open the people")


def test_a_journal_of_another_name(site, check) -> None:
    begun(site)
    change(site, '"entrance-1"', '"entrance-2"')
    (said,) = check(site.config)
    assert "the journal of demo/entrance-1, not of demo/entrance-2" in said


@pytest.mark.parametrize("name", ["journal.db", "people.db"])
def test_a_damaged_file_is_named_by_check(site, check, name: str) -> None:
    begun(site)
    path = site.directory / "state" / name
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    (said,) = check(site.config)
    assert "truncated" in said
    path.write_bytes(whole[:100] + os.urandom(len(whole) - 100))
    (said,) = check(site.config)
    assert "damaged" in said or "malformed" in said or "altered" in said


def test_a_disk_that_is_smaller_than_the_journal_may_grow(site, check) -> None:
    change(site, "max_bytes = 64000000", "max_bytes = 900000000000000"[:-3])
    disk = os.statvfs(site.directory)
    assert disk.f_bavail * disk.f_frsize < 900_000_000_000, (
        "a test machine with so much space needs a larger figure"
    )
    (said,) = check(site.config)
    assert said.startswith("storage.max_bytes: ")
    assert "free some space" in said


def test_a_state_directory_that_is_missing_is_no_directory_or_open_to_others(site, check) -> None:
    state = site.directory / "state"
    state.chmod(0o777)
    assert [line.split(";")[0] for line in check(site.config)] == [f"storage.state: others may write into {state}"]
    state.rmdir()
    (said,) = check(site.config)
    assert "install -d -m 700 -o smartclocker -g smartclocker" in said
    state.touch()
    (said,) = check(site.config)
    assert "is no directory" in said


def test_folders_of_keys_that_everybody_may_write_into(site, check) -> None:
    site.directory.chmod(0o777)
    (said,) = check(site.config)
    assert said.startswith("keys.identity: everybody may write into")


def test_a_policy_that_nobody_could_have_agreed_to(site, check) -> None:
    policy = site.directory / "policy.md"
    for content, said in ((b"", "is empty"), (b" \n", "is empty"), (b"caf\xe9", "is not UTF-8 text")):
        policy.write_bytes(content)
        (found,) = check(site.config)
        assert said in found
    policy.write_bytes(b"\xef\xbb\xbfYour face is used to clock in.\n")
    assert check(site.config) == []


def test_libraries_of_the_hardware_that_are_not_here(site, check, monkeypatch) -> None:
    import importlib.util

    from edge.errors import CameraError
    from edge.terminal.checks import devices

    def absent() -> None:
        raise CameraError("the camera library cannot be loaded; apt install python3-picamera2")

    monkeypatch.setattr(devices, "load_library", absent)
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "lgpio" else real(name, *more)
    )
    change(site, 'kind = "replay"', 'kind = "pi"')
    change(site, 'kind = "console"', 'kind = "gpio"')
    camera, lights = check(site.config)
    assert camera.startswith("camera.kind: the camera library cannot be loaded")
    assert lights.startswith("signals.kind: the GPIO library is not installed (lgpio)")


def test_devices_that_are_not_there(site, check) -> None:
    site.config.write_text(site.config.read_text() + '[reader]\nkind = "script"\nscript = "none"\n')
    (said,) = check(site.config)
    assert said.startswith(f"reader.script: no {site.directory}/none")


def test_a_control_socket_that_cannot_be_made(site, check) -> None:
    text = site.config.read_text()
    (site.directory / "taken").write_text("mine")
    (site.directory / "shared").mkdir()
    (site.directory / "shared").chmod(0o1777)
    refused = (
        ("nowhere/at/all/control", "make its folder"),
        ("taken", "is something else"),
        ("shared/control", "everybody may write to"),
    )
    for path, said in refused:
        site.config.write_text(f'{text}\n[control]\nsocket = "{site.directory / path}"\n')
        (problem,) = check(site.config)
        assert problem.startswith("control.socket: ")
        assert said in problem
    site.config.write_text(f'{text}\n[control]\nsocket = "{site.directory / "control"}"\n')
    assert check(site.config) == []


def test_a_group_that_this_machine_lacks_is_noted(site, smartclocker) -> None:
    with site.config.open("a") as file:
        file.write('\n[control]\ngroup = "no-such-group-here"\n')
    done = smartclocker("check", "--config", site.config)
    assert done.returncode == 0
    assert "note: control.group: this machine has no group no-such-group-here; `groupadd --system" in done.stdout


def test_buttons_that_are_not_there_or_need_a_library(site, check, monkeypatch) -> None:
    text = site.config.read_text()
    site.config.write_text(text + '[buttons]\nkind = "script"\nscript = "none"\n')
    (said,) = check(site.config)
    assert said == f"buttons.script: no {site.directory}/none; `mkfifo` makes it"
    os.mkfifo(site.directory / "none")
    assert check(site.config) == []
    site.config.write_text(text + '[buttons]\nkind = "gpio"\nin_pin = 5\n')
    (said,) = check(site.config)
    assert said.startswith("buttons.kind: ")
    assert said.endswith('set buttons.kind to "none"')


def test_every_problem_of_a_fresh_install_at_once_each_once_with_where_it_comes_from(tmp_path, check) -> None:
    directory = tmp_path / "etc"
    directory.mkdir()
    config = directory / "config.toml"
    text = Path("provisioning/config.example.toml").read_text()
    for old, new in [
        ('# ledger = "/etc/smartclocker/ledger.pem"', 'ledger = "ledger.pem"'),
        ('# authority = ""', 'authority = "authority.pem"'),
        ('# identity = "credential:identity"', 'identity = "identity"'),
        ('# storage = "credential:storage"', 'storage = "storage"'),
        ('# ca = "/etc/smartclocker/tls/ca.pem"', 'ca = "ca.pem"'),
        ('# certificate = "/etc/smartclocker/tls/terminal.pem"', 'certificate = "terminal.pem"'),
        ('# key = "credential:tls-key"', 'key = "tls-key"'),
        ('# state = "/var/lib/smartclocker"', 'state = "state"'),
        ('# kind = "pi"', 'kind = "replay"'),
        ('# replay = ""', 'replay = "photos"'),
        ('# kind = "gpio"', 'kind = "console"'),
    ]:
        assert old in text, old
        text = text.replace(old, new, 1)
    config.write_text(text)
    found = check(config)
    assert [line.split(":")[0] for line in found] == [
        "keys.identity", "keys.storage", "keys.ledger", "keys.authority", "policy.text",
        "uplink.ca", "uplink.certificate", "uplink.key", "camera.replay", "storage.state",
    ]  # fmt: skip
    said = dict(line.split(":", 1) for line in found)
    assert "smartclocker keys create" in said["keys.identity"]
    assert "`smartclocker central init` made it" in said["keys.ledger"]
    assert "`smartclocker central authority init` made it" in said["keys.authority"]
    assert "`smartclocker central issue` made it" in said["uplink.key"]
    assert len(set(found)) == len(found)


def with_centre_in(tmp_path: Path, photos: Path) -> Path:
    """A terminal's configuration whose certificate and pinned key are there; no broker runs."""
    certificates.create_authority(tmp_path / "pki")
    files = certificates.issue_client(tmp_path / "pki", "entrance-1")
    ledger = key_files.create_identity(tmp_path / "ledger.key").verify_key
    (tmp_path / "ledger.pem").write_text(key_files.public_pem(ledger))
    replay = tmp_path / "replay"
    replay.mkdir()
    shutil.copy(photos / "obama3.jpg", replay)
    centre = SandboxCentre("localhost", 8883, files.ca, files.certificate, files.key, tmp_path / "ledger.pem")
    return write_terminal(tmp_path / "terminal", replay, centre=centre)


@pytest.fixture
def with_centre(tmp_path: Path, photos: Path) -> Path:
    return with_centre_in(tmp_path, photos)


def test_a_centre_without_an_authority_is_noted_and_no_problem(with_centre: Path, check) -> None:
    assert check(with_centre) == []
    (note,) = check(with_centre, notes=True)
    assert note.startswith("keys.authority: is not set")


def test_a_tls_key_that_the_group_may_read(with_centre: Path, check, tmp_path: Path) -> None:
    key = tmp_path / "pki/client-entrance-1.key"
    key.chmod(0o640)
    (said,) = check(with_centre)
    assert said == f"uplink.key: {key}: readable or writable by others; `chmod 600 {key}`"


def _uplink_files(directory: Path) -> list[Path]:
    return [directory / "pki" / name for name in ("client-entrance-1.key", "client-entrance-1.crt", "ca.crt")]


def test_a_key_that_was_not_lent_hides_nothing_of_the_certificates(
    with_centre: Path, check, tmp_path: Path
) -> None:
    """Each file by itself, whatever the others are."""
    key, certificate, ca = _uplink_files(tmp_path)
    text = with_centre.read_text()
    assert str(key) in text
    with_centre.write_text(text.replace(str(key), "credential:tls-key-of-nobody"))
    (said,) = check(with_centre)
    assert said.startswith("uplink.key: credential:tls-key-of-nobody: this process was given no")
    ca.unlink()
    certificate.write_text("rubbish")
    assert [line.split(";")[0] for line in check(with_centre)] == [
        f"uplink.ca: {ca}: does not exist",
        f"uplink.certificate: {certificate}: not a PEM certificate, or a damaged one",
        said.split(";")[0],
    ]


def test_a_damaged_certificate_or_key_is_seen_beside_any_other_that_is(
    with_centre: Path, check, tmp_path: Path
) -> None:
    key, certificate, ca = _uplink_files(tmp_path)
    key.write_text("rubbish")
    (said,) = check(with_centre)
    assert said.startswith(f"uplink.key: {key}: not an unencrypted private key in PEM")
    certificate.write_text("-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n")
    ca.write_text("")
    assert [line.split(":")[0] for line in check(with_centre)] == ["uplink.ca", "uplink.certificate", "uplink.key"]


def test_a_certificate_that_ends_is_noted_although_the_key_is_not_lent(
    with_centre: Path, check, tmp_path: Path
) -> None:
    from datetime import timedelta

    certificates.issue_client(tmp_path / "pki", "entrance-1", lifetime=timedelta(days=9))
    text = with_centre.read_text()
    with_centre.write_text(
        text.replace(str(tmp_path / "pki/client-entrance-1.key"), "credential:tls-key-of-nobody")
    )
    assert any(note.startswith("uplink.certificate:") for note in check(with_centre, notes=True))


@as_root
def test_what_root_can_read_and_the_service_cannot(photos: Path, check, reachable: Path) -> None:
    """The service's user is the owner of the state directory."""
    tmp_path, with_centre = reachable, with_centre_in(reachable, photos)
    nobody = 65534
    directory = with_centre.parent
    for path in (directory / "state", directory / "identity", directory / "storage"):
        os.chown(path, nobody, nobody)
    os.chown(tmp_path / "pki/client-entrance-1.key", nobody, nobody)
    for folder in (directory, tmp_path / "pki", tmp_path / "replay"):
        folder.chmod(0o755)
    for path in (directory / "policy.md", *(tmp_path / "pki").glob("*.crt"), tmp_path / "ledger.pem"):
        path.chmod(0o644)
    assert check(with_centre) == []
    (tmp_path / "ledger.pem").chmod(0o600)
    (directory / "policy.md").chmod(0o600)
    ledger, policy = check(with_centre)
    assert (
        ledger
        == f"keys.ledger: {tmp_path}/ledger.pem: not readable by uid 65534; `chmod 644 {tmp_path}/ledger.pem`"
    )
    assert policy.startswith(f"policy.text: {directory}/policy.md cannot be read: Permission denied")
    assert os.geteuid() == 0


def test_a_disk_that_is_mounted_read_only(site, check, monkeypatch) -> None:
    """Not every machine of ours may mount: the kernel's flag is put into its answer."""
    real = os.statvfs
    fields = ("f_bavail", "f_frsize", "f_flag")

    def read_only(path):
        found = {name: getattr(real(path), name) for name in fields}
        return SimpleNamespace(**found | {"f_flag": found["f_flag"] | os.ST_RDONLY})

    monkeypatch.setattr(os, "statvfs", read_only)
    (said,) = check(site.config)
    assert "is mounted read-only; mount it writable" in said


def test_the_words_for_people(site, smartclocker) -> None:
    done = smartclocker("check", "--config", site.config)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{site.config}: ok\n", "")
    (site.directory / "policy.md").unlink()
    done = smartclocker("check", "--config", site.config)
    assert done.returncode == 78
    assert done.stdout.splitlines()[-1] == f"{site.config}: 1 to mend"


def test_a_journal_in_use_is_looked_at_beside_the_service(site, check) -> None:
    begun(site)
    identity = key_files.load_identity(site.directory / "identity")
    with closing(Journal(site.journal, Origin("demo", "entrance-1"), identity)):
        assert check(site.config) == []


def test_a_folder_that_may_not_be_entered_is_a_problem_and_no_end(site, check, monkeypatch) -> None:
    def closed(_config) -> None:
        raise PermissionError(13, "Permission denied", "/opt/models")

    monkeypatch.setattr(installed, "model_store", closed)
    (said,) = check(site.config)
    assert (
        said == "storage.models: /opt/models: Permission denied; let the service's user read it and the files in it"
    )
