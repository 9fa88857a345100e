"""Units and scripts, by the tools that know them best."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNITS = sorted((ROOT / "systemd").glob("*.service"))


def run(*words: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*map(str, words)], cwd=ROOT, text=True, capture_output=True, timeout=300, check=False)


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_the_unit_is_clean(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text()
    assert "ExecStart=/opt/smartclocker/venv/bin/smartclocker " in text
    copy = tmp_path / unit.name
    copy.write_text(text.replace("/opt/smartclocker/venv/bin/smartclocker", "/bin/true"))
    done = run("systemd-analyze", "--man=no", "verify", copy)
    about_us = [line for line in (done.stdout + done.stderr).splitlines() if "smartclocker" in line]
    assert (done.returncode, about_us) == (0, [])


def test_the_verifier_can_fail(tmp_path: Path) -> None:
    broken = tmp_path / "smartclocker.service"
    broken.write_text(
        UNITS[-1].read_text().replace("WatchdogSec=10", "WatchdogSecs=10").replace("Type=notify", "Type=nope")
    )
    done = run("systemd-analyze", "--man=no", "verify", broken)
    assert "smartclocker.service" in done.stdout + done.stderr


def test_the_promises_of_the_unit() -> None:
    text = (ROOT / "systemd/smartclocker.service").read_text()
    for line in ["Type=notify", "WatchdogSec=10", "RestartPreventExitStatus=78", "LimitCORE=0", "MemorySwapMax=0"]:
        assert line in text.splitlines(), line


def test_the_ledger_finds_its_broker_where_a_file_of_the_operator_says() -> None:
    """What systemd reads last counts: the file goes before the unit's own lines."""
    lines = (ROOT / "systemd/smartclocker-ledger.service").read_text().splitlines()
    assert "Environment=BROKER_HOST=localhost BROKER_PORT=8883" in lines
    assert "EnvironmentFile=-/etc/smartclocker/ledger.env" in lines
    (start,) = [line for line in lines if line.startswith("ExecStart=")]
    assert start.endswith(" --host ${BROKER_HOST} --port ${BROKER_PORT}")
    assert "/etc/smartclocker/ledger.env" in (ROOT / "docs/operations.md").read_text()


def test_the_terminal_may_ask_whether_its_clock_is_synchronised() -> None:
    """Otherwise every record would say that it is not, wherever timesyncd is not the time service."""
    lines = (ROOT / "systemd/smartclocker.service").read_text().splitlines()
    assert "ProtectClock=no" in lines
    filters = [line.partition("=")[2] for line in lines if line.startswith("SystemCallFilter=")]
    assert filters[-1] == "adjtimex clock_adjtime", "added after @privileged, which holds them, was taken away"


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_the_sandbox_is_tight(unit: Path) -> None:
    done = run("systemd-analyze", "security", "--offline=true", "--threshold=30", unit)
    assert done.returncode == 0, done.stdout[-400:] + done.stderr


def test_every_script_passes_shellcheck() -> None:
    scripts = [*ROOT.glob("provisioning/**/*.sh"), ROOT / ".ci/run"]
    done = run("shellcheck", *scripts)
    assert done.returncode == 0, done.stdout


def test_a_dry_run_of_the_installer_changes_nothing_and_names_the_steps() -> None:
    done = run("provisioning/install.sh", "--dry-run")
    assert done.returncode == 0, done.stderr
    for step in ["--require-hashes", "keys create", "systemctl daemon-reload", "smartclocker check"]:
        assert step in done.stdout


def test_the_installer_explains_what_it_does_not_know() -> None:
    done = run("provisioning/install.sh", "--frobnicate")
    assert done.returncode == 64
    assert "--dry-run" in done.stderr


def test_the_claim_server_listens_where_a_file_of_the_operator_says_and_is_not_kept_running() -> None:
    lines = (ROOT / "systemd/smartclocker-claims.service").read_text().splitlines()
    assert "Environment=CLAIMS_LISTEN=0.0.0.0 CLAIMS_PORT=8884" in lines
    assert "EnvironmentFile=-/etc/smartclocker/claims.env" in lines
    assert "Restart=on-failure" in lines
    (start,) = [line for line in lines if line.startswith("ExecStart=")]
    assert start.endswith(" --listen ${CLAIMS_LISTEN} --port ${CLAIMS_PORT}")
    assert "/etc/smartclocker/claims.env" in (ROOT / "docs/operations.md").read_text()
    ledger = (ROOT / "systemd/smartclocker-ledger.service").read_text().splitlines()
    shared = [
        line for line in ledger[ledger.index("[Service]") :] if line.startswith(("Protect", "Restrict", "System"))
    ]
    assert [line for line in shared if line not in lines] == [], "no less hardened than the ledger"
