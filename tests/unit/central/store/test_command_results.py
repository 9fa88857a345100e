"""A command's result is found by its id, in a new ledger as in one of an earlier version."""

import contextlib
from dataclasses import replace

import pytest
from nacl.signing import SigningKey

from edge.central.gaps import resend
from edge.central.ledger.intake import Ledger
from edge.central.store.command_results import RESULTS, CommandResult, results
from edge.central.store.records import Store
from edge.central.store.schema import LEDGER, STEPS
from edge.crypto import dsse
from edge.domain.protocol import topics
from edge.domain.protocol.record import GENESIS, PAYLOAD_TYPE, Draft, Origin, Position, encode, payload_hash
from edge.domain.protocol.record_kinds import Kind
from edge.domain.time.evidence import TimeEvidence
from tests.support.intake import accept

GATE, EPOCH = Origin("main", "gate-1"), "e" * 32
EVIDENCE = TimeEvidence("2026-03-02T07:59:58.120Z", 60, "Europe/Berlin", "b" * 36, 120_000, True)
TERMINAL, KEY = (SigningKey(bytes([n]) * 32) for n in (1, 2))


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "ledger.db") as opened:
        opened.register(GATE, TERMINAL.verify_key)
        yield opened


def result(seq: int, prev: str = GENESIS) -> bytes:
    fields = {"command_id": f"{seq:032x}", "command": "erase", "outcome": "done", "detail": "done"}
    return encode(GATE, Position(EPOCH, seq, prev), Draft(Kind.COMMAND_RESULT, fields, EVIDENCE))


def deliver(store: Store, payload: bytes) -> None:
    wire = dsse.to_wire(dsse.sign(PAYLOAD_TYPE, payload, TERMINAL))
    accept(Ledger(store, KEY), topics.record(GATE, "command-result"), wire)


def test_waiting_for_an_answer_reads_that_answer_and_not_all_of_them(store):
    """By the steps that SQLite takes: looking for one costs the same among ten and among a thousand."""
    costs, seq, prev = [], 0, GENESIS
    for many in (10, 1_000):
        while seq < many:
            payload, seq = result(seq + 1, prev), seq + 1
            prev = payload_hash(payload)
            deliver(store, payload)
        steps = 0

        def step() -> None:
            nonlocal steps
            steps += 1

        store._db.set_progress_handler(step, 1)
        asked = resend.Resend(f"{3:032x}", GATE, "", "", EPOCH, 1, 1)
        assert results(store, [f"{3:032x}"])[GATE, f"{3:032x}"].outcome == "done"
        assert resend.answers(store, [asked])[asked.id].outcome == "done"
        assert resend.answers(store, [replace(asked, origin=Origin("main", "gate-2"))]) == {}
        store._db.set_progress_handler(None, 1)
        costs.append(steps)
    assert costs[1] <= 1.5 * costs[0]


def test_the_plan_of_the_query_looks_the_id_up(store):
    plan = [row[-1] for row in store.select(f"EXPLAIN QUERY PLAN {RESULTS}", ("[]",))]
    assert any("SEARCH records USING INDEX results_by_command (<expr>=?)" in step for step in plan), plan
    assert not any(step.startswith("SCAN records") for step in plan)


def test_in_a_ledger_of_an_earlier_version_what_it_held_is_found(tmp_path):
    path, payload = tmp_path / "old.db", result(1)
    with contextlib.closing(replace(LEDGER, version=2).open(path, ";".join(STEPS[:2]))) as old:
        key = TERMINAL.verify_key
        old.execute(
            "INSERT INTO terminals VALUES (1, 'main', 'gate-1', ?, ?, '', NULL)", (dsse.key_id(key), bytes(key))
        )
        old.execute("INSERT INTO chains VALUES (1, 1, ?, 1, ?)", (EPOCH, payload_hash(payload)))
        old.execute(
            "INSERT INTO records VALUES (1, 1, 1, 'command-result', NULL, ?, ?, ?, x'00', '')",
            (GENESIS, payload_hash(payload), payload),
        )
    with Store(path) as store:
        assert results(store, [f"{1:032x}"]) == {(GATE, f"{1:032x}"): CommandResult("done", "done")}
        assert results(store, [f"{2:032x}"]) == {}
