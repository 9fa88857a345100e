"""One terminal fills the centre's disk no further than its day allows; others do not notice, nothing is lost."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from edge.central.gaps import delivery_gaps
from edge.central.ledger import quota
from edge.central.ledger.intake import Ledger, Outcome, RejectReason
from edge.central.ledger.recheck import verify_all
from edge.central.store.findings import ProblemKind
from edge.central.store.records import Store
from edge.crypto import dsse
from edge.domain.protocol import topics
from edge.domain.protocol.record import GENESIS, PAYLOAD_TYPE, Draft, Origin, Position, encode, payload_hash
from tests.support.clock import NOW
from tests.support.intake import accept

LEDGER = SigningKey(bytes([9]) * 32)
DAILY = 100_000


class Sender:
    """A registered terminal, and records of it as large as it likes."""

    def __init__(self, store: Store, name: str, number: int) -> None:
        self.origin, self.key = Origin("main", name), SigningKey(bytes([number]) * 32)
        self.terminal = store.register(self.origin, self.key.verify_key)
        self.wires: list[tuple[str, bytes]] = []
        before = GENESIS
        for seq in range(1, 31):
            draft = Draft("junk", {"text": "x" * 8_000}, NOW)
            payload = encode(self.origin, Position(f"{number:032x}", seq, before), draft)
            before = payload_hash(payload)
            wire = dsse.to_wire(dsse.sign(PAYLOAD_TYPE, payload, self.key))
            self.wires.append((topics.record(self.origin, "junk"), wire))


@pytest.fixture
def store(tmp_path: Path):
    with Store(tmp_path / "ledger.db") as opened:
        yield opened


def stored(store: Store, sender: Sender) -> int:
    (count,) = next(
        iter(
            store.select(
                "SELECT count(*) FROM records JOIN chains ON chains.id = chain WHERE terminal = ?",
                (sender.terminal.id,),
            )
        )
    )
    return int(count)


def test_what_is_beyond_a_days_share_is_put_off_and_stored_the_next_day(store, monkeypatch):
    ledger, evil, gate = Ledger(store, LEDGER, DAILY), Sender(store, "evil", 1), Sender(store, "gate", 2)
    day = datetime.now(UTC)
    noon = f"{day:%Y-%m-%d}T12:00:00.000Z"
    monkeypatch.setattr(quota, "now", lambda: noon)  # no midnight in between
    verdicts = ledger.accept_batch(evil.wires)
    assert (verdicts[0].outcome, verdicts[-1].reason) == (Outcome.STORED, RejectReason.PUT_OFF)
    held = stored(store, evil)
    assert held == sum(one.outcome is Outcome.STORED for one in verdicts)
    assert 0 < held * 8_000 < DAILY + 10_000
    again = ledger.accept_batch(evil.wires)
    assert [one.outcome for one in again[:held]] == [Outcome.DUPLICATE] * held, "what is here is answered"
    assert stored(store, evil) == held
    assert {one.outcome for one in ledger.accept_batch(gate.wires[:5])} == {Outcome.STORED}, "its own share"
    assert accept(Ledger(store, LEDGER, DAILY), *evil.wires[-1]).reason is RejectReason.PUT_OFF, (
        "a restart forgets nothing"
    )

    (finding,) = [one for one in delivery_gaps.find(store, timedelta(days=1), day) if one.kind is ProblemKind.QUOTA]
    assert (finding.origin, "central run --daily-mb" in finding.text) == (evil.origin, True)

    for days in (1, 2, 3, 4):
        later = (day + timedelta(days=days)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        monkeypatch.setattr(quota, "now", lambda later=later: later)
        ledger.accept_batch(evil.wires)
    assert stored(store, evil) == 30, "in the end all of it is here"
    assert all(report.ok for report in verify_all(store))
    after = day + timedelta(days=6)
    assert not [
        one for one in delivery_gaps.find(store, timedelta(days=99), after) if one.kind is ProblemKind.QUOTA
    ]


def test_a_revoked_terminal_is_no_more_said(store):
    ledger, evil = Ledger(store, LEDGER, DAILY), Sender(store, "evil", 1)
    ledger.accept_batch(evil.wires)
    store.revoke(evil.terminal.keyid)
    assert not [one for one in delivery_gaps.find(store, timedelta(days=1)) if one.kind is ProblemKind.QUOTA]


def test_files_that_a_person_imports_have_no_share(store):
    ledger, evil = Ledger(store, LEDGER), Sender(store, "evil", 1)
    assert {one.outcome for one in ledger.accept_batch(evil.wires)} == {Outcome.STORED}


def test_what_contradicts_the_ledger_has_its_share_too(store):
    """Of each epoch a thousand conflicts are kept, and epochs cost nothing."""
    ledger, evil = Ledger(store, LEDGER, DAILY), Sender(store, "evil", 1)
    wires = []
    for number in range(40):
        draft = Draft("junk", {"text": f"{number:04d}" + "x" * 8_000}, NOW)
        payload = encode(evil.origin, Position("a" * 32, 1, GENESIS), draft)
        wire = dsse.to_wire(dsse.sign(PAYLOAD_TYPE, payload, evil.key))
        wires.append((topics.record(evil.origin, "junk"), wire))
    verdicts = ledger.accept_batch(wires)
    assert verdicts[0].outcome is Outcome.STORED
    assert verdicts[1].outcome is Outcome.CONFLICT
    assert verdicts[-1].reason is RejectReason.PUT_OFF
    (kept,) = next(iter(store.select("SELECT coalesce(sum(length(payload)), 0) FROM conflicts")))
    assert 0 < kept < DAILY + 10_000
