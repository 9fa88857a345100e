"""The rules of intake: what becomes part of the ledger, what is evidence, what is nothing (I3, I4, I12)."""

import contextlib
import json
import sqlite3
from dataclasses import replace

import pytest
from nacl.signing import SigningKey, VerifyKey

from edge.central.ledger.intake import COALESCE_NS, COALESCE_RECORDS, IntakeVerdict, Outcome, RejectReason
from edge.central.ledger.recheck import verify_all
from edge.central.store.command_results import results
from edge.central.store.records import MAX_CONFLICTS, Store
from edge.central.store.schema import LEDGER as FILE
from edge.central.store.schema import STEPS
from edge.crypto import dsse
from edge.domain.protocol import receipt, topics
from edge.domain.protocol.receipt import Receipt
from edge.domain.protocol.record import GENESIS, PAYLOAD_TYPE, Origin, Position, encode, payload_hash
from edge.errors import LedgerError, LedgerStalled
from tests.support.intake import GATE, LEDGER, TERMINAL, accept
from tests.support.records import punch

EPOCH = "e" * 32
TOPIC = topics.record(GATE, "punch")
STORED, DUPLICATE = IntakeVerdict(Outcome.STORED), IntakeVerdict(Outcome.DUPLICATE)
STRANGER = SigningKey(bytes([3]) * 32)


def payloads(count: int, *, epoch: str = EPOCH, prev: str = GENESIS, first: int = 1, direction: str = "in") -> list:
    out = []
    for seq in range(first, first + count):
        out.append(encode(GATE, Position(epoch, seq, prev), punch(direction=direction)))
        prev = payload_hash(out[-1])
    return out


def seal(payload: bytes, key: SigningKey = TERMINAL, kind: str = PAYLOAD_TYPE) -> bytes:
    return dsse.to_wire(dsse.sign(kind, payload, key))


def reply_of(reply) -> receipt.Receipt:
    keys = {dsse.key_id(LEDGER.verify_key): LEDGER.verify_key}
    return Receipt.decode(dsse.verify(dsse.parse(reply.wire), Receipt.PAYLOAD_TYPE, keys))


def test_a_chain_in_order_is_stored_as_it_was_signed(ledger, store):
    chain = payloads(3)
    assert [accept(ledger, TOPIC, seal(payload)) for payload in chain] == [STORED] * 3
    (row,) = store.chains()
    assert (row.upto, row.head) == (3, payload_hash(chain[2]))
    assert [entry.payload for entry in store.entries(row)] == chain
    assert [report.ok for report in verify_all(store)] == [True]


def test_the_same_record_again_is_a_duplicate_and_is_receipted_again(ledger, store):
    wire = seal(payloads(1)[0])
    assert [accept(ledger, TOPIC, wire) for _ in range(3)] == [STORED, DUPLICATE, DUPLICATE]
    assert store.count() == 1
    assert reply_of(ledger.receipts_due(0)[0]).upto == 1
    assert accept(ledger, TOPIC, wire) == DUPLICATE
    assert reply_of(ledger.receipts_due(COALESCE_NS)[0]).upto == 1


@pytest.mark.parametrize("order", [(3, 2, 1), (2, 3, 1), (1, 3, 2), (3, 1, 2)])
def test_any_order_of_arrival_ends_in_the_same_chain(ledger, store, order):
    chain = payloads(3)
    for seq in order:
        assert accept(ledger, TOPIC, seal(chain[seq - 1])) == STORED
    (row,) = store.chains()
    assert (row.upto, row.head) == (3, payload_hash(chain[2]))


def test_a_gap_is_not_receipted_over(ledger, store):
    chain = payloads(4)
    for seq in (1, 2, 4):
        accept(ledger, TOPIC, seal(chain[seq - 1]))
    (reply,) = ledger.receipts_due(0)
    assert (reply_of(reply).upto, reply_of(reply).head) == (2, payload_hash(chain[1]))
    (report,) = verify_all(store)
    assert (report.problem.seq, report.stored) == (3, 3)


def test_a_chain_without_its_first_record_has_no_receipt(ledger):
    accept(ledger, TOPIC, seal(payloads(2)[1]))
    assert ledger.receipts_due(0) == []
    assert not ledger.waiting


def test_another_record_in_a_taken_place_is_kept_as_evidence_and_overwrites_nothing(ledger, store):
    chain, other = payloads(2), payloads(2, direction="out")
    for payload in chain:
        accept(ledger, TOPIC, seal(payload))
    for _ in range(2):
        assert accept(ledger, TOPIC, seal(other[1])) == IntakeVerdict(Outcome.CONFLICT, RejectReason.OTHER_PAYLOAD)
    (row,) = store.chains()
    assert [entry.payload for entry in store.entries(row)] == chain
    ((evidence, why),) = store.conflicts(row)
    assert (evidence.payload, why) == (other[1], RejectReason.OTHER_PAYLOAD.value)
    assert reply_of(ledger.receipts_due(0)[0]).head == payload_hash(chain[1])
    assert [report.ok for report in verify_all(store)] == [False]


def test_a_record_that_does_not_follow_never_takes_the_place_of_one_that_does(ledger, store):
    chain = payloads(2)
    stray = payloads(1, first=2, prev="f" * 64)[0]
    accept(ledger, TOPIC, seal(chain[0]))
    assert accept(ledger, TOPIC, seal(stray)) == IntakeVerdict(Outcome.CONFLICT, RejectReason.LINK)
    assert accept(ledger, TOPIC, seal(chain[1])) == STORED
    assert store.chains()[0].upto == 2


def test_a_first_record_must_begin_the_chain(ledger):
    wire = seal(payloads(1, prev="f" * 64)[0])
    assert accept(ledger, TOPIC, wire) == IntakeVerdict(Outcome.CONFLICT, RejectReason.LINK)


def test_an_early_record_that_turns_out_not_to_follow_stops_the_receipts_before_it(ledger, store):
    chain = payloads(1)
    accept(ledger, TOPIC, seal(payloads(1, first=2, prev="f" * 64)[0]))
    assert accept(ledger, TOPIC, seal(chain[0])) == STORED
    (row,) = store.chains()
    assert (row.upto, row.head) == (1, payload_hash(chain[0]))
    assert [why for _, why in store.conflicts(row)] == [RejectReason.LINK.value]
    assert reply_of(ledger.receipts_due(0)[0]).upto == 1


def test_evidence_is_bounded(ledger, store, monkeypatch):
    monkeypatch.setattr("edge.central.store.records.MAX_CONFLICTS", 3)
    assert MAX_CONFLICTS >= 100
    accept(ledger, TOPIC, seal(payloads(1)[0]))
    for n in range(6):
        accept(ledger, TOPIC, seal(payloads(1, first=2, prev=f"{n:064x}")[0]))
    assert len(store.conflicts(store.chains()[0])) == 3


def altered(payload: bytes) -> bytes:
    genuine = dsse.parse(seal(payload))
    changed = payload.replace(b'"in"', b'"ou"')
    return dsse.to_wire(dsse.Envelope(PAYLOAD_TYPE, changed, genuine.keyid, genuine.signature))


def claims_our_key(payload: bytes) -> bytes:
    forged = dsse.sign(PAYLOAD_TYPE, payload, STRANGER)
    keyid = dsse.key_id(TERMINAL.verify_key)
    return dsse.to_wire(dsse.Envelope(PAYLOAD_TYPE, payload, keyid, forged.signature))


def of_gate_2(payload: bytes) -> bytes:
    return seal(payload.replace(b"main/gate-1", b"main/gate-2").replace(b'"gate-1/', b'"gate-2/'))


@pytest.mark.parametrize(
    ("topic", "make", "reason"),
    [
        (TOPIC, lambda p: b"", RejectReason.MALFORMED),
        (TOPIC, lambda p: b"\xff" * 100, RejectReason.MALFORMED),
        (TOPIC, lambda p: b"[" * 30_000, RejectReason.MALFORMED),
        (TOPIC, lambda p: seal(p)[:-1], RejectReason.MALFORMED),
        (TOPIC, lambda p: seal(p) + b" " * 40_000, RejectReason.MALFORMED),
        (TOPIC, lambda p: p, RejectReason.MALFORMED),
        (TOPIC, lambda p: seal(p, STRANGER), RejectReason.UNKNOWN_KEY),
        (TOPIC, claims_our_key, RejectReason.SIGNATURE),
        (TOPIC, altered, RejectReason.SIGNATURE),
        (TOPIC, lambda p: seal(p, kind=Receipt.PAYLOAD_TYPE), RejectReason.SIGNATURE),
        (TOPIC, lambda p: seal(b"{}"), RejectReason.PAYLOAD),
        (TOPIC, lambda p: seal(p.replace(b'"seq":1', b'"seq":1,"seq":1')), RejectReason.PAYLOAD),
        (TOPIC, of_gate_2, RejectReason.ORIGIN),
        (topics.record(GATE, "boot"), seal, RejectReason.KIND),
        (topics.record(Origin("main", "gate-2"), "punch"), seal, RejectReason.FOREIGN_KEY),
        (topics.record(Origin("other", "gate-1"), "punch"), seal, RejectReason.FOREIGN_KEY),
        (topics.status(GATE), seal, RejectReason.TOPIC),
        (TOPIC + "/deeper", seal, RejectReason.TOPIC),
        ("", seal, RejectReason.TOPIC),
        ("smartclocker/v2/main/gate-1/record/punch", seal, RejectReason.TOPIC),
    ],
)
def test_what_is_rejected_changes_nothing(ledger, store, topic, make, reason):
    payload = payloads(1)[0]
    assert accept(ledger, topic, make(payload)) == IntakeVerdict(Outcome.REJECTED, reason)
    assert store.count() == 0
    assert store.chains() == []
    assert not ledger.waiting, "and earns no receipt"
    assert ledger.counts[reason] == ledger.counts[Outcome.REJECTED] == 1
    assert accept(ledger, TOPIC, seal(payload)) == STORED


def test_a_revoked_key_is_heard_no_more_and_its_records_stay(ledger, store):
    chain = payloads(2)
    accept(ledger, TOPIC, seal(chain[0]))
    assert store.revoke(dsse.key_id(TERMINAL.verify_key))
    assert not store.revoke(dsse.key_id(TERMINAL.verify_key))
    assert accept(ledger, TOPIC, seal(chain[1])) == IntakeVerdict(Outcome.REJECTED, RejectReason.REVOKED)
    assert store.count() == 1
    assert [report.ok for report in verify_all(store)] == [True]


def test_a_replaced_card_is_a_second_identity_under_the_same_name(ledger, store):
    store.register(GATE, STRANGER.verify_key)
    accept(ledger, TOPIC, seal(payloads(1)[0]))
    assert accept(ledger, TOPIC, seal(payloads(1, epoch="f" * 32)[0], STRANGER)) == STORED
    assert len(store.chains()) == 2
    assert {reply_of(reply).epoch for reply in ledger.receipts_due(0)} == {EPOCH, "f" * 32}


def test_receipts_are_prompt_when_quiet_and_coalesced_under_load(ledger):
    chain = [seal(payload) for payload in payloads(COALESCE_RECORDS + 3)]
    accept(ledger, TOPIC, chain[0])
    assert len(ledger.receipts_due(0)) == 1
    accept(ledger, TOPIC, chain[1])
    assert ledger.receipts_due(COALESCE_NS - 1) == []
    assert ledger.waiting
    assert reply_of(ledger.receipts_due(COALESCE_NS)[0]).upto == 2
    for wire in chain[2 : COALESCE_RECORDS + 2]:
        accept(ledger, TOPIC, wire)
    assert reply_of(ledger.receipts_due(COALESCE_NS + 1)[0]).upto == COALESCE_RECORDS + 2
    assert ledger.receipts_due(9 * COALESCE_NS) == []


def test_a_receipt_that_could_not_be_sent_is_due_again(ledger):
    accept(ledger, TOPIC, seal(payloads(1)[0]))
    (reply,) = ledger.receipts_due(0)
    ledger.owe(reply)
    assert reply_of(ledger.receipts_due(1)[0]).upto == 1


def test_a_full_disk_stores_nothing_of_the_batch_and_earns_no_receipt(ledger, store):
    chain = [(TOPIC, seal(payload)) for payload in payloads(60)]
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages + 3}")
    with pytest.raises(LedgerError, match=r"full; free some space"):
        ledger.accept_batch(chain)
    assert store.count() == 0
    assert not ledger.waiting
    assert ledger.counts.total() == 0
    store._db.execute("PRAGMA max_page_count = 1000000")
    assert ledger.accept_batch(chain) == [STORED] * 60


@pytest.mark.parametrize("column", ["payload", "signature", "kind", "person"])
def test_an_altered_database_is_seen_by_the_audit(ledger, store, column):
    for payload in payloads(3):
        accept(ledger, TOPIC, seal(payload))
    change = {
        "payload": "UPDATE records SET payload = CAST(replace(CAST(payload AS TEXT), '\"in\"', '\"out\"') AS BLOB)",
        "signature": "UPDATE records SET signature = zeroblob(64)",
        "kind": "UPDATE records SET kind = 'boot'",
        "person": "UPDATE records SET person = NULL",
    }[column]
    store._db.execute(f"{change} WHERE seq = 2")
    (report,) = verify_all(store)
    assert not report.ok
    assert (report.problem.seq, report.head.seq) == (2, 1)


def test_a_removed_last_record_is_seen_by_the_audit(ledger, store):
    for payload in payloads(3):
        accept(ledger, TOPIC, seal(payload))
    store._db.execute("DELETE FROM records WHERE seq = 3")
    (report,) = verify_all(store)
    assert "receipts up to 3" in report.problem.what


def test_names_with_another_meaning_are_not_registered(store):
    for name in ("ledger", "roster", "authority"):
        with pytest.raises(LedgerError, match=r"reserved|lower-case"):
            store.register(Origin("main", name), STRANGER.verify_key)
    for origin in (Origin("main", "+"), Origin("a/b", "gate-1"), Origin("main", "")):
        with pytest.raises(LedgerError, match="lower-case"):
            store.register(origin, STRANGER.verify_key)


def test_one_key_has_one_name(store):
    again = store.register(GATE, TERMINAL.verify_key)
    assert store.terminals() == [again]
    with pytest.raises(LedgerError, match=r"registered for main/gate-1.*make a new identity"):
        store.register(Origin("main", "gate-2"), TERMINAL.verify_key)
    store.revoke(again.keyid)
    with pytest.raises(LedgerError, match="was revoked"):
        store.register(GATE, TERMINAL.verify_key)
    assert isinstance(again.key, VerifyKey)


def test_a_name_belongs_to_one_site_and_what_two_have_by_now_goes_on(store):
    """A record's id names the terminal and no site."""
    store.register(GATE, TERMINAL.verify_key)
    depot = Origin("depot", "gate-1")
    with pytest.raises(LedgerError, match=r"main/gate-1 has this name.*such as depot-gate-1"):
        store.register(depot, STRANGER.verify_key)
    store._db.execute(
        "INSERT INTO terminals (site, terminal, keyid, public_key, registered)"
        " VALUES ('depot', 'gate-1', ?, ?, '')",
        (dsse.key_id(STRANGER.verify_key), bytes(STRANGER.verify_key)),
    )
    store.register(depot, STRANGER.verify_key)
    store.register(depot, SigningKey(bytes([7]) * 32).verify_key)


def test_a_ledger_of_the_version_before_is_brought_up_to_this_one(tmp_path):
    path = tmp_path / "ledger.db"
    replace(FILE, version=2).open(path, ";".join(STEPS[:2])).close()
    with Store(path) as store:
        found = store.register(GATE, TERMINAL.verify_key)
        assert (found.revoked, found.doubted_since) == (None, None)
        assert results(store, ["e" * 32]) == {}


def test_since_when_a_revoked_identity_is_doubted_may_be_said_later(store):
    keyid = store.register(GATE, TERMINAL.verify_key).keyid
    assert (store.revoke(keyid), store.revoke(keyid)) == (True, False)
    assert store.revoke(keyid, "2026-03-02T08:00:00.000Z")
    assert store.terminal(keyid).doubted_since == "2026-03-02T08:00:00.000Z"
    assert not store.revoke("f" * 32, "2026-03-02T08:00:00.000Z")


def test_a_commit_waits_for_the_disk(store):
    """A receipt says that it survives a power cut; NORMAL in WAL mode would not (2 is FULL)."""
    assert store._db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert store._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_the_database_is_closed_to_others(store):
    assert store.path.stat().st_mode & 0o077 == 0


def test_a_database_of_another_program_is_left_alone(tmp_path):
    path = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(path)) as other, other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="not a ledger; correct the path"):
        Store(path)
    assert path.read_bytes() == before


def test_a_database_of_a_newer_version_is_left_alone(store):
    store._db.execute("PRAGMA user_version = 99")
    with pytest.raises(LedgerError, match=r"ledger of format 99, .* install the version that wrote it"):
        Store(store.path)


def test_a_file_that_is_no_database_is_an_error_with_a_cure(tmp_path):
    path = tmp_path / "noise.db"
    path.write_bytes(b"not a database" * 400)
    with pytest.raises(LedgerError, match="not a ledger; nothing was changed: keep the file"):
        Store(path)
    assert path.read_bytes() == b"not a database" * 400
    with pytest.raises(LedgerError, match="its directory must exist") as raised:
        Store(tmp_path / "absent" / "ledger.db")
    assert not isinstance(raised.value, LedgerStalled), "waiting does not mend it"


def test_two_processes_may_open_a_new_ledger_at_once(tmp_path):
    with Store(tmp_path / "new.db") as first, Store(tmp_path / "new.db") as second:
        first.register(GATE, TERMINAL.verify_key)
        assert len(second.terminals()) == 1
    assert FILE.application_id.to_bytes(4, "big") == b"SMCL"


def test_a_receipt_says_whose_and_how_far(ledger):
    accept(ledger, TOPIC, seal(payloads(1)[0]))
    (reply,) = ledger.receipts_due(0)
    assert reply.topic == "smartclocker/v1/main/gate-1/receipt"
    document = json.loads(dsse.parse(reply.wire).payload)
    assert set(document) == {"v", "site", "terminal", "epoch", "upto", "head", "issued"}
