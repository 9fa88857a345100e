"""A neighbour floods a ledger that cannot store: what is held in memory is bounded, and what counts is not lost."""

import sqlite3

from tests.support.ledger_flood import connect, without_an_answer
from tests.support.mqtt_packets import publish

MESSAGES, SIZE = 2_000, 30_000


def test_a_stalled_ledger_keeps_nothing_that_wants_no_answer(installation):
    terminal = installation.terminal()
    service = installation.ledger()
    lock = sqlite3.connect(installation.ledger_path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    terminal.append(3)
    terminal.run(resend_s=0.5)
    installation.eventually(lambda: service._stalled, "the ledger finds that it cannot store")
    with connect(installation, "evil") as stream:
        flood = without_an_answer("smartclocker/v1/main/evil/record/punch", b"x" * SIZE)
        for _ in range(MESSAGES):
            stream.sendall(flood)
        last = publish("smartclocker/v1/main/evil/record/punch", b"the last", 7, retain=False)
        stream.sendall(last)
        # the broker hands on in order: once this one is held, all before it came by
        installation.eventually(
            lambda: any(one.message.payload == b"the last" for one in service._held), "the end of it", 60
        )
    held = sum(len(one.message.payload) for one in service._held)
    assert held < MESSAGES * SIZE / 20
    lock.execute("ROLLBACK")
    lock.close()
    terminal.receipted(3)
