"""From the journal to the ledger and back, through a real broker (I2, I3, I4)."""

import json

from edge.central.ledger.intake import Ledger
from edge.central.ledger.recheck import verify_all
from edge.domain.protocol import topics
from edge.ports import Message
from tests.support.intake import accept


def test_every_record_is_stored_once_and_receipted(installation):
    installation.ledger()
    terminal = installation.terminal()
    terminal.append(200)
    publisher = terminal.run(resend_s=3600)
    terminal.receipted(200)
    with installation.store() as store:
        assert store.count("punch") == 200
        (report,) = verify_all(store)
    assert report.ok
    assert (report.records, report.head.seq) == (200, 200)
    with terminal.journal() as journal:
        assert report.head == journal.head()
    assert publisher.counters.sent == 200


def test_an_append_is_sent_at_once(installation):
    installation.ledger()
    terminal = installation.terminal()
    publisher = terminal.run(resend_s=3600)
    installation.eventually(lambda: publisher.connected, "connected")
    terminal.append(1)
    terminal.receipted(1)
    assert publisher.counters.sent == 1, "by the append itself, and not by the clock that sends again"


def test_a_broker_that_is_absent_at_start_is_waited_for(installation, caplog):
    installation.broker.stop()
    service = installation.start_ledger()
    terminal = installation.terminal()
    terminal.append(3)
    publisher = terminal.run()
    installation.eventually(lambda: publisher.away, "a reason")
    assert "connection refused" in publisher.away
    installation.broker.start()
    terminal.receipted(3)
    assert service.connected.is_set()
    lines = [r for r in caplog.records if "the broker is away" in r.getMessage() and "publish" in r.name]
    assert len(lines) == 1, "said once"


def test_a_killed_broker_loses_nothing_and_doubles_nothing(installation):
    installation.ledger()
    terminal = installation.terminal()
    terminal.append(1500)
    publisher = terminal.run()
    for mark in (100, 600):
        terminal.receipted(mark)
        installation.broker.kill()
        installation.eventually(lambda: not publisher.connected, "the loss is noticed")
        terminal.append(50)  # taken offline
        installation.broker.start()
    terminal.receipted(1600)
    assert publisher.counters.reconnects == 2
    with installation.store() as store:
        (report,) = verify_all(store)
    assert report.ok
    assert report.records == report.stored == 1600


def test_a_ledger_that_died_between_commit_and_receipt_answers_after_its_return(installation):
    terminal = installation.terminal()
    terminal.append(5)
    with installation.store() as store, terminal.journal() as journal:
        ledger = Ledger(store, installation.ledger_key)
        for outgoing in journal.envelopes(0, 5):  # stored; no receipt was ever sent
            accept(ledger, topics.record(terminal.origin, outgoing.kind), outgoing.wire)
    installation.ledger()
    terminal.run()
    terminal.receipted(5)
    assert installation.count() == 5


def test_a_ledger_that_was_never_there_is_an_alarm_and_is_waited_for(installation):
    terminal = installation.terminal()
    terminal.append(100)
    publisher = terminal.run()
    installation.eventually(lambda: publisher.alarms == {"no-ledger"}, "the alarm")
    assert terminal.watermark() == 0, "a PUBACK releases nothing"
    installation.ledger()
    terminal.receipted(100)
    assert installation.count() == 100
    installation.eventually(lambda: not publisher.alarms, "the alarm ends with its cause")


def test_a_ledger_that_is_away_is_asked_again_and_stores_once(installation):
    installation.ledger().stop()  # the broker keeps its session
    terminal = installation.terminal()
    terminal.append(100)
    publisher = terminal.run(resend_s=0.2)
    installation.eventually(lambda: publisher.counters.resends >= 2, "asked again")
    assert terminal.watermark() == 0, "a PUBACK releases nothing"
    installation.ledger()
    terminal.receipted(100)
    assert installation.count() == 100


def test_a_ledger_that_was_restored_from_a_backup_gets_its_records_again(installation):
    service = installation.ledger()
    terminal = installation.terminal()
    terminal.append(40)
    publisher = terminal.run(resend_s=0.3)
    terminal.receipted(40)
    service.stop()
    with installation.store() as store:
        (chain,) = store.chains()
        with store.batch():
            store._db.execute("DELETE FROM records WHERE seq > 10")
            head = store.links(chain, 10).hash
            store.advance(chain, 10, head)
    installation.ledger()
    terminal.append(5)
    terminal.receipted(45)
    assert installation.count() == 45
    with installation.store() as store:
        assert all(report.ok for report in verify_all(store))
    installation.eventually(lambda: not publisher.alarms, "the alarm ends with the cause")


def test_twenty_terminals_share_a_ledger(installation):
    installation.ledger()
    terminals = [installation.terminal(f"gate-{n}") for n in range(20)]
    for terminal in terminals:
        terminal.append(10)
        terminal.run()
    for terminal in terminals:
        terminal.receipted(10)
    with installation.store() as store:
        reports = verify_all(store)
    assert len(reports) == 20
    assert all(report.ok and report.records == 10 for report in reports)


class Told:
    """Some part of the program."""

    alarms = ("ring-80",)

    def counters(self) -> dict[str, int]:
        return {"frames": 7}


def test_the_retained_status_tells_where_the_terminal_stands(installation):
    installation.ledger()
    terminal = installation.terminal()
    terminal.append(3)
    watcher = installation.neighbour("ledger", topics.ALL_STATUS)
    terminal.run(status=Told())
    topic = topics.status(terminal.origin)
    watcher.hears(topic, b'"state":"online"')
    document = json.loads(next(p for t, p in watcher.heard if t == topic))
    assert document["v"] == 1
    assert document["uplink"] == "ok"
    assert document["head"] == 3
    assert document["pending"] == 3 - document["watermark"]
    assert document["alarms"] == ["ring-80"]
    assert document["counters"]["frames"] == 7
    terminal.stop()
    watcher.hears(topic, b'"state":"stopped"')


def test_nothing_is_released_to_the_broker_before_it_is_committed(installation):
    """The ledger's manual acknowledgement: what it did not release comes again on its next connection."""
    first = installation.neighbour("ledger", topics.ALL_RECORDS, client_id="ledger", manual_release=True)
    terminal = installation.terminal()
    terminal.append(1)
    terminal.run()
    first.hears(topics.record(terminal.origin, "punch"), b"payload")
    first.link.stop()  # heard, never released
    terminal.stop()
    installation.ledger()
    installation.eventually(lambda: installation.count() == 1, "delivered again without the terminal")


def test_a_status_callback_never_reaches_a_message_of_another_topic(installation):
    terminal = installation.terminal()
    publisher = terminal.run()
    installation.eventually(lambda: publisher.connected, "connected")
    publisher._take(Message("smartclocker/v1/main/gate-1/command", b"{}"))
    assert publisher.counters.receipts_rejected == 0
