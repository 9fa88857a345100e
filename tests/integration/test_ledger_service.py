"""The ledger as a service: what it never acknowledges too early, and how it ends."""

import sqlite3
from contextlib import closing
from types import SimpleNamespace

import pytest

from edge.central.broker.turn import turn
from edge.central.ledger.intake import Ledger
from edge.central.ledger.service import LedgerService, LedgerSettings
from edge.domain.protocol import topics
from edge.errors import BrokerError, KeyFileError, LedgerError
from edge.ports import Connected
from tests.support.broker import restart
from tests.support.intake import accept


def test_what_could_not_be_committed_is_delivered_again_by_the_broker(installation, monkeypatch):
    def full(self, messages):
        raise LedgerError("the disk is full; make room")

    installation.ledger().stop()  # so that the broker keeps its session
    monkeypatch.setattr(Ledger, "accept_batch", full)
    broken = installation.ledger()
    terminal = installation.terminal()
    terminal.append(1)
    publisher = terminal.run(resend_s=60)
    installation.eventually(lambda: publisher.counters.acked == 1, "the broker took it")
    with pytest.raises(LedgerError, match="disk is full"):
        installation.eventually(lambda: broken.stop() or not broken.connected.is_set(), "the service ends")
    terminal.stop()  # it will not send again
    monkeypatch.undo()
    installation.ledger()
    installation.eventually(lambda: installation.count() == 1, "delivered again")


def test_a_release_never_names_a_message_of_a_later_connection(installation):
    reader = installation.neighbour("ledger", topics.ALL_RECORDS, client_id="ledger", manual_release=True)
    topic = "smartclocker/v1/main/gate-1/record/punch"
    installation.neighbour("gate-1").publish(topic, b"keep me")
    reader.hears(topic, b"keep me")
    stale = reader.received[-1]
    restart(installation.broker)  # a clean one keeps its queue
    reader.next(Connected)

    def again_on_a_later_connection() -> bool:
        reader.poll()  # a kept session delivers before SUBACK, so it may have been collected already
        return reader.received[-1].connection > stale.connection

    installation.eventually(again_on_a_later_connection, "again")
    reader.link.release(stale)
    reader.link.stop()
    again = installation.neighbour("ledger", topics.ALL_RECORDS, client_id="ledger", manual_release=True)
    again.hears(topic, b"keep me")
    again.link.release(again.received[-1])
    again.link.stop()
    last = installation.neighbour("ledger", topics.ALL_RECORDS, client_id="ledger", manual_release=True)
    installation.neighbour("gate-1").publish(topic, b"and then")
    last.hears(topic, b"and then")
    assert [payload for _, payload in last.heard] == [b"and then"], "released once, gone for good"


def test_a_receipt_that_the_connection_did_not_take_stays_due(installation):
    terminal = installation.terminal()
    terminal.append(1)
    service = LedgerService(
        LedgerSettings(installation.uplink("ledger"), installation.ledger_path, installation.root / "ledger.pem")
    )
    taken = []

    def publish(topic, wire, *, token):
        taken.append(topic)
        return len(taken) > 1

    service._link = SimpleNamespace(publish=publish)
    with installation.store() as store, terminal.journal() as journal:
        ledger = Ledger(store, installation.ledger_key)
        accept(ledger, topics.record(terminal.origin, "punch"), journal.envelopes(0, 1)[0].wire)
        service._answer(ledger)
        assert ledger.waiting
        service._answer(ledger)
        assert not ledger.waiting
    assert taken == [topics.receipt(terminal.origin)] * 2


def test_it_stops_with_the_broker_away(installation):
    service = installation.ledger()
    installation.broker.kill()
    installation.eventually(lambda: not service.connected.is_set(), "the loss is noticed")
    service.stop()
    assert not service._thread.is_alive()
    service.stop()


@pytest.mark.parametrize("broken", ["key", "store", "certificate"])
def test_what_waiting_cannot_mend_is_raised_by_start(installation, tmp_path, broken):
    settings = {
        "uplink": installation.uplink("ledger"),
        "store": installation.ledger_path,
        "key": installation.root / "ledger.pem",
    }
    match broken:
        case "key":
            settings["key"] = tmp_path / "absent.pem"
        case "store":
            settings["store"] = tmp_path / "absent" / "ledger.db"
        case "certificate":
            settings["uplink"].certificate.unlink()
    with pytest.raises((KeyFileError, LedgerError)):
        LedgerService(LedgerSettings(**settings)).start()


@pytest.mark.parametrize("restored", [False, True], ids=["removed", "a backup put in its place"])
def test_a_database_that_is_no_more_under_its_name_receipts_nothing(installation, restored):
    """SQLite writes on into the file without a name, and all of that is gone when the program ends (I2)."""
    terminal = installation.terminal()
    terminal.append(3)
    with installation.store() as store, closing(sqlite3.connect(installation.root / "backup.db")) as backup:
        store._db.backup(backup)
    service = installation.ledger()
    terminal.run(resend_s=0.2)
    terminal.receipted(3)
    if restored:
        (installation.root / "backup.db").rename(installation.ledger_path)
    else:
        installation.ledger_path.unlink()
    terminal.append(2)
    service._thread.join(60)
    with pytest.raises(LedgerError, match="removed or replaced"):
        service.stop()
    installation.service = None
    assert terminal.watermark() == 3


def test_a_status_is_not_answered_from_a_database_that_is_no_more_there(installation):
    terminal = installation.terminal()
    with installation.store() as store:
        ledger = Ledger(store, installation.ledger_key)
        ledger.sighted(terminal.origin, "0" * 32)
        installation.ledger_path.rename(installation.root / "moved")
        with pytest.raises(LedgerError, match="removed or replaced"):
            ledger.receipts_due(0)


def test_a_name_is_held_though_its_certificate_is_renewed(installation):
    first = installation.ledger()
    renewed = installation.uplink("ledger")

    def held() -> bool:
        try:
            with turn(renewed, 0):
                return False
        except BrokerError:
            return True

    installation.eventually(held, "the running ledger holds the name with the new key, too")
    second = LedgerService(LedgerSettings(renewed, installation.ledger_path, installation.root / "ledger.pem"))
    with pytest.raises(BrokerError, match="another program uses"):
        second.start()
    assert first.connected.is_set()
    assert first._thread.is_alive()


def test_a_broker_that_refuses_the_receipts_is_said_once(installation, caplog):
    allowed = installation.broker.acl.read_text()
    installation.broker.acl.write_text(allowed.replace("topic write smartclocker/v1/+/+/receipt\n", ""))
    restart(installation.broker)
    installation.ledger()
    terminal = installation.terminal()
    terminal.append(3)
    terminal.run(resend_s=0.1)

    def refusals() -> list[str]:
        return [r.getMessage() for r in caplog.records if "refuses our receipts" in r.getMessage()]

    installation.eventually(refusals, "said")
    installation.eventually(lambda: terminal.publisher.counters.resends >= 3, "the terminal goes on asking")
    assert len(refusals()) == 1
    assert terminal.watermark() == 0
    assert installation.count() == 3
