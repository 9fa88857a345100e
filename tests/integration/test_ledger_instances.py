"""Several ledgers on one database, as real processes: everything exactly once, whichever of them is killed when."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge.central.broker.client import client_id, ledger_link
from edge.central.ledger.recheck import verify_all
from edge.errors import LedgerError

ROOT = Path(__file__).resolve().parents[2]


class Process:
    """`smartclocker central run --instance NAME`."""

    def __init__(self, installation, name: str) -> None:
        base = installation.root / "centre"
        if not base.exists():
            base.mkdir()
            (base / "pki").symlink_to(installation.broker.pki)
            (base / "ledger.key").symlink_to(installation.root / "ledger.pem")
            (base / "ledger.db").symlink_to(installation.ledger_path)
        installation.uplink(f"ledger.{name}")  # its certificate
        self.log = base / f"{name}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-m", "edge", "central", "run", base, "--host", installation.broker.host,
                    "--port", str(installation.broker.port), "--instance", name,
                ],
                cwd=ROOT, stdout=log, stderr=log,
            )  # fmt: skip

    def said(self, text: str) -> int:
        return self.log.read_text().count(text)

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@pytest.fixture
def instance(installation):
    started: list[Process] = []

    def start(name: str) -> Process:
        with installation.store():
            pass  # it is there before the link to it
        started.append(Process(installation, name))
        before = started[-1].said("accepted the ledger")
        installation.eventually(lambda: started[-1].said("accepted the ledger") > before, f"{name} is up")
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.end(signal.SIGKILL)


def exactly_once(installation, terminals, each: int) -> None:
    with installation.store() as store:
        reports = verify_all(store)
        assert [(report.ok, report.records, report.stored) for report in reports] == [(True, each, each)] * len(
            terminals
        )
        assert store.count() == each * len(terminals)


def test_two_instances_store_every_record_once_and_either_may_be_killed(installation, instance):
    """SIGKILL of each in turn while both take the same records; the other one goes on alone."""
    one, two = instance("one"), instance("two")
    terminals = [installation.terminal(name) for name in ("gate-1", "gate-2", "gate-3")]
    for terminal in terminals:
        terminal.run(resend_s=0.5)
        terminal.append(150)
    installation.eventually(lambda: installation.count() > 100, "both are at work")
    one.end(signal.SIGKILL)
    for terminal in terminals:
        terminal.append(50)
    installation.eventually(lambda: installation.count() == 3 * 200, "the other one goes on")
    again = instance("one")
    two.end(signal.SIGKILL)
    for terminal in terminals:
        terminal.append(50)
    for terminal in terminals:
        terminal.receipted(250)
        terminal.stop()
    instance("two")  # what its session kept meanwhile is here already
    time.sleep(1)  # it takes them in
    exactly_once(installation, terminals, 250)
    assert again.end() == 0
    assert not any(
        process.said(word) for process in (one, two, again) for word in ("stores nothing", "conflict", "Traceback")
    )


def test_an_instance_that_holds_the_database_for_long_is_waited_for(installation, instance):
    one = instance("one")
    terminal = installation.terminal()
    with installation.store() as other, other.batch():
        terminal.append(40)
        terminal.run(resend_s=0.3)
        installation.eventually(lambda: one.said("stores nothing"), "it says so")
        installation.eventually(lambda: terminal.publisher.counters.resends >= 3, "the terminal goes on asking")
        assert terminal.watermark() == 0
        assert one.process.poll() is None
    terminal.receipted(40)
    terminal.stop()
    exactly_once(installation, [terminal], 40)
    installation.eventually(lambda: one.said("stores again"), "it says so")
    assert (one.said("stores nothing"), one.said("stores again")) == (1, 1), "once away, once back"


@pytest.mark.parametrize("name", ["", "a/b", "+", "UP", "x" * 33, "one.two", "roster"])
def test_an_instance_has_a_name(installation, name):
    with pytest.raises(LedgerError, match=r"no name for an instance.*choose another"):
        ledger_link(installation.uplink("ledger"), name)
    assert (client_id(None), client_id("two")) == ("ledger", "ledger.two")
