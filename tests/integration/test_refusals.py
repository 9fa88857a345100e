"""The broker's fence, and what a hostile neighbour with a valid certificate can do (I4, I12)."""

import json
import re
import time

import pytest
from nacl.signing import SigningKey

from edge.central.ledger.intake import Outcome
from edge.central.ledger.recheck import verify_all
from edge.crypto import dsse
from edge.domain.protocol import topics
from edge.domain.protocol.receipt import Receipt
from edge.domain.protocol.record import PAYLOAD_TYPE, Origin, Position, encode, payload_hash
from tests.support.broker import restart
from tests.support.intake import accept


def sign_receipt(key: SigningKey, **fields) -> bytes:
    receipt = Receipt(**{"issued": "2026-03-02T08:00:00.000Z", **fields})
    return dsse.to_wire(dsse.sign(Receipt.PAYLOAD_TYPE, receipt.encode(), key))


@pytest.mark.parametrize("name", ["gate-2", "ledger"])
@pytest.mark.parametrize("leaf", ["record/punch", "status", "receipt", "command"])
def test_a_terminal_writes_nowhere_but_to_its_own_topics(installation, name, leaf):
    answer = installation.neighbour("gate-1").publish(f"smartclocker/v1/main/{name}/{leaf}", b"{}")
    assert answer.refused == "Not authorized"


def test_a_terminal_of_this_site_writes_into_no_other_site(installation):
    answer = installation.neighbour("gate-1").publish("smartclocker/v1/other/gate-1/record/punch", b"{}")
    assert answer.refused == "Not authorized"


def test_a_terminal_cannot_write_its_own_receipt(installation):
    answer = installation.neighbour("gate-1").publish("smartclocker/v1/main/gate-1/receipt", b"{}")
    assert answer.refused == "Not authorized"


def test_a_terminal_reads_nothing_of_another(installation):
    spy = installation.neighbour("gate-1", "smartclocker/v1/main/gate-2/#", "smartclocker/v1/main/gate-1/receipt")
    installation.neighbour("gate-2").publish("smartclocker/v1/main/gate-2/record/punch", b"theirs")
    installation.neighbour("ledger").publish("smartclocker/v1/main/gate-1/receipt", b"ours")
    spy.hears("smartclocker/v1/main/gate-1/receipt", b"ours")
    assert [topic for topic, _ in spy.heard] == ["smartclocker/v1/main/gate-1/receipt"]


def test_a_denied_terminal_keeps_everything_and_delivers_once_it_is_allowed(installation, caplog):
    installation.ledger()
    terminal = installation.terminal()
    terminal.append(30)
    allowed = installation.broker.acl.read_text()
    installation.broker.acl.write_text(re.sub(r"pattern write smartclocker/v1/main/%u/record/.*\n", "", allowed))
    restart(installation.broker)
    watcher = installation.neighbour("ledger", topics.ALL_STATUS)
    publisher = terminal.run()
    installation.eventually(lambda: publisher.counters.refused >= 2, "refused, and tried again")
    watcher.hears(topics.status(terminal.origin), b'"uplink":"refused"')
    assert terminal.watermark() == 0
    assert publisher.counters.sent < 80, "no hot loop"
    refusals = [r.getMessage() for r in caplog.records if "refuses our records" in r.getMessage()]
    assert len(refusals) == 1, "said once"
    assert "smartclocker/v1/main/gate-1/record/+" in refusals[0]

    installation.broker.acl.write_text(allowed)
    restart(installation.broker)
    terminal.receipted(30)
    assert installation.count() == 30
    watcher.hears(topics.status(terminal.origin), b'"uplink":"ok"')


def test_a_hostile_publisher_changes_nothing_and_the_terminal_still_delivers(installation, stranger_key):
    """It holds the terminal's own TLS certificate, everything but its identity, and records that it overheard."""
    service = installation.ledger()
    terminal, other = installation.terminal("gate-1"), installation.terminal("gate-2")
    terminal.append(4)
    other.append(1)
    with terminal.journal() as journal, other.journal() as theirs:
        first, second, third, _ = [outgoing.wire for outgoing in journal.envelopes(0, 4)]
        foreign, epoch, head = theirs.envelopes(0, 1)[0].wire, journal.epoch, journal.head()
    topic = topics.record(terminal.origin, "punch")
    payload = bytearray(dsse.parse(third).payload)
    payload[payload.index(b'"direction":"in"') + 13] ^= 1
    altered = dsse.to_wire(
        dsse.Envelope(PAYLOAD_TYPE, bytes(payload), dsse.parse(third).keyid, dsse.parse(third).signature)
    )
    forged = encode(terminal.origin, Position(epoch, 5, head.hash), installation.punch())
    document = json.loads(second)
    document["signatures"][0]["sig"] = "A" * 86 + "=="
    hostile = installation.neighbour("gate-1")
    for topic_, message in [
        (topic, b""),
        (topic, b"\xff\xfe\x00" * 400),
        (topic, b"[" * 20_000),
        (topic, first[:-40]),
        (topic, altered),
        (topic, json.dumps(document).encode()),
        (topic, dsse.to_wire(dsse.sign(PAYLOAD_TYPE, forged, stranger_key))),
        (topic, dsse.to_wire(dsse.sign(Receipt.PAYLOAD_TYPE, forged, terminal.key))),
        (topic, foreign),
        (topics.record(terminal.origin, "boot"), first),
        # overheard and sent out of order, twice: genuine, so these are taken
        (topic, third),
        (topic, third),
        (topic, first),
        (topic, first),
    ]:
        assert hostile.publish(topic_, message).refused is None
    installation.eventually(lambda: installation.count() == 2, "the genuine ones are stored")
    hostile.link.stop()
    terminal.run()
    other.run()
    terminal.receipted(4)
    other.receipted(1)
    with installation.store() as store:
        assert [(r.ok, r.records) for r in verify_all(store)] == [(True, 4), (True, 1)]
    assert service.connected.is_set()


def test_forged_receipts_release_nothing(installation, stranger_key):
    terminal = installation.terminal()
    terminal.append(5)
    with terminal.journal() as journal:
        head, epoch = journal.head(), journal.epoch
    publisher = terminal.run()
    installation.eventually(lambda: publisher.connected, "connected")
    here = {"origin": terminal.origin, "epoch": epoch, "upto": 5, "head": head.hash}
    genuine = sign_receipt(installation.ledger_key, **here)
    document = json.loads(genuine)
    document["payload"] = document["payload"][:-4] + "fQ=="
    record_as_receipt = dsse.to_wire(
        dsse.sign(
            PAYLOAD_TYPE, Receipt(issued="2026-03-02T08:00:00.000Z", **here).encode(), installation.ledger_key
        )
    )
    forgeries = [
        b"",
        b"{}",
        genuine[:-30],
        json.dumps(document).encode(),
        record_as_receipt,
        sign_receipt(stranger_key, **here),
        sign_receipt(terminal.key, **here),
        sign_receipt(installation.ledger_key, **{**here, "origin": Origin("main", "gate-2")}),
        sign_receipt(installation.ledger_key, **{**here, "origin": Origin("other", "gate-1")}),
        sign_receipt(installation.ledger_key, **{**here, "epoch": "0" * 32}),
    ]
    forger = installation.neighbour("ledger")
    for forgery in forgeries:
        assert forger.publish(topics.receipt(terminal.origin), forgery).refused is None
    rejected = publisher.counters
    installation.eventually(lambda: rejected.receipts_rejected == len(forgeries), "each is counted")
    assert terminal.watermark() == 0
    assert publisher.alarms <= {"no-ledger"}
    forger.publish(topics.receipt(terminal.origin), genuine)
    terminal.receipted(5)


@pytest.mark.parametrize("claim", ["another head", "more than there is"])
def test_a_receipt_over_another_chain_is_an_alarm_and_releases_nothing(installation, caplog, claim):
    terminal = installation.terminal()
    terminal.append(5)
    with terminal.journal() as journal:
        head, epoch = journal.head(), journal.epoch
    publisher = terminal.run()
    watcher = installation.neighbour("ledger", topics.ALL_STATUS)
    installation.eventually(lambda: publisher.connected, "connected")
    claims = {"another head": (4, payload_hash(b"x")), "more than there is": (9, payload_hash(b"x"))}
    upto, other = claims[claim]
    wrong = {"origin": terminal.origin, "epoch": epoch, "upto": upto, "head": other}
    forger = installation.neighbour("ledger")
    for _ in range(3):
        forger.publish(topics.receipt(terminal.origin), sign_receipt(installation.ledger_key, **wrong))
    installation.eventually(lambda: "fork" in publisher.alarms, "the alarm")
    watcher.hears(topics.status(terminal.origin), b'"fork"')
    right = {"origin": terminal.origin, "epoch": epoch, "upto": 5, "head": head.hash}
    forger.publish(topics.receipt(terminal.origin), sign_receipt(installation.ledger_key, **right))
    terminal.append(1)
    sent = publisher.counters.sent
    installation.eventually(lambda: publisher.counters.sent > sent, "it still sends")
    assert terminal.watermark() == 0, "once forked, nothing is released"
    assert [r.levelname for r in caplog.records if "chain is not ours" in r.getMessage()] == ["CRITICAL"]


def test_a_replayed_receipt_changes_nothing(installation):
    installation.ledger()
    terminal = installation.terminal()
    terminal.append(1)
    spy = installation.neighbour("eavesdropper", topics.receipt(terminal.origin))
    publisher = terminal.run()
    terminal.receipted(1)
    spy.hears(topics.receipt(terminal.origin), b"payload")
    replay = spy.heard[0][1]
    terminal.append(3)
    terminal.receipted(4)
    forger = installation.neighbour("ledger")
    before = publisher.counters.receipts
    forger.publish(topics.receipt(terminal.origin), replay)
    installation.eventually(lambda: publisher.counters.receipts > before, "seen")
    assert terminal.watermark() == 4
    assert not publisher.alarms


def test_a_revoked_terminal_is_heard_no_more(installation):
    service = installation.ledger()
    terminal = installation.terminal()
    terminal.append(2)
    publisher = terminal.run(resend_s=0.2)
    terminal.receipted(2)
    with installation.store() as store:
        assert store.revoke(dsse.key_id(terminal.key.verify_key))
    terminal.append(2)
    installation.eventually(lambda: publisher.counters.resends > 0, "it tries")
    assert (installation.count(), terminal.watermark()) == (2, 2)
    assert service.connected.is_set()


def test_a_cloned_card_is_a_conflict_and_the_first_history_stays(installation, tmp_path):
    """Two devices with one journal and one key: the ledger keeps the evidence, the second is alarmed."""
    installation.ledger()
    terminal = installation.terminal()
    terminal.append(3)
    with terminal.journal() as journal:
        journal._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    clone = tmp_path / "clone.journal"
    clone.write_bytes(terminal.path.read_bytes())
    terminal.append(3)
    publisher = terminal.run()
    terminal.receipted(6)
    terminal.stop()
    original, terminal.path = terminal.path, clone
    time.sleep(0.002)  # a millisecond of the wall clock is not what tells them apart
    with terminal.journal() as journal:
        for _ in range(4):
            draft = installation.punch()
            journal.append(type(draft)(draft.kind, {**draft.data, "direction": "out"}, draft.time))
    publisher = terminal.run()
    installation.eventually(lambda: "fork" in publisher.alarms, "the clone is alarmed")
    terminal.path = original

    def audit():
        with installation.store() as store:
            (report,) = verify_all(store)
        assert (report.records, report.problem) == (6, None)
        return report

    installation.eventually(lambda: audit().conflicts > 0, "its records are kept as evidence")
    assert not audit().ok


def test_the_ledger_counts_what_it_rejects(installation, tmp_path):
    from edge.central.ledger.intake import Ledger

    terminal = installation.terminal()
    with installation.store() as store:
        ledger = Ledger(store, installation.ledger_key)
        assert accept(ledger, "smartclocker/v1/main/gate-1/record/punch", b"x").outcome is Outcome.REJECTED
        assert ledger.counts[Outcome.REJECTED] == 1
    assert terminal.watermark() == 0
