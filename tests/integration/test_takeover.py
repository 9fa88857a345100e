"""A certificate is one name at the broker: no other program's connection, session or queue can be taken with it."""

import threading

import pytest

from edge.central.broker.client import ledger_link
from edge.central.broker.turn import turn
from edge.central.ledger.service import LedgerService, LedgerSettings
from edge.domain.protocol import topics
from edge.errors import BrokerError


def test_a_neighbour_that_calls_itself_ledger_takes_nothing(site):
    """It connects under the ledger's and a terminal's client ids, again and again; all the receipts come."""
    service = site.ledger()
    terminal = site.terminal()
    publisher = terminal.run(resend_s=0.5)
    for client_id in ("ledger", "main.gate-1", "gate-1", "authority") * 5:
        evil = site.neighbour("evil", client_id=client_id)
        terminal.append(1)
        evil.link.stop()
    terminal.receipted(20)
    assert service.connected.is_set()
    assert publisher.connected
    assert site.broker.log.read_text().count("already connected") == 0, "nobody was thrown out"


def test_what_waits_for_a_terminal_is_not_given_to_another_certificate(site):
    """The kept session of an absent terminal, and the command in it, belong to its certificate."""
    terminal = site.terminal()
    publisher = terminal.run()
    site.eventually(lambda: publisher.connected, "connected once")
    terminal.stop()
    site.neighbour("ledger").publish(topics.command(terminal.origin), b"for gate-1 alone")
    evil = site.neighbour("evil", client_id="main.gate-1")
    site.eventually(lambda: evil.poll() is None, "nothing more comes")
    assert not evil.heard
    evil.link.stop()
    publisher = terminal.run()
    site.eventually(lambda: publisher.counters.commands_rejected == 1, "its own session still has it")


def test_a_second_ledger_under_one_certificate_is_refused_and_an_instance_is_not(site):
    link = site.uplink("ledger")
    site.ledger(link)
    second = LedgerService(LedgerSettings(link, site.ledger_path, site.root / "ledger.pem"))
    with pytest.raises(BrokerError, match="--instance"):
        second.run()
    assert site.service.connected.is_set()
    other = ledger_link(site.uplink("ledger.two"), "two")
    other.start()
    try:
        site.eventually(lambda: "u'ledger.two'" in site.broker.log.read_text(), "the instance is let in")
        assert site.service.connected.is_set()
    finally:
        other.stop()


def test_commands_of_the_centre_take_turns(site):
    """Two at once under one certificate: the second waits until the first one's connection has ended."""
    link, order = site.uplink("authority"), []

    def second() -> None:
        with turn(link):
            order.append("second")

    with turn(link):
        waiting = threading.Thread(target=second)
        waiting.start()
        with pytest.raises(BrokerError, match="another program uses"), turn(link, 0.2):
            pass
        order.append("first")
    waiting.join(60)
    assert order == ["first", "second"]
