"""Receipts on sight: who is told what of an epoch, and how often; and revocation between reading and storing."""

import pytest
from nacl.signing import SigningKey

from edge.central.ledger.intake import IntakeVerdict, Ledger, Outcome, RejectReason
from edge.central.ledger.receipts import COALESCE_NS, SIGHT_NS
from edge.central.store.records import Store
from edge.crypto import dsse
from edge.domain.protocol import topics
from edge.domain.protocol.receipt import Receipt
from edge.domain.protocol.record import GENESIS, PAYLOAD_TYPE, Draft, Origin, Position, encode, payload_hash
from edge.domain.protocol.record_kinds import Kind
from edge.errors import LedgerError, LedgerStalled
from tests.support.clock import NOW
from tests.support.intake import GATE, LEDGER, TERMINAL, accept

OTHER, EPOCH = Origin("main", "gate-2"), "e" * 32
NEWER = SigningKey(bytes([3]) * 32)


def payloads(count: int, epoch: str = EPOCH) -> list[bytes]:
    out, prev = [], GENESIS
    for seq in range(1, count + 1):
        draft = Draft(Kind.BOOT, {"version": "0.1.0", "models": []}, NOW)
        out.append(encode(GATE, Position(epoch, seq, prev), draft))
        prev = payload_hash(out[-1])
    return out


def take(ledger: Ledger, payload: bytes, key: SigningKey = TERMINAL) -> IntakeVerdict:
    wire = dsse.to_wire(dsse.sign(PAYLOAD_TYPE, payload, key))
    return accept(ledger, topics.record(GATE, "boot"), wire)


def said(replies) -> list[tuple[str, int, str]]:
    keys = {dsse.key_id(LEDGER.verify_key): LEDGER.verify_key}
    read = [Receipt.decode(dsse.verify(dsse.parse(one.wire), Receipt.PAYLOAD_TYPE, keys)) for one in replies]
    assert all(reply.topic == topics.receipt(receipt.origin) for reply, receipt in zip(replies, read, strict=True))
    return [(receipt.epoch, receipt.upto, receipt.head) for receipt in read]


def test_a_terminal_in_sight_is_told_the_head_though_nothing_arrived(ledger, store):
    chain = payloads(3)
    for payload in chain:
        take(ledger, payload)
    again = Ledger(store, LEDGER)  # it was restarted, and owes nothing
    assert again.receipts_due(0) == []
    again.sighted(GATE, EPOCH)
    assert said(again.receipts_due(0)) == [(EPOCH, 3, payload_hash(chain[2]))]
    assert again.receipts_due(2 * SIGHT_NS) == [], "once"


def test_of_an_epoch_that_is_not_here_nothing_is_held_and_no_chain_is_made(ledger, store):
    ledger.sighted(GATE, "f" * 32)
    assert said(ledger.receipts_due(0)) == [("f" * 32, 0, GENESIS)]
    assert store.chains() == []


def test_a_chain_that_lacks_its_first_record_is_held_up_to_nothing(ledger):
    take(ledger, payloads(2)[1])
    ledger.sighted(GATE, EPOCH)
    assert said(ledger.receipts_due(0)) == [(EPOCH, 0, GENESIS)]


def test_it_is_answered_once_in_five_seconds_by_its_last_word(ledger):
    ledger.sighted(GATE, EPOCH)
    ledger.sighted(GATE, "a" * 32)
    assert said(ledger.receipts_due(0)) == [("a" * 32, 0, GENESIS)]
    for epoch in ("b" * 32, "c" * 32):
        ledger.sighted(GATE, epoch)
        assert ledger.receipts_due(SIGHT_NS - 1) == []
    assert said(ledger.receipts_due(SIGHT_NS)) == [("c" * 32, 0, GENESIS)], "put off, not forgotten"


def test_one_terminal_does_not_hold_up_another(ledger, store):
    store.register(OTHER, NEWER.verify_key)
    ledger.sighted(GATE, EPOCH)
    assert len(ledger.receipts_due(0)) == 1
    ledger.sighted(OTHER, EPOCH)
    (reply,) = ledger.receipts_due(1)
    assert reply.topic == topics.receipt(OTHER)


def test_nobody_unknown_and_nobody_revoked_is_answered(ledger, store):
    ledger.sighted(OTHER, EPOCH)
    assert ledger.receipts_due(0) == []
    store.revoke(dsse.key_id(TERMINAL.verify_key))
    ledger.sighted(GATE, EPOCH)
    assert ledger.receipts_due(0) == []


def test_of_several_identities_those_answer_that_own_the_epoch(ledger, store):
    store.register(GATE, NEWER.verify_key)
    chain = payloads(2)
    take(ledger, chain[0])
    take(ledger, payloads(1, "f" * 32)[0], NEWER)
    ledger.receipts_due(0)
    for now, epoch, upto in ((SIGHT_NS, EPOCH, 1), (2 * SIGHT_NS, "f" * 32, 1), (3 * SIGHT_NS, "d" * 32, 0)):
        ledger.sighted(GATE, epoch)
        (reply,) = ledger.receipts_due(now)
        assert said([reply])[0][:2] == (epoch, upto)
        assert reply.arrival.terminal.keyid == dsse.key_id((TERMINAL if epoch == EPOCH else NEWER).verify_key)


def test_what_is_due_and_in_sight_is_said_once(ledger):
    take(ledger, payloads(1)[0])
    ledger.sighted(GATE, EPOCH)
    assert [upto for _, upto, _ in said(ledger.receipts_due(0))] == [1]


def test_a_store_that_cannot_be_read_leaves_everything_due(ledger, store, monkeypatch):
    take(ledger, payloads(1)[0])
    ledger.sighted(GATE, "f" * 32)

    def broken(*_):
        raise LedgerStalled("no memory is left; end other programs")

    with monkeypatch.context() as patch:
        patch.setattr(store, "find_chain", broken)
        with pytest.raises(LedgerStalled):
            ledger.receipts_due(0)
    assert [upto for _, upto, _ in said(ledger.receipts_due(0))] == [1, 0]


def test_a_key_that_is_revoked_while_its_records_are_read_stores_nothing(ledger, store, monkeypatch):
    """The signatures are checked before the transaction: who is revoked in between is heard no more."""
    entered = store.batch

    def late():
        with Store(store.path) as other:
            other.revoke(dsse.key_id(TERMINAL.verify_key))
        return entered()

    monkeypatch.setattr(store, "batch", late)
    assert take(ledger, payloads(1)[0]) == IntakeVerdict(Outcome.REJECTED, RejectReason.REVOKED)
    assert (store.count(), store.chains(), ledger.waiting) == (0, [], False)


def test_a_busy_database_is_told_from_a_broken_one(tmp_path):
    path = tmp_path / "ledger.db"
    with (
        Store(path) as first,
        Store(path, busy_s=0.05) as second,
        first.batch(),
        pytest.raises(LedgerStalled, match="another process held it for too long"),
        second.batch(),
    ):
        pytest.fail("two transactions at once")
    path.write_bytes(b"x" * 8192)
    for name in ("ledger.db-wal", "ledger.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    with pytest.raises(LedgerError, match="not a ledger") as raised:
        Store(path)
    assert not isinstance(raised.value, LedgerStalled)


def test_epoch_after_epoch_of_one_terminal_is_not_remembered_for_ever(ledger):
    for number in range(3_000):
        take(ledger, payloads(1, f"{number:032x}")[0])
        assert len(ledger.receipts_due(number * COALESCE_NS)) == 1
    assert len(ledger._answers._receipted_ns) <= 1_001
