"""The installer when it is interrupted, given again, or given for an update, and how it destroys everything."""

import fcntl
import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.support.installer_machine import Machine

UNIT = "etc/systemd/system/smartclocker.service"
RUNNING = {"ACTIVE": "0"}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return _machine(tmp_path)


def _machine(directory: Path) -> Machine:
    directory.mkdir(exist_ok=True)
    machine = Machine(directory)
    machine.boot()
    return machine


def test_a_second_run_changes_nothing_and_says_so(machine: Machine) -> None:
    assert "nothing was changed" not in machine.install()
    before, done = machine.tree(times=True), machine.done
    assert "nothing was changed" in machine.install()
    assert machine.tree(times=True) == before
    assert machine.done == done


def test_killed_after_any_action_the_next_run_ends_in_the_same_state(tmp_path: Path) -> None:
    whole = _machine(tmp_path / "whole")
    whole.install()
    action = 1
    while True:
        machine = _machine(tmp_path / f"killed-{action}")
        if not machine.killed_after(action):
            break
        machine.install()
        assert machine.tree() == whole.tree(), f"after action {action}"
        action += 1
    assert action > 20


def test_an_update_killed_after_any_action_always_leaves_a_whole_program_and_is_restarted_in_the_end(
    tmp_path: Path,
) -> None:
    whole = _updated(tmp_path / "whole")
    whole.install(**RUNNING)
    action = 1
    while True:
        machine = _updated(tmp_path / f"killed-{action}")
        if not machine.killed_after(action, **RUNNING):
            break
        release = (machine.root / "opt/smartclocker/venv").resolve()
        assert (release / "complete").exists()
        assert (release / "program").read_text() == "whole\n"
        machine.install(**RUNNING)
        assert machine.tree() == whole.tree(), f"after action {action}"
        assert "systemctl restart smartclocker.service" in machine.done, f"after action {action}"
        action += 1
    assert action > 12


def _updated(directory: Path) -> Machine:
    """A machine with a release, before the installer of the next one."""
    machine = _machine(directory)
    machine.install()
    machine.version("0.2.0")
    return machine


def test_an_update_restarts_a_running_terminal_and_keeps_the_program_before(machine: Machine) -> None:
    machine.install()
    first = machine.link("venv")
    for version in ("0.2.0", "0.3.0"):
        machine.version(version)
        before = machine.link("venv")
        machine.install(**RUNNING)
        assert machine.link("former") == before
    assert not machine.there(f"opt/smartclocker/{first}")
    assert machine.link("venv").startswith("releases/0.3.0-")
    told = [line.split(" --config")[0] for line in machine.done]
    assert told[-3:] == ["smartclocker check", "systemctl daemon-reload", "systemctl restart smartclocker.service"]


def test_an_update_that_does_not_pass_the_check_leaves_the_running_terminal_as_it_is(machine: Machine) -> None:
    machine.install()
    machine.version("0.2.0")
    before, done = machine.tree(), len(machine.done)
    said = machine.install(code=69, CHECK="78", **RUNNING)
    assert "problem: the policy is empty" in said
    assert 'the step "the check of the new program" failed' in said
    assert "goes on with the program that it has" in said
    after = machine.tree()
    assert {path: after[path] for path in before} == before
    assert not [line for line in machine.done[done:] if line.startswith("systemctl")]
    machine.install(**RUNNING)  # once it is mended
    assert machine.link("venv").startswith("releases/0.2.0-")


def test_a_restart_that_fails_is_named_and_tried_again(machine: Machine) -> None:
    machine.install()
    before = machine.link("venv")
    machine.version("0.2.0")
    said = machine.install(code=69, REFUSED="restart", **RUNNING)
    assert 'the step "the restart of the terminal" failed' in said
    assert "journalctl -u smartclocker says why; the program before is /opt/smartclocker/former" in said
    assert machine.link("former") == before
    machine.install(**RUNNING)
    assert machine.done[-1] == "systemctl restart smartclocker.service"


def test_a_stopped_terminal_is_updated_without_a_check_and_not_started(machine: Machine) -> None:
    machine.install()
    machine.version("0.2.0")
    machine.install(CHECK="78")
    assert machine.link("venv").startswith("releases/0.2.0-")
    assert "systemctl restart smartclocker.service" not in machine.done


def test_the_program_of_an_installer_without_releases_is_kept_as_the_former_one(tmp_path: Path) -> None:
    def earlier(directory: Path) -> Machine:
        machine = _machine(directory)
        (machine.root / "opt/smartclocker/venv/bin").mkdir(parents=True)
        (machine.root / "opt/smartclocker/venv/bin/smartclocker").write_text("before")
        return machine

    whole = earlier(tmp_path / "whole")
    whole.install()
    assert (whole.root / "opt/smartclocker/former/bin/smartclocker").read_text() == "before"
    action = 1
    while True:
        machine = earlier(tmp_path / f"killed-{action}")
        if not machine.killed_after(action):
            break
        machine.install()
        assert machine.tree() == whole.tree(), f"after action {action}"
        action += 1


@pytest.mark.parametrize(
    ("stand_in", "step", "cure"),
    [
        ("APT", "Debian packages", "connect this machine to a network"),
        ("PIP", "the program", "free space on the disk"),
    ],
)
def test_a_failed_step_is_named_with_its_cure_and_the_next_run_goes_on(
    machine: Machine, stand_in: str, step: str, cure: str
) -> None:
    said = machine.install(code=69, **{stand_in: "1"})
    assert f'the step "{step}" failed, at: ' in said
    assert cure in said
    assert "give the same command again" in said
    assert "Next:" in machine.install()


def test_two_installers_at_once_are_refused(machine: Machine) -> None:
    lock = machine.root / "run/smartclocker-install.lock"
    held = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "another installer is running" in machine.install(code=69)
    finally:
        os.close(held)
    assert not machine.there("opt")


def test_what_anybody_may_lock_keeps_no_installer_back(machine: Machine) -> None:
    held = os.open(machine.root, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        machine.install()
    finally:
        os.close(held)
    assert stat.S_IMODE((machine.root / "run/smartclocker-install.lock").stat().st_mode) == 0o600


@pytest.mark.parametrize("words", [(), ("--uninstall",), ("--purge",)])
def test_a_dry_run_changes_nothing(machine: Machine, words: tuple[str, ...]) -> None:
    for _ in range(2):
        before = machine.tree(times=True)
        assert "would run: " in machine.install("--dry-run", *words)
        assert machine.tree(times=True) == before
        machine.install()
        machine.version("0.2.0")


def test_a_raspberry_pi_without_its_camera_library_is_refused_before_an_installation(
    machine: Machine,
) -> None:
    machine.is_a_pi()
    lacks = {"LACKS": "python3-picamera2 python3-lgpio"}
    said = machine.install(code=69, **lacks)
    assert "install Raspberry Pi OS (64-bit) on the card, or give --without-camera" in said
    assert not machine.there("opt")
    assert not [line for line in machine.done if line.startswith("apt-get install")]
    said = machine.install("--without-camera", **lacks)
    assert "left out, for this system has no package python3-lgpio" in said
    (line,) = [line for line in machine.done if "apt-get install" in line]
    assert line.endswith("python3 openssl python3-venv python3-evdev")


def test_on_raspberry_pi_os_camera_and_header_come_from_its_packages(machine: Machine) -> None:
    machine.is_a_pi()
    machine.install()
    (line,) = [line for line in machine.done if "apt-get install" in line]
    assert line.endswith("python3-lgpio python3-evdev python3-picamera2")


def test_without_package_lists_a_raspberry_pi_is_not_taken_for_another_system(machine: Machine) -> None:
    machine.is_a_pi()
    assert "Next:" in machine.install(LACKS="python3 python3-picamera2 python3-lgpio")


def test_a_system_of_32_bits_is_refused(machine: Machine) -> None:
    assert "install the 64-bit Raspberry Pi OS" in machine.install(code=69, MACHINE="armhf")


def test_destroying_asks_first_and_says_what_is_lost(machine: Machine) -> None:
    machine.install()
    (machine.root / "var/lib/smartclocker").mkdir(parents=True)
    (machine.root / "var/lib/smartclocker/people.db").write_text("people")
    before = machine.tree()
    for typed in ("", "yes\n"):
        said = machine.install("--purge", typed=typed, code=69)
        assert "Once its key is erased, nobody can read it again" in said
        assert "not confirmed: nothing was changed" in said
        assert machine.tree() == before
    assert "destroyed: keys and data" in machine.install("--purge", typed="destroy\n")
    for gone in ("etc/smartclocker", "var/lib/smartclocker", "opt/smartclocker", UNIT):
        assert not machine.there(gone), gone
    assert "destroyed: keys and data" in machine.install("--purge", "--yes")


def test_destroying_begins_with_the_keys_and_can_be_killed_at_any_action(tmp_path: Path) -> None:
    action = 1
    while True:
        machine = _machine(tmp_path / f"killed-{action}")
        machine.install()
        (machine.root / "var/lib/smartclocker").mkdir(parents=True)
        (machine.root / "var/lib/smartclocker/people.db").write_text("people")
        if not machine.killed_after(action, "--purge", "--yes"):
            break
        keys, people = (
            machine.there("etc/smartclocker/keys/storage"),
            machine.there("var/lib/smartclocker/people.db"),
        )
        assert people or not keys
        machine.install("--purge", "--yes")
        for gone in ("etc/smartclocker", "var/lib/smartclocker", "opt/smartclocker", UNIT):
            assert not machine.there(gone), gone
        action += 1
    assert action > 6


def test_destroying_a_terminal_leaves_what_a_centre_on_the_same_machine_has(machine: Machine) -> None:
    machine.install()
    (machine.root / "etc/systemd/system/smartclocker-ledger.service").touch()
    (machine.root / "etc/smartclocker/ledger.env").touch()
    machine.install("--purge", "--yes")
    assert machine.there("etc/smartclocker/ledger.env")
    assert not machine.there("etc/smartclocker/keys")
    assert machine.there("opt/smartclocker/venv/bin/smartclocker")


def test_destroying_empties_a_state_directory_behind_a_link_or_on_a_disk_of_its_own(machine: Machine) -> None:
    state, disk = machine.root / "var/lib/smartclocker", machine.root / "srv/disk"
    for by_link in (True, False):
        machine.install()
        (disk / "evidence").mkdir(parents=True, exist_ok=True)
        (disk / "evidence/image").write_text("sealed")
        (disk / "link").symlink_to(machine.root / "usr")
        if by_link:
            state.parent.mkdir(parents=True, exist_ok=True)
            state.symlink_to(disk)
        else:
            state.unlink()
            disk.rename(state)
            (machine.bin / "mountpoint").unlink()
            machine.stand_in("mountpoint", "case $2 in */smartclocker) ;; *) exit 1 ;; esac")
        assert "emptied: /var/lib/smartclocker" in machine.install("--purge", "--yes")
        assert list(state.iterdir()) == []
        assert machine.there("usr"), "what a link in it leads to"
        assert not machine.there("etc/smartclocker")


def test_destroying_a_terminal_leaves_the_backup_key_of_a_centre_that_was_removed(machine: Machine) -> None:
    machine.install()
    (machine.root / "etc/smartclocker/backup.key").write_text("secret")
    machine.install("--purge", "--yes")
    assert machine.there("etc/smartclocker/backup.key")
    assert not machine.there("etc/smartclocker/keys")


def test_a_state_directory_of_the_configuration_is_named_and_not_touched(machine: Machine) -> None:
    machine.install()
    (machine.root / "etc/smartclocker/config.toml").write_text('[storage]\nstate = "/srv/state"\n')
    assert "storage.state named /srv/state" in machine.install("--purge", "--yes")


def test_keys_that_lie_elsewhere_are_named(machine: Machine) -> None:
    machine.install()
    text = (
        "[storage]\nstate = '/srv/my state'\n[keys]\n"
        'identity = "/srv/one"  # mine\nstorage = "/etc/smartclocker/keys/storage"\n'
    )
    (machine.root / "etc/smartclocker/config.toml").write_text(text)
    said = machine.install("--purge", "--yes")
    assert "storage.state named /srv/my state: that directory" in said
    assert "keys.identity named /srv/one: that key was not touched" in said
    assert "keys.storage named" not in said


def test_beside_a_centre_the_program_gets_the_centres_library_with_its_hashes(machine: Machine) -> None:
    machine.install()
    (machine.root / "etc/systemd/system/smartclocker-ledger.service").touch()
    machine.install()
    added = (machine.root / "opt/smartclocker/venv/centre.txt").read_text().splitlines()
    assert [line.split("==")[0] for line in added if "==" in line] == ["cryptography"]
    assert len([line for line in added if "--hash=sha256:" in line]) > 5
    (line,) = [line for line in machine.done if "centre.txt" in line]
    assert "--require-hashes --no-deps" in line


def test_a_search_path_for_folders_leads_nowhere_else(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "elsewhere/provisioning").mkdir(parents=True)
    said = subprocess.run(
        ["/bin/sh", "provisioning/install.sh", "--dry-run"],
        cwd=machine.source,
        env={"PATH": str(machine.bin), "INSTALL_ROOT": str(machine.root), "LOG": str(machine.log),
             "KEPT": str(machine.kept), "CDPATH": str(tmp_path / "elsewhere")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
