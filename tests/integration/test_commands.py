"""What the ledger asks for, through a real broker: taken once, from the ledger's key alone (I12)."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edge.central.ledger.recheck import verify_all
from edge.crypto import dsse
from edge.domain.protocol import resend_command, topics
from edge.domain.protocol.receipt import Receipt
from edge.domain.protocol.record import PAYLOAD_TYPE, Origin
from edge.domain.protocol.resend_command import Resend
from edge.journal.journal import OutgoingRecord
from edge.terminal.uplink.resend_handler import BATCH, ResendHandler

ISSUED, EXPIRES = "2026-03-02T07:00:00.000Z", "2026-03-02T09:00:00.000Z"
"""Around the moment at which the tests' clock stands."""


def sealed(key, command: Resend, payload_type: str = Resend.PAYLOAD_TYPE) -> bytes:
    return dsse.to_wire(dsse.sign(payload_type, command.encode(), key))


@pytest.fixture
def terminal(installation):
    made = installation.terminal()
    made.append(50)
    return made


@pytest.fixture
def command(terminal) -> Resend:
    with terminal.journal() as journal:
        return Resend("c" * 32, terminal.origin, ISSUED, EXPIRES, journal.epoch, 5, 40)


def results(installation) -> list[dict]:
    with installation.store() as store:
        entries = [entry for chain in store.chains() for entry in store.entries(chain)]
    kept = [json.loads(entry.payload)["data"] for entry in entries]
    return [data for data in kept if "command_id" in data]


def test_a_range_that_the_ledger_lost_is_sent_again_on_its_command(installation, terminal, command):
    installation.ledger()
    publisher = terminal.run(behind_s=600)
    terminal.receipted(50)
    installation.service.stop()
    with installation.store() as store, store.batch():
        store._db.execute("DELETE FROM records WHERE seq BETWEEN 5 AND 40")
    installation.ledger()
    asked = installation.neighbour("ledger")
    asked.publish(topics.command(terminal.origin), sealed(installation.ledger_key, command))
    installation.eventually(lambda: installation.count() == 51, "all is back, and the result with it")
    (result,) = results(installation)
    assert result["command_id"] == command.id
    assert (result["command"], result["outcome"]) == ("resend", "done")
    assert result["detail"] == "sending records 5 to 40 again"
    assert publisher.counters.resent == 36
    terminal.receipted(51)
    with installation.store() as store:
        assert all(report.ok for report in verify_all(store))


def test_a_command_waits_for_a_terminal_that_is_away_and_is_taken_once(installation, terminal, command):
    installation.ledger()
    publisher = terminal.run()
    terminal.receipted(50)
    terminal.stop()
    asked = installation.neighbour("ledger")
    for _ in range(3):
        asked.publish(topics.command(terminal.origin), sealed(installation.ledger_key, command))
    publisher = terminal.run()
    installation.eventually(lambda: publisher.counters.commands_rejected == 2, "the two repetitions")
    assert publisher.counters.commands == 1
    terminal.receipted(51)
    terminal.stop()
    again = terminal.run()
    asked.publish(topics.command(terminal.origin), sealed(installation.ledger_key, command))
    installation.eventually(lambda: again.counters.commands_rejected == 1, "the journal remembers")
    assert len(results(installation)) == 1


def test_forged_foreign_late_and_malformed_commands_change_nothing(installation, terminal, command, stranger_key):
    installation.ledger()
    publisher = terminal.run()
    terminal.receipted(50)
    good = sealed(installation.ledger_key, command)
    document = json.loads(good)
    document["payload"] = document["payload"][:-4] + "fQ=="
    over = json.loads(command.encode()) | {"last": 5 + resend_command.MAX_RANGE}
    with terminal.journal() as journal:
        receipt = Receipt(terminal.origin, journal.epoch, 50, journal.head().hash, "2026-03-02T08:00:00.000Z")
    forgeries = [
        b"",
        b"{}",
        good[:-20],
        b"\xff" * 36_000,
        json.dumps(document).encode(),
        sealed(stranger_key, command),
        sealed(terminal.key, command),
        sealed(installation.ledger_key, command, PAYLOAD_TYPE),
        sealed(installation.ledger_key, command, Receipt.PAYLOAD_TYPE),
        dsse.to_wire(dsse.sign(Receipt.PAYLOAD_TYPE, receipt.encode(), installation.ledger_key)),
        dsse.to_wire(dsse.sign(Resend.PAYLOAD_TYPE, json.dumps(over).encode(), installation.ledger_key)),
        sealed(installation.ledger_key, replace(command, origin=Origin("main", "gate-2"))),
        sealed(installation.ledger_key, replace(command, origin=Origin("other", "gate-1"))),
        sealed(installation.ledger_key, replace(command, expires="2026-03-02T07:59:00.000Z")),
    ]
    with terminal.journal() as journal:
        head = journal.head()
    hostile = installation.neighbour("ledger")
    for forgery in forgeries:
        assert hostile.publish(topics.command(terminal.origin), forgery).refused is None
    installation.eventually(lambda: publisher.counters.commands_rejected == len(forgeries), "each is counted")
    with terminal.journal() as journal:
        assert journal.head() == head
    assert publisher.counters.commands == publisher.counters.resent == 0
    assert publisher.counters.receipts_rejected == 0
    hostile.publish(topics.command(terminal.origin), good)
    installation.eventually(lambda: publisher.counters.commands == 1, "the genuine one is still taken")


def test_a_long_range_is_bounded_and_new_records_are_not_starved(installation, terminal, command, monkeypatch):
    terminal.append(1450)
    installation.ledger()
    publisher = terminal.run(resend_s=3600)
    terminal.receipted(1500)
    handed, hand, overtaken = ResendHandler.passed_on, publisher._publish, []

    def passed_on(commands: ResendHandler, seq: int, token: int) -> None:
        handed(commands, seq, token)
        if publisher.counters.resent == 1:
            terminal.append(5)  # in the middle of the first batch

    def publish(outgoing: OutgoingRecord) -> int | None:
        if outgoing.seq > 1501:
            overtaken.append(publisher.counters.resent)
        return hand(outgoing)

    monkeypatch.setattr(ResendHandler, "passed_on", passed_on)
    monkeypatch.setattr(publisher, "_publish", publish)
    installation.neighbour("ledger").publish(
        topics.command(terminal.origin), sealed(installation.ledger_key, replace(command, first=1, last=1500))
    )
    terminal.receipted(1506)
    assert overtaken == [BATCH] * 5, "the new ones overtook the range"
    installation.eventually(lambda: publisher.counters.resent == 1500, "and the range goes on to its end")
    with installation.store() as store:
        assert [(r.ok, r.records) for r in verify_all(store)] == [(True, 1506)]


def test_a_record_of_another_process_is_found_by_looking(installation, terminal):
    """A correction by hand, say: nobody wakes the publisher, and the clock by which it sends again is far away."""
    installation.ledger()
    publisher = terminal.run(resend_s=3600)
    terminal.receipted(50)
    key = installation.root / "gate-1.pem"
    program = f"""
from pathlib import Path
from edge.domain.protocol.record_kinds import Kind
from edge.domain.protocol.record import Draft, Origin
from edge.crypto.key_files import load_identity
from edge.journal.journal import Journal
from tests.support.clock import NOW
with Journal(Path({str(terminal.path)!r}), Origin("main", "gate-1"), load_identity(Path({str(key)!r}))) as journal:
    journal.append(Draft(Kind.BOOT, {{"version": "1", "models": []}}, NOW))
"""
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", program], check=True, cwd=root)
    terminal.receipted(51)
    assert (publisher.counters.sent, publisher.counters.resends) == (51, 0)
