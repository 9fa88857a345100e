"""A certificate is one name at the broker: no other program's connection, session or queue can be taken with it."""

import threading

import pytest

from edge.central.broker.client import ledger_link
from edge.central.broker.turn import turn
from edge.central.ledger.service import LedgerService, LedgerSettings
from edge.domain.protocol import topics
from edge.errors import BrokerError


def test_a_neighbour_that_calls_itself_ledger_takes_nothing(installation):
    """It connects under the ledger's and a terminal's client ids, again and again; all the receipts come."""
    service = installation.ledger()
    terminal = installation.terminal()
    publisher = terminal.run(resend_s=0.5)
    for client_id in ("ledger", "main.gate-1", "gate-1", "authority") * 5:
        evil = installation.neighbour("evil", client_id=client_id)
        terminal.append(1)
        evil.link.stop()
    terminal.receipted(20)
    assert service.connected.is_set()
    assert publisher.connected
    assert installation.broker.log.read_text().count("already connected") == 0, "nobody was thrown out"


def test_what_waits_for_a_terminal_is_not_given_to_another_certificate(installation):
    """The kept session of an absent terminal, and the command in it, belong to its certificate."""
    terminal = installation.terminal()
    publisher = terminal.run()
    installation.eventually(lambda: publisher.connected, "connected once")
    terminal.stop()
    installation.neighbour("ledger").publish(topics.command(terminal.origin), b"for gate-1 alone")
    evil = installation.neighbour("evil", client_id="main.gate-1")
    installation.eventually(lambda: evil.poll() is None, "nothing more comes")
    assert not evil.heard
    evil.link.stop()
    publisher = terminal.run()
    installation.eventually(lambda: publisher.counters.commands_rejected == 1, "its own session still has it")


def test_a_second_ledger_under_one_certificate_is_refused_and_an_instance_is_not(installation):
    link = installation.uplink("ledger")
    installation.ledger(link)
    second = LedgerService(LedgerSettings(link, installation.ledger_path, installation.root / "ledger.pem"))
    with pytest.raises(BrokerError, match="--instance"):
        second.run()
    assert installation.service.connected.is_set()
    other = ledger_link(installation.uplink("ledger.two"), "two")
    other.start()
    try:
        installation.eventually(
            lambda: "u'ledger.two'" in installation.broker.log.read_text(), "the instance is let in"
        )
        assert installation.service.connected.is_set()
    finally:
        other.stop()


def test_commands_of_the_centre_take_turns(installation):
    """Two at once under one certificate: the second waits until the first one's connection has ended."""
    link, order = installation.uplink("authority"), []

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
