"""The publish loop, turn by turn, over a broker and a clock that obey the test (I2)."""

import json
from collections import deque
from dataclasses import replace

import pytest
from nacl.signing import SigningKey

from edge.domain import receipts, topics
from edge.domain.kinds import Kind
from edge.domain.receipts import Receipt
from edge.domain.records import Draft, Origin
from edge.domain.types import TimeEvidence
from edge.journal import envelope
from edge.journal.ring import Ring
from edge.ports import Acknowledged, Connected, Disconnected, Message
from edge.terminal.publish import RESEND_GROWTH_LIMIT, RETRY_FIRST_S, RETRY_MAX_S, STATUS_EVERY_S, Publisher

GATE = Origin("main", "gate-1")
TERMINAL, LEDGER = SigningKey(bytes([1]) * 32), SigningKey(bytes([2]) * 32)
EVIDENCE = TimeEvidence("2026-03-02T07:59:58.120Z", 60, "Europe/Berlin", "b" * 36, 120_000, True)
UP = Connected(session_present=True)


class HandClock:
    def __init__(self) -> None:
        self.now_ns = 0

    def monotonic_ns(self) -> int:
        return self.now_ns

    def evidence(self) -> TimeEvidence:
        return EVIDENCE

    def pass_s(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)


class ScriptedUplink:
    """Takes what is published while `up`; answers only what the test puts in."""

    def __init__(self) -> None:
        self.up = False
        self.events: deque = deque()
        self.published: list[tuple[str, bytes, int, bool]] = []
        self.calls: list[str] = []

    def start(self) -> None:
        self.calls.append("start")

    def publish(self, topic: str, payload: bytes, *, token: int, retain: bool = False) -> bool:
        if self.up:
            self.published.append((topic, payload, token, retain))
        return self.up

    def next_event(self, timeout_s: float):
        return self.events.popleft() if self.events else None

    def wake(self) -> None:
        self.calls.append("wake")

    def stop(self) -> None:
        self.calls.append("stop")

    def __enter__(self):
        return self

    def __exit__(self, *error: object) -> None: ...


class Bench:
    def __init__(self, path, **options) -> None:
        self.uplink, self.clock = ScriptedUplink(), HandClock()
        self.ring = Ring(path, GATE, TERMINAL)
        keys = {envelope.key_id(LEDGER.verify_key): LEDGER.verify_key}
        self.publisher = Publisher(
            self.uplink, lambda: Ring(path, GATE, TERMINAL), GATE, keys, self.clock, window=4, **options
        )
        self.publisher.open()

    def append(self, count: int) -> None:
        for _ in range(count):
            self.ring.append(Draft(Kind.BOOT, {"version": "1", "models": []}, EVIDENCE))

    def turn(self, *events) -> list[int]:
        """Give events, run once; the seqs of the records that were sent by it."""
        for event in events:
            self.uplink.up = {Connected: True, Disconnected: False}.get(type(event), self.uplink.up)
        self.uplink.events.extend(events)
        before = len(self.uplink.published)
        self.publisher.run_once(0)
        return [seq for seq, _ in self._records(before)]

    def _records(self, since: int = 0) -> list[tuple[int, int]]:
        return [
            (json.loads(envelope.parse(payload).payload)["data"]["seq"], token)
            for topic, payload, token, _ in self.uplink.published[since:]
            if "/record/" in topic
        ]

    def token_of(self, seq: int) -> int:
        return [token for sent, token in self._records() if sent == seq][-1]

    def receipt(self, upto: int, key: SigningKey = LEDGER, **changes) -> Message:
        head = self.ring.hash_at(upto) or "0" * 64
        receipt = replace(Receipt(GATE, self.ring.epoch, upto, head, "2026-03-02T08:00:00.000Z"), **changes)
        sealed = envelope.sign(receipts.PAYLOAD_TYPE, receipts.encode(receipt), key)
        return Message(topics.receipt(GATE), envelope.to_wire(sealed))

    def statuses(self) -> list[dict]:
        return [
            json.loads(p) for topic, p, _, retain in self.uplink.published if topic.endswith("/status") and retain
        ]

    def close(self) -> None:
        self.publisher.close()
        self.ring.close()


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path / "journal.db")
    yield made
    made.close()


def test_nothing_is_published_while_away(bench):
    bench.append(3)
    assert bench.turn() == []
    assert bench.turn(Disconnected("connection refused")) == []
    assert bench.uplink.published == []
    assert bench.turn(UP) == [1, 2, 3]


def test_the_window_is_counted_against_receipts_not_against_the_broker_s_word(bench):
    bench.append(10)
    assert bench.turn(UP) == [1, 2, 3, 4]
    assert bench.turn(*[Acknowledged(bench.token_of(seq), None) for seq in (1, 2, 3, 4)]) == []
    assert bench.ring.watermark() == 0
    assert bench.turn(bench.receipt(3)) == [5, 6, 7]
    assert bench.turn(bench.receipt(7)) == [8, 9, 10]


def test_without_a_receipt_it_is_sent_again_ever_more_rarely(bench):
    bench.append(2)
    bench.turn(UP)
    pause, total = 10.0, 0
    for _ in range(8):
        bench.clock.pass_s(pause - 0.01)
        assert bench.turn() == []
        bench.clock.pass_s(0.01)
        assert bench.turn() == [1, 2]
        total, pause = total + 1, min(2 * pause, RESEND_GROWTH_LIMIT * 10.0)
    assert bench.publisher.counters.resends == total
    assert bench.turn(bench.receipt(1)) == []
    bench.clock.pass_s(10)
    assert bench.turn() == [2], "a receipt ends the growth"


def test_a_new_connection_sends_again_from_the_watermark(bench):
    bench.append(3)
    bench.turn(UP)
    bench.turn(bench.receipt(1))
    bench.turn(Disconnected("gone"))
    assert bench.turn(UP) == [2, 3]
    assert bench.publisher.counters.reconnects == 1


def test_an_answer_of_an_earlier_connection_means_nothing(bench):
    bench.append(1)
    bench.turn(UP)
    old = bench.token_of(1)
    bench.turn(Disconnected("gone"))
    bench.turn(UP, Acknowledged(old, "Not authorized"))
    assert bench.publisher.refused is None


def test_a_refusal_holds_everything_and_is_probed_with_one_record(bench, caplog):
    bench.append(4)
    bench.turn(UP)
    refusals = [Acknowledged(bench.token_of(seq), "Not authorized") for seq in (1, 2, 3, 4)]
    assert bench.turn(*refusals) == []
    pause = RETRY_FIRST_S
    for _ in range(9):
        bench.clock.pass_s(pause - 0.01)
        assert bench.turn() == []
        bench.clock.pass_s(0.01)
        assert bench.turn() == [1]
        assert bench.turn(Acknowledged(bench.token_of(1), "Not authorized")) == []
        pause = min(2 * pause, RETRY_MAX_S)
    assert bench.statuses()[-1]["uplink"] == "refused"
    bench.clock.pass_s(pause)
    assert bench.turn() == [1]
    assert bench.turn(Acknowledged(bench.token_of(1), None)) == [2, 3, 4]
    assert bench.statuses()[-1]["uplink"] == "ok"
    assert bench.ring.watermark() == 0
    said = [r for r in caplog.records if "refuses our records" in r.getMessage()]
    assert len(said) == 1


def test_a_record_that_nobody_hears_is_an_alarm_until_somebody_does(bench):
    bench.append(3)
    bench.turn(UP)
    bench.turn(Acknowledged(bench.token_of(1), None, unheard=True))
    assert bench.publisher.alarms == {"no-ledger"}
    assert bench.statuses()[-1]["alarms"] == ["no-ledger"]
    bench.clock.pass_s(RETRY_FIRST_S)
    assert bench.turn() == [1]
    assert bench.turn(Acknowledged(bench.token_of(1), None)) == [2, 3]
    assert bench.publisher.alarms == frozenset()


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({}, TERMINAL),
        ({}, SigningKey(bytes([9]) * 32)),
        ({"origin": Origin("main", "gate-2")}, LEDGER),
        ({"epoch": "0" * 32}, LEDGER),
    ],
)
def test_a_forged_or_foreign_receipt_is_counted_and_changes_nothing(bench, changes, key):
    bench.append(2)
    bench.turn(UP)
    assert bench.turn(bench.receipt(2, key, **changes)) == []
    assert bench.ring.watermark() == 0
    assert bench.publisher.counters.receipts_rejected == 1
    assert bench.publisher.counters.receipts == 0


@pytest.mark.parametrize("raw", [b"", b"{}", b"\xff\xfe", b"[" * 50_000, b'{"payloadType":1}'])
def test_a_malformed_receipt_is_counted_and_changes_nothing(bench, raw):
    bench.append(1)
    bench.turn(UP, Message(topics.receipt(GATE), raw))
    assert bench.publisher.counters.receipts_rejected == 1


@pytest.mark.parametrize("upto", [2, 9])
def test_a_fork_is_said_once_and_releases_nothing_more(bench, caplog, upto):
    bench.append(3)
    bench.turn(UP)
    bench.turn(bench.receipt(upto, head="f" * 64), bench.receipt(upto, head="e" * 64), bench.receipt(3))
    assert bench.publisher.alarms == {"fork"}
    assert bench.statuses()[-1]["alarms"] == ["fork"]
    assert bench.ring.watermark() == 0
    assert [r.levelname for r in caplog.records if "chain is not ours" in r.getMessage()] == ["CRITICAL"]


def test_a_ledger_that_lost_records_gets_them_again(bench):
    bench.append(4)
    bench.turn(UP)
    bench.turn(bench.receipt(4))
    bench.append(1)
    assert bench.turn() == [5]
    assert bench.turn(bench.receipt(2)) == [], "an old receipt alone proves nothing"
    bench.clock.pass_s(10)
    assert bench.turn() == [3, 4, 5]
    assert bench.publisher.alarms == {"ledger-behind"}
    bench.turn(bench.receipt(5))
    assert bench.publisher.alarms == frozenset()
    assert bench.ring.watermark() == 5


def test_the_status_is_told_on_connecting_on_a_change_and_each_minute(bench):
    bench.turn(UP)
    assert len(bench.statuses()) == 1
    bench.turn()
    assert len(bench.statuses()) == 1
    bench.clock.pass_s(STATUS_EVERY_S)
    bench.turn()
    assert len(bench.statuses()) == 2
    bench.append(1)
    bench.turn()
    bench.turn(Acknowledged(bench.token_of(1), "Quota exceeded"))
    assert len(bench.statuses()) == 3
    document = bench.statuses()[-1]
    assert document["epoch"] == bench.ring.epoch
    assert (document["head"], document["watermark"], document["pending"]) == (1, 0, 1)


def test_away_and_back_are_each_said_once(bench, caplog):
    caplog.set_level("INFO")
    bench.turn(UP)
    bench.turn(Disconnected("the broker closed the connection"))
    bench.turn(Disconnected("connection refused"))
    bench.turn(UP)
    lines = [(r.levelname, r.getMessage()) for r in caplog.records]
    assert [level for level, _ in lines] == ["WARNING", "INFO", "INFO"]
    assert "is away: the broker closed the connection" in lines[0][1]
    assert "is back" in lines[2][1]
    assert bench.publisher.away is None


def test_closing_says_goodbye_before_it_disconnects(tmp_path):
    bench = Bench(tmp_path / "journal.db")
    bench.turn(UP)
    bench.publisher.close()
    assert bench.statuses()[-1] == {"v": 1, "state": "stopped"}
    assert bench.uplink.calls == ["start", "stop"]
    bench.close()


def test_closing_while_away_says_nothing(tmp_path):
    bench = Bench(tmp_path / "journal.db")
    bench.close()
    assert bench.uplink.published == []


def test_waking_reaches_the_uplink(bench):
    bench.publisher.wake()
    assert bench.uplink.calls[-1] == "wake"


def test_running_before_opening_is_a_mistake_that_is_told():
    publisher = Publisher(ScriptedUplink(), lambda: None, GATE, {}, HandClock())
    publisher._uplink.events.append(UP)
    with pytest.raises(RuntimeError, match="call open"):
        publisher.run_once(0)
