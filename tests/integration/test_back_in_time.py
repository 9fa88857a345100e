"""A journal or a ledger that went back in time is seen on reconnecting, with nothing on its way (I2, I12)."""

import json
import shutil
from pathlib import Path

import pytest

from edge.central.ledger.intake import Ledger
from edge.central.ledger.recheck import verify_all
from edge.crypto import dsse
from edge.domain.protocol import topics
from edge.domain.protocol.receipt import Receipt
from tests.support.intake import accept

WITHIN_S = 180.0
"""More than what is promised, a minute from the connection on: a busy machine is slow."""


def keep(path: Path, name: str) -> Path:
    """An SQLite database as a backup would copy it; nobody has it open."""
    folder = path.with_name(name)
    folder.mkdir()
    for end in ("", "-wal", "-shm"):
        if path.with_name(path.name + end).exists():
            shutil.copy(path.with_name(path.name + end), folder)
    return folder


def restore(path: Path, folder: Path) -> None:
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    for file in folder.iterdir():
        shutil.copy(file, path.parent)


def said(caplog, part: str) -> list[str]:
    return [
        r.levelname for r in caplog.records if part in r.getMessage() and r.name == "edge.terminal.runtime.alarms"
    ]


def whole(installation, count: int) -> None:
    with installation.store() as store:
        (report,) = verify_all(store)
    assert report.ok
    assert report.records == report.stored == count


def test_a_journal_restored_from_an_older_copy_is_a_fork(installation, caplog):
    installation.ledger()
    terminal = installation.terminal()
    terminal.append(20)
    terminal.run()
    terminal.receipted(20)
    terminal.stop()
    older = keep(terminal.path, "older")
    terminal.append(10)
    terminal.run()
    terminal.receipted(30)
    terminal.stop()
    restore(terminal.path, older)
    assert terminal.watermark() == 20, "nothing is pending: nothing it sends could tell"
    watcher = installation.neighbour("ledger", topics.ALL_STATUS)
    publisher = terminal.run()
    installation.eventually(lambda: publisher.alarms == {"fork"}, "the alarm", WITHIN_S)
    watcher.hears(topics.status(terminal.origin), b'"alarms":["fork"]')
    assert said(caplog, "chain is not ours at record 30") == ["CRITICAL"]
    terminal.stop()
    again = terminal.run()
    installation.eventually(lambda: again.alarms == {"fork"}, "found again after a restart", WITHIN_S)
    terminal.append(3)
    installation.eventually(lambda: again.counters.sent >= 3, "it goes on sending")
    terminal.stop()
    with terminal.journal() as journal:
        assert (journal.watermark(), journal.head().seq) == (20, 23), "nothing is released, nothing is lost"
    with installation.store() as store:
        (report,) = verify_all(store)
        assert (report.records, report.problem) == (30, None), "the first history stays"


def test_a_journal_restored_and_then_used_is_a_fork(installation):
    """The head is beyond what the ledger holds: its hash there is another."""
    installation.ledger()
    terminal = installation.terminal()
    terminal.append(5)
    terminal.run()
    terminal.receipted(5)
    terminal.stop()
    older = keep(terminal.path, "older")
    terminal.append(2)
    terminal.run()
    terminal.receipted(7)
    terminal.stop()
    restore(terminal.path, older)
    with terminal.journal() as journal:
        for _ in range(9):
            draft = installation.punch()
            journal.append(type(draft)(draft.kind, {**draft.data, "direction": "out"}, draft.time))
    publisher = terminal.run()
    installation.eventually(lambda: publisher.alarms == {"fork"}, "the alarm", WITHIN_S)


@pytest.mark.parametrize(
    "how", ["the terminal stays connected", "the terminal is restarted", "only the broker was up"]
)
def test_a_ledger_restored_from_an_older_copy_is_found_and_made_whole(installation, caplog, how):
    caplog.set_level("INFO")
    service = installation.ledger()
    terminal = installation.terminal()
    terminal.append(20)
    publisher = terminal.run(behind_s=1.0)
    terminal.receipted(20)
    service.stop()
    older = keep(installation.ledger_path, "older")
    service = installation.ledger()
    terminal.append(10)
    terminal.receipted(30)
    service.stop()
    if how == "the terminal is restarted":
        terminal.stop()
    restore(installation.ledger_path, older)
    assert installation.count() == 20
    if how == "only the broker was up":
        installation.broker.kill()
        installation.broker.start()
    installation.ledger()
    if how == "the terminal is restarted":
        publisher = terminal.run(behind_s=1.0)
    installation.eventually(lambda: said(caplog, "it has lost some"), "the alarm", WITHIN_S)
    assert said(caplog, "holds our records up to 20, and had receipted them up to 30") == ["ERROR"]
    installation.eventually(lambda: installation.count() == 30, "sent again")
    installation.eventually(lambda: not publisher.alarms, "the alarm ends with its cause")
    assert said(caplog, "holds again all") == ["INFO"]
    whole(installation, 30)
    assert terminal.watermark() == 30


def test_a_ledger_that_lost_everything_but_our_key_gets_everything_again(installation):
    service = installation.ledger()
    terminal = installation.terminal()
    terminal.append(80)
    publisher = terminal.run(behind_s=1.0)
    terminal.receipted(80)
    service.stop()
    for end in ("", "-wal", "-shm"):
        installation.ledger_path.with_name(installation.ledger_path.name + end).unlink(missing_ok=True)
    with installation.store() as store:
        store.register(terminal.origin, terminal.key.verify_key)
    watcher = installation.neighbour("ledger", topics.ALL_STATUS)
    installation.ledger()
    watcher.hears(topics.status(terminal.origin), b'"ledger-behind"')
    installation.eventually(lambda: installation.count() == 80, "sent again")
    installation.eventually(lambda: not publisher.alarms, "the alarm ends with its cause")
    whole(installation, 80)


def test_an_old_receipt_replayed_to_a_quiet_terminal_changes_nothing(installation, caplog):
    """Its status asks, and the ledger's answer is better: no alarm, nothing sent again (I12)."""
    installation.ledger()
    terminal = installation.terminal()
    terminal.append(1)
    with terminal.journal() as journal:
        epoch, first = journal.epoch, journal.head()
    publisher = terminal.run(resend_s=3600, behind_s=3600)
    terminal.append(4)
    terminal.receipted(5)
    old = Receipt(terminal.origin, epoch, 1, first.hash, "2026-03-02T08:00:00.000Z")
    replay = dsse.to_wire(dsse.sign(Receipt.PAYLOAD_TYPE, old.encode(), installation.ledger_key))
    sent, heard = publisher.counters.sent, publisher.counters.receipts
    installation.neighbour("ledger").publish(topics.receipt(terminal.origin), replay)
    installation.eventually(lambda: publisher.counters.receipts >= heard + 2, "the old one, then a fresh one")
    installation.eventually(lambda: publisher._delivery._claimed is None, "the fresh one settles it")
    assert publisher.counters.sent == sent
    assert not publisher.alarms
    assert said(caplog, "lost some") == []


def test_receipts_out_of_order_are_harmless(installation):
    """Two ledgers on one database answer in any order."""
    terminal = installation.terminal()
    terminal.append(6)
    publisher = terminal.run()
    wires = []
    with installation.store() as store, terminal.journal() as journal:
        ledger = Ledger(store, installation.ledger_key)
        for outgoing in journal.envelopes(0, 6):
            accept(ledger, topics.record(terminal.origin, outgoing.kind), outgoing.wire)
            receipt = Receipt(
                terminal.origin,
                journal.epoch,
                outgoing.seq,
                journal.hash_at(outgoing.seq),
                "2026-03-02T08:00:00.000Z",
            )
            payload = receipt.encode()
            wires.append(dsse.to_wire(dsse.sign(Receipt.PAYLOAD_TYPE, payload, installation.ledger_key)))
    sender = installation.neighbour("ledger")
    for number in (3, 1, 6, 2, 5, 4, 6, 1):
        sender.publish(topics.receipt(terminal.origin), wires[number - 1])
    installation.eventually(lambda: publisher.counters.receipts == 8, "each is heard")
    assert terminal.watermark() == 6
    assert publisher.counters.receipts_rejected == 0
    assert "fork" not in publisher.alarms


def test_the_status_tells_every_alarm_in_its_words(installation):
    terminal = installation.terminal()
    terminal.append(1)
    terminal.run()
    watcher = installation.neighbour("ledger", topics.ALL_STATUS)

    def alarms() -> list[str]:
        watcher.poll(0.05)
        return next((json.loads(p)["alarms"] for _, p in reversed(watcher.heard) if b"online" in p), [])

    installation.eventually(lambda: alarms() == ["no-ledger"], "nobody is subscribed")
