"""The installer, with real files below a folder and stand-ins for the package manager, systemd and the venv."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "provisioning/install.sh"
STAND_INS = {
    "apt-get": 'echo "apt-get $*" >> "$LOG"; exit "${APT:-0}"',
    "systemctl": 'echo "systemctl $*" >> "$LOG"; exit "${SYSTEMCTL:-0}"',
    "systemd-sysusers": 'echo "systemd-sysusers $*" >> "$LOG"',
    "id": 'if [ "$1" = -u ]; then echo 0; else exit 1; fi',
    "python3": """
        for last; do :; done; mkdir -p "$last/bin"
        printf '#!/bin/sh\\n%s\\n' \\
            'echo "pip $* index:${PIP_NO_INDEX:-} links:${PIP_FIND_LINKS:-}" >> "$LOG"' > "$last/bin/pip"
        printf '#!/bin/sh\\necho "smartclocker $*" >> "$LOG"\\n' > "$last/bin/smartclocker"
        chmod +x "$last/bin/pip" "$last/bin/smartclocker" """,
}
NEEDED = (
    "sh",
    "cat",
    "chmod",
    "dirname",
    "env",
    "grep",
    "install",
    "ln",
    "mkdir",
    "printf",
    "readlink",
    "rm",
    "sed",
)


class Machine:
    """What the installer sees."""

    def __init__(self, directory: Path) -> None:
        self.root, self.log, self.bin = directory / "root", directory / "log", directory / "bin"
        self.bin.mkdir()
        self.root.mkdir()
        for name in NEEDED:
            (real,) = [p for p in (Path("/usr/bin", name), Path("/bin", name)) if p.exists()][:1]
            (self.bin / name).symlink_to(real)
        for name, body in STAND_INS.items():
            (self.bin / name).write_text(f"#!/bin/sh\n{body}\n")
            (self.bin / name).chmod(0o755)

    def boot(self) -> None:
        """systemd runs here."""
        (self.root / "run/systemd/system").mkdir(parents=True)

    def install(self, *words: str, code: int = 0, **environment: str) -> str:
        told = {"PATH": str(self.bin), "INSTALL_ROOT": str(self.root), "LOG": str(self.log), **environment}
        done = subprocess.run(
            ["/bin/sh", str(SCRIPT), *words], env=told, text=True, capture_output=True, timeout=300, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    @property
    def done(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    def there(self, path: str) -> bool:
        return os.path.lexists(self.root / path)


COMMAND, UNIT = "usr/local/bin/smartclocker", "etc/systemd/system/smartclocker.service"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_lists_are_refreshed_before_packages_are_installed(machine: Machine) -> None:
    machine.boot()
    said = machine.install()
    first, second = [line for line in machine.done if line.startswith("apt-get")]
    assert first.startswith("apt-get update")
    assert second.startswith("apt-get install")
    assert "systemctl daemon-reload" in machine.done
    assert "Next:" in said
    assert str((machine.root / COMMAND).readlink()) == "/opt/smartclocker/venv/bin/smartclocker"
    assert machine.there(UNIT)


@pytest.mark.parametrize("without", [(), ("systemctl", "systemd-sysusers")], ids=["a chroot", "no systemd at all"])
def test_where_systemd_does_not_run_it_goes_on_to_the_end(machine: Machine, without: tuple[str, ...]) -> None:
    for name in without:
        (machine.bin / name).unlink()
    said = machine.install()
    assert "left out, for systemd does not run here: systemctl daemon-reload" in said
    assert ("left out, for there is no systemd-sysusers" in said) == bool(without)
    assert "Next:" in said
    assert machine.there(UNIT)


def test_packages_that_cannot_be_refreshed_are_no_end(machine: Machine) -> None:
    (machine.bin / "apt-get").write_text('#!/bin/sh\n[ "$1" != update ]\n')
    assert "could not be refreshed" in machine.install()


def test_it_may_be_done_again_and_keeps_what_was_edited(machine: Machine) -> None:
    machine.install()
    config = machine.root / "etc/smartclocker/config.toml"
    config.write_text("mine")
    assert "kept: /etc/smartclocker/config.toml" in machine.install()
    assert config.read_text() == "mine"


def test_without_a_network_every_package_comes_from_the_wheelhouse(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    machine.install("--wheelhouse", str(tmp_path / "wheels"))
    pip = [line for line in machine.done if line.startswith("pip install")]
    assert len(pip) == 2
    assert all(line.endswith(f"index:1 links:{tmp_path}/wheels") for line in pip)
    assert "needs a directory of wheels" in machine.install("--wheelhouse", str(tmp_path / "none"), code=69)
    assert "needs a directory of wheels" in machine.install("--wheelhouse", code=69)


def test_removing_leaves_no_command_that_leads_nowhere(machine: Machine) -> None:
    machine.boot()
    machine.install()
    wanted = machine.root / "etc/systemd/system/multi-user.target.wants"
    wanted.mkdir()
    (wanted / "smartclocker.service").symlink_to("/etc/systemd/system/smartclocker.service")
    machine.install("--uninstall")
    assert "systemctl disable --now smartclocker.service" in machine.done
    for gone in (COMMAND, UNIT, "opt/smartclocker", "etc/sysusers.d/smartclocker.conf"):
        assert not machine.there(gone), gone
    assert list(wanted.iterdir()) == []
    assert machine.there("etc/smartclocker/config.toml")


def test_removing_again_or_where_systemd_refuses_goes_on_to_the_end(machine: Machine) -> None:
    machine.boot()
    machine.install()
    for _ in range(2):
        assert "removed. Kept:" in machine.install("--uninstall", SYSTEMCTL="1")
        assert not machine.there(COMMAND)


def test_a_command_that_somebody_else_made_stays(machine: Machine) -> None:
    machine.install()
    (machine.root / COMMAND).unlink()
    (machine.root / COMMAND).symlink_to("/home/somebody/smartclocker")
    machine.install("--uninstall")
    assert machine.there(COMMAND)


def test_a_ledger_that_runs_from_there_keeps_its_program(machine: Machine) -> None:
    machine.install()
    (machine.root / "etc/systemd/system/smartclocker-ledger.service").touch()
    said = machine.install("--uninstall")
    assert "smartclocker-ledger.service runs from there" in said
    for kept in (COMMAND, "opt/smartclocker/venv/bin/smartclocker", "etc/sysusers.d/smartclocker.conf"):
        assert machine.there(kept), kept
    assert not machine.there(UNIT)


def test_help_says_what_to_do_behind_a_proxy_and_without_a_network(machine: Machine) -> None:
    said = machine.install("--help")
    assert "--wheelhouse DIR" in said
    assert "PIP_CERT" in said
