"""The installer, with real files below a folder and stand-ins for the package manager, systemd and the venv."""

from pathlib import Path

import pytest

from tests.support.installer_machine import Machine

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
    assert second.endswith("python3 openssl python3-venv")
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
    machine.version("0.2.0")
    (tmp_path / "my wheels").mkdir()
    assert "pip takes no path with a space" in machine.install("--wheelhouse", str(tmp_path / "my wheels"), code=69)


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
