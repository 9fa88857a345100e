"""Whatever keeps the receipts away from a connected terminal, it says so within a bounded time, and why."""

import pytest
from nacl.signing import SigningKey

from edge.crypto.dsse import key_id
from edge.crypto.key_files import create_identity
from edge.domain.protocol import topics
from edge.terminal.uplink import unreceipted


@pytest.fixture
def terminal(installation, monkeypatch):
    monkeypatch.setattr(unreceipted, "PATIENCE_S", 2.0)
    made = installation.terminal()
    made.append(1)
    return made


def logged(caplog) -> str:
    said = [one.getMessage() for one in caplog.records if "have waited for a receipt" in one.getMessage()]
    assert len(said) == 1
    return said[0]


@pytest.mark.parametrize(
    "why", ["not registered", "the ledger is stopped, its session kept", "the ledger is dead", "another subscriber"]
)
def test_records_that_nobody_receipts(installation, terminal, caplog, why):
    if why == "not registered":
        installation.ledger()
        with installation.store() as store, store.batch():
            store.change("DELETE FROM terminals WHERE site = ?", [("main",)])
    elif why == "the ledger is stopped, its session kept":
        installation.ledger().stop()
    elif why == "the ledger is dead":
        dead = installation.ledger()
        dead._stopping.set()  # its thread ends, and nothing says good-bye before its connection does
    else:
        installation.neighbour("ledger", topics.ALL_RECORDS, client_id="payroll")
    publisher = terminal.run(resend_s=0.3)
    installation.eventually(lambda: publisher.alarms == {"unreceipted"}, "the alarm")
    assert "central register" in logged(caplog)
    watcher = installation.neighbour("ledger", topics.ALL_STATUS)
    watcher.hears(topics.status(terminal.origin), b'"unreceipted"')
    with installation.store() as store:
        store.register(terminal.origin, terminal.key.verify_key)
    if why != "not registered":
        installation.ledger()
    terminal.receipted(1)
    installation.eventually(lambda: publisher.alarms == frozenset(), "the alarm ends")


def test_another_ledgers_key(installation, terminal, caplog):
    pinned, installation.ledger_key = installation.ledger_key, SigningKey.generate()
    installation.ledger()
    publisher = terminal.run(resend_s=0.3)
    installation.eventually(lambda: publisher.alarms == {"receipts-rejected", "unreceipted"}, "the alarms")
    assert f"signed by the key {key_id(pinned.verify_key)}" in logged(caplog)
    terminal.stop()
    installation.ledger_key = pinned
    publisher = terminal.run(resend_s=0.3)
    terminal.receipted(1)
    installation.eventually(lambda: publisher.alarms == frozenset(), "no alarm stays")


def test_another_identity_than_the_registered_one(installation, terminal, tmp_path):
    terminal.path = tmp_path / "other.journal"
    terminal.key = create_identity(tmp_path / "other.pem")
    terminal.append(1)
    installation.ledger()
    publisher = terminal.run(resend_s=0.3)
    installation.eventually(lambda: publisher.alarms == {"unreceipted"}, "the alarm")


def test_a_neighbours_rubbish_under_its_own_name_is_no_alarm_of_ours(installation, terminal):
    installation.ledger()
    neighbour = installation.neighbour("gate-2")
    publisher = terminal.run(resend_s=0.3)
    terminal.receipted(1)
    installation.eventually(lambda: publisher.alarms == frozenset(), "nothing waits")
    for _ in range(20):
        neighbour.publish(topics.record(terminal.origin, "punch"), b"rubbish")
        neighbour.publish("smartclocker/v1/main/gate-2/record/punch", b"rubbish")
    installation.eventually(lambda: publisher.counters.receipts > 0, "receipts go on")
    assert publisher.alarms == frozenset()


def test_who_stops_says_first_how_far_it_is(installation, terminal):
    """With the ledger away: what waits here is known at the centre while the terminal is off."""
    service = installation.ledger()
    terminal.run(resend_s=60)
    terminal.receipted(1)
    service.stop()
    terminal.append(5)
    installation.eventually(lambda: terminal.publisher.counters.sent >= 6, "sent")
    watcher = installation.neighbour("ledger", topics.ALL_STATUS)
    terminal.stop()
    watcher.hears(topics.status(terminal.origin), b'"head":6')
    watcher.hears(topics.status(terminal.origin), b'"stopped"')
