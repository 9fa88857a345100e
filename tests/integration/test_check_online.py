"""`smartclocker check --online` goes the whole way once, and where it ends it says what to do."""

import io
import json
import shutil
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from edge import config
from edge.adapters.linux.sd_notify import notifier_from
from edge.adapters.mqtt.mailbox import Receive
from edge.adapters.replay.console_signals import ConsoleSignals
from edge.central.broker import certificates
from edge.cli import main
from edge.crypto import dsse, key_files
from edge.domain.protocol import topics
from edge.domain.protocol.receipt import Receipt
from edge.domain.protocol.record import GENESIS, Draft, Origin
from edge.domain.protocol.record_kinds import Kind
from edge.journal import schema
from edge.journal.journal import Journal, ReceiptEffect
from edge.journal.schema import JOURNAL
from edge.journal.verify import opened
from edge.ports import Acknowledged
from edge.sandbox import SandboxCentre, write_terminal
from edge.terminal import adapters, installed
from edge.terminal.checks import online
from edge.terminal.daemon import Terminal

HERE = Origin("main", "gate-1")


class Gate:
    """A terminal's files, and the way to ask."""

    def __init__(self, installation, tmp_path: Path, photos: Path, capsys) -> None:
        self.site, self.capsys = installation, capsys
        replay = tmp_path / "replay"
        replay.mkdir()
        shutil.copy(photos / "obama3.jpg", replay)
        uplink = installation.uplink("gate-1")
        (tmp_path / "ledger-public.pem").write_text(key_files.public_pem(installation.ledger_key.verify_key))
        self.pinned = tmp_path / "ledger-public.pem"
        centre = SandboxCentre(uplink.host, uplink.port, uplink.ca, uplink.certificate, uplink.key, self.pinned)
        self.config = write_terminal(tmp_path / "terminal", replay, site="main", name="gate-1", centre=centre)
        self.identity = key_files.load_identity(self.config.parent / "identity")
        self.journal = self.config.parent / "state/journal.db"

    def register(self) -> None:
        with self.site.store() as store:
            store.register(HERE, self.identity.verify_key)

    def append(self) -> None:
        with Journal(self.journal, HERE, self.identity) as journal:
            journal.append(Draft(Kind.BOOT, {"version": "1", "models": []}, adapters.clock().evidence()))

    def check(self, code: int) -> list[str]:
        """What each step said; a bad one begins with `!`."""
        assert main(["check", "--config", str(self.config), "--online", "--json"]) == code
        said = json.loads(self.capsys.readouterr().out)
        assert said["problems"] == []
        return [f"{'' if one['ok'] else '!'}{one['step']}: {one['said']}" for one in said["steps"]]


@pytest.fixture
def gate(installation, tmp_path: Path, photos: Path, capsys, monkeypatch) -> Gate:
    return Gate(installation, tmp_path, photos, capsys)


@pytest.fixture
def impatient(monkeypatch) -> None:
    """Where no receipt will ever come, a second says as much as twenty."""
    real = online.steps
    monkeypatch.setattr(online, "steps", lambda *given: real(*given, receipt_s=1.0))


@pytest.fixture
def one_answer(monkeypatch) -> None:
    """The first receipt after the broker took the record is looked at, however late; no other is waited for."""
    steps, following = online.steps, online._next
    seen: set[type] = set()

    def once(link, deadline: float):
        if {Acknowledged, Receive} <= seen:
            return None
        event = following(link, deadline)
        if isinstance(event, Acknowledged) or Acknowledged in seen:
            seen.add(type(event))
        return event

    monkeypatch.setattr(online, "_next", once)
    monkeypatch.setattr(online, "steps", lambda *given: steps(*given, receipt_s=60.0))


def test_as_far_as_a_receipt_and_the_journal_is_as_it_was(gate, installation) -> None:
    gate.register()
    gate.append()
    installation.ledger()
    before = gate.journal.read_bytes()
    broker, record, ledger = gate.check(0)
    assert broker.startswith(f"broker: {installation.broker.host}:{installation.broker.port} accepts ")
    assert record.startswith("record: the broker took record 1")
    assert ledger == "ledger: it signed that it holds every record up to 1"
    assert gate.journal.read_bytes() == before
    assert gate.check(0)[-1] == ledger, "again: the same record is stored once"
    assert installation.count() == 1


class Answering:
    """Signs, as the ledger, what a test wants it to say of each record that comes."""

    def __init__(self, gate: Gate, upto: int, head: str) -> None:
        self.stop = threading.Event()
        with JOURNAL.guard(gate.journal), opened(gate.journal) as db:
            epoch = schema.read_meta(db, gate.journal).epoch
        receipt = Receipt(HERE, epoch, upto, head, "2026-03-02T08:00:00.000Z")
        signed = dsse.sign(Receipt.PAYLOAD_TYPE, receipt.encode(), gate.site.ledger_key)
        self.wire = dsse.to_wire(signed)
        self.neighbour = gate.site.neighbour("ledger", topics.ALL_RECORDS)
        self.thread = threading.Thread(target=self.answer)

    def answer(self) -> None:
        while not self.stop.is_set():
            if isinstance(self.neighbour.poll(0.1), Receive):
                self.neighbour.link.publish(topics.receipt(HERE), self.wire, token=9)

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(60)


def test_a_receipt_behind_the_record_is_no_success(gate, one_answer) -> None:
    gate.append()
    with Answering(gate, 0, GENESIS):
        said = gate.check(69)[-1]
    assert said.startswith("!ledger: it signed that it holds our records up to 0, and does not take record 1")


def test_a_receipt_beyond_the_journals_last_is_a_fork(gate) -> None:
    gate.append()
    with Answering(gate, 9, "a" * 64):
        said = gate.check(69)[-1]
    assert "!ledger: ours ends with 1, and its chain is at record 9" in said
    assert "fork" in said


def test_a_ledger_that_lost_what_it_had_receipted(gate, one_answer) -> None:
    gate.append()
    gate.append()
    with Journal(gate.journal, HERE, gate.identity) as journal:
        head = journal.head()
        receipt = Receipt(HERE, journal.epoch, head.seq, head.hash, "2026-03-02T08:00:00.000Z")
        assert journal.acknowledge(receipt, b"{}") is ReceiptEffect.ADVANCED
    with Answering(gate, 1, "a" * 64):
        said = gate.check(69)[-1]
    assert "had receipted them up to 2: it has lost some (ledger-behind)" in said


def test_beside_a_service_that_nobody_registered_it_says_so(gate, installation, impatient) -> None:
    installation.ledger()
    signals = ConsoleSignals(io.StringIO())
    terminal = Terminal(config.load(gate.config).config, notifier=notifier_from({}), signals=signals)
    thread = threading.Thread(target=terminal.run)
    thread.start()
    try:
        installation.eventually(lambda: terminal.centre and terminal.centre.publisher, "the service's publisher")
        installation.eventually(lambda: terminal.centre.publisher.connected, "the service's connection")
        assert "central terminals` lists main/gate-1" in gate.check(69)[-1]
    finally:
        terminal.stop.set("done")
        thread.join(60)
    assert not thread.is_alive()


def test_the_online_check_in_words_says_what_is_ok(gate, installation, capsys) -> None:
    gate.register()
    gate.append()
    installation.ledger()
    assert main(["check", "--config", str(gate.config), "--online"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["note", "ok", "ok", "ok", str(gate.config)]


def test_before_the_first_start_there_is_nothing_to_send(gate, installation) -> None:
    """It went no further than the broker: whether the ledger takes us nobody knows, and 0 would say it does."""
    gate.register()
    installation.ledger()
    broker, ledger = gate.check(69)
    assert "accepts" in broker
    assert ledger.startswith("!ledger: nothing to receipt: no record is here yet")
    assert "systemctl start smartclocker" in ledger
    assert not gate.journal.exists()


def test_no_ledger_was_ever_there(gate) -> None:
    gate.append()
    assert "no ledger listens" in gate.check(69)[-1]


def test_a_terminal_that_nobody_registered(gate, installation, impatient) -> None:
    gate.append()
    installation.ledger()
    said = gate.check(69)[-1]
    assert said.startswith("!ledger: no receipt within 1 s")
    assert "central terminals" in said
    assert key_files.load_identity(gate.config.parent / "identity").verify_key is not None


def test_a_ledger_that_died_keeps_its_place_at_the_broker(gate, installation, impatient) -> None:
    gate.register()
    gate.append()
    installation.ledger().stop()
    installation.service = None
    assert "`smartclocker central run` runs" in gate.check(69)[-1]


def test_another_ledgers_key_is_pinned(gate, installation, tmp_path: Path, one_answer) -> None:
    gate.register()
    gate.append()
    installation.ledger()
    other = key_files.create_identity(tmp_path / "other")
    gate.pinned.write_text(key_files.public_pem(other.verify_key))
    said = gate.check(69)[-1]
    assert "a ledger answers, and signs with the key" in said
    assert f"copy the centre's ledger.pem to {gate.pinned}" in said


def test_a_broker_that_is_not_there(gate, installation) -> None:
    gate.append()
    installation.broker.stop()
    (said,) = gate.check(69)
    assert said.startswith("!broker: ")
    assert "connection refused" in said


def test_a_certificate_of_another_terminal(gate, installation) -> None:
    gate.register()
    gate.append()
    installation.ledger()
    text = gate.config.read_text().replace("client-gate-1", "client-gate-2")
    certificates.issue_client(installation.broker.pki, "gate-2")
    gate.config.write_text(text)
    assert main(["check", "--config", str(gate.config), "--online", "--json"]) == 78
    (problem,) = json.loads(gate.capsys.readouterr().out)["problems"]
    assert "was issued to 'gate-2', and terminal.name is 'gate-1'" in problem


def test_beside_the_running_service_which_takes_its_connection_back(gate, installation, monkeypatch) -> None:
    gate.register()
    installation.ledger()
    asked = threading.Event()

    def pause(_attempt: int, _settings: object) -> float:
        asked.wait(60)  # the service comes back after the question, and not in the middle of it
        return 0.05

    monkeypatch.setattr("edge.adapters.mqtt.client._pause_s", pause)
    signals = ConsoleSignals(io.StringIO())
    terminal = Terminal(config.load(gate.config).config, notifier=notifier_from({}), signals=signals)
    thread = threading.Thread(target=terminal.run)
    thread.start()
    try:
        centre = terminal.centre
        assert centre is not None
        installation.eventually(lambda: centre.publisher, "the service's publisher")
        publisher = centre.publisher
        installation.eventually(lambda: publisher.counters.receipts, "the service's first receipt")
        assert gate.check(0)[-1].startswith("ledger: it signed")
        asked.set()
        installation.eventually(lambda: publisher.connected, "the service has its connection back")
        received = publisher.counters.receipts
        gate.append()
        publisher.wake()
        installation.eventually(lambda: publisher.counters.receipts > received, "a receipt after that")
    finally:
        asked.set()
        terminal.stop.set("done")
        thread.join(60)
    assert not thread.is_alive()


def test_what_waits_for_the_service_still_waits_after_the_question(gate, installation) -> None:
    """A command of the centre, say: it must not be taken by a check."""
    gate.register()
    gate.append()
    installation.ledger()
    service = installation.neighbour("gate-1", topics.command(HERE), topics.receipt(HERE), client_id="main.gate-1")
    service.link.stop()
    installation.neighbour("ledger", client_id="another").publish(topics.command(HERE), b"while it was away")
    assert gate.check(0)[-1].startswith("ledger: it signed")
    again = installation.neighbour("gate-1", topics.command(HERE), topics.receipt(HERE), client_id="main.gate-1")
    again.hears(topics.command(HERE), b"while it was away")


def test_a_certificate_that_has_expired(gate, installation) -> None:
    """`check` may see that before it asks anybody; the broker's word has its cure, too."""
    gate.append()
    certificates.issue_client(installation.broker.pki, "gate-1", lifetime=timedelta(days=-1))
    loaded = config.load(gate.config).config
    (said,) = online.steps(loaded, installed.load_secrets(loaded))
    assert not said.good
    assert "it has expired" in said.said
    assert "issue a new one at the centre" in said.said
