"""A ledger that cannot write: it acknowledges nothing, says so once, and goes on when the disk is mended.

The disk is a real one: a tmpfs in a mount namespace of its own, where the process under test runs. The commands of
`Disk.do` run in that namespace, too.
"""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge.central.ledger.recheck import verify_all
from edge.central.store.records import Store

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
mount -t tmpfs -o size={size} none {disk} && cp -P {base}/* {disk}/ && echo mounted
while read -r command; do eval "$command" >/dev/null 2>&1; echo "done $?"; done
"""


class Disk:
    """A disk of its own for a ledger, and a shell that lives with it."""

    def __init__(self, installation, size: str) -> None:
        self.path = installation.root / "disk"
        self.log = installation.root / "ledger.log"
        base = installation.root / "centre"
        for directory in (self.path, base):
            directory.mkdir()
        installation.uplink("ledger")  # its certificate
        (base / "pki").symlink_to(installation.broker.pki)
        (base / "ledger.key").symlink_to(installation.root / "ledger.pem")
        installation.ledger_path.rename(base / "ledger.db")  # the terminal is registered in it
        script = SCRIPT.format(size=size, disk=self.path, base=base)
        self.shell = subprocess.Popen(
            ["unshare", "--map-root-user", "--mount", "sh", "-c", script],
            cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self.shell.stdout.readline() == "mounted\n"
        broker = installation.broker
        self.command = f"{sys.executable} -m edge central run {self.path} --host {broker.host} --port {broker.port}"

    def do(self, command: str) -> int:
        self.shell.stdin.write(command + "\n")
        self.shell.stdin.flush()
        return int(self.shell.stdout.readline().removeprefix("done "))

    def start_ledger(self) -> None:
        assert self.do(f"{self.command} >>{self.log} 2>&1 & echo $! > {self.path.parent}/pid") == 0

    @property
    def pid(self) -> int:
        return int((self.path.parent / "pid").read_text())

    def said(self, text: str) -> int:
        return self.log.read_text().count(text)

    def fill(self) -> None:
        assert self.do(f"dd if=/dev/zero of={self.path}/fill bs=4096") != 0, "until nothing more fits"

    def end_ledger(self) -> None:
        assert self.do(f"kill -TERM {self.pid} && wait {self.pid}") == 0, self.log.read_text()

    def close(self) -> None:
        self.do(f"kill -KILL {self.pid}; wait {self.pid}")
        self.shell.stdin.close()
        self.shell.wait(60)
        self.shell.stdout.close()


@pytest.fixture
def terminal(installation):
    terminal = installation.terminal()
    yield terminal
    terminal.stop()


@pytest.fixture
def disk(installation, terminal):
    made = Disk(installation, "4M")
    yield made
    made.close()


def holds(disk: Disk, count: int) -> None:
    """The ledger, when it has ended, holds so many records that verify."""
    copy = disk.path.parent / "copy"
    copy.mkdir()
    assert disk.do(f"cp {disk.path}/ledger.db* {copy}/") == 0
    with Store(copy / "ledger.db") as store:
        assert [(report.ok, report.records) for report in verify_all(store)] == [(True, count)]
        assert store.count() == count


def test_a_full_disk_stops_the_receipts_and_nothing_else(installation, disk, terminal):
    disk.start_ledger()
    terminal.append(10)
    publisher = terminal.run(resend_s=0.5)
    terminal.receipted(10)
    disk.fill()
    terminal.append(30)
    installation.eventually(lambda: disk.said("stores nothing"), "it says so")
    installation.eventually(lambda: publisher.counters.resends >= 3, "the terminal goes on asking")
    assert terminal.watermark() == 10
    assert disk.do(f"kill -0 {disk.pid}") == 0, "it lives"
    assert disk.do(f"rm {disk.path}/fill") == 0
    terminal.receipted(40)
    installation.eventually(lambda: disk.said("stores again"), "it says so")
    assert (disk.said("stores nothing"), disk.said("stores again")) == (1, 1)
    assert "free some space on it" in disk.log.read_text()
    disk.end_ledger()
    holds(disk, 40)


def test_a_disk_that_is_read_only_at_the_start_is_waited_for(installation, disk, terminal):
    assert disk.do(f"mount -o remount,ro {disk.path}") == 0
    disk.start_ledger()
    installation.eventually(lambda: disk.log.exists() and disk.said("stores nothing"), "it says so")
    terminal.append(5)
    terminal.run(resend_s=0.5)
    assert disk.do(f"mount -o remount,rw {disk.path}") == 0
    terminal.receipted(5)
    assert disk.said("stores nothing") == 1
    disk.end_ledger()
    holds(disk, 5)


def test_writes_that_fail_for_a_while_lose_nothing(installation, disk, terminal):
    """A limit on the size of its files, set and lifted while it runs: each write of a page fails with EFBIG.

    What it prints goes into a file as well, whose first lines must still fit.
    """
    disk.start_ledger()
    terminal.append(10)
    terminal.run(resend_s=0.5)
    terminal.receipted(10)
    assert disk.do(f"prlimit --pid {disk.pid} --fsize=1000:unlimited") == 0
    terminal.append(30)
    installation.eventually(lambda: disk.said("stores nothing"), "it says so")
    assert terminal.watermark() == 10
    assert disk.do(f"prlimit --pid {disk.pid} --fsize=unlimited") == 0
    terminal.receipted(40)
    disk.end_ledger()
    holds(disk, 40)


def test_killed_on_a_full_disk_it_comes_back_with_all_that_it_receipted(installation, disk, terminal):
    disk.start_ledger()
    terminal.append(10)
    terminal.run(resend_s=0.5)
    terminal.receipted(10)
    disk.fill()
    terminal.append(30)
    installation.eventually(lambda: disk.said("stores nothing"), "it says so")
    assert disk.do(f"kill -{signal.SIGKILL} {disk.pid}; wait {disk.pid}") == 128 + signal.SIGKILL
    disk.start_ledger()
    installation.eventually(lambda: disk.said("stores nothing") == 2, "it waits again")
    assert disk.do(f"rm {disk.path}/fill") == 0
    terminal.receipted(40)
    disk.end_ledger()
    holds(disk, 40)
