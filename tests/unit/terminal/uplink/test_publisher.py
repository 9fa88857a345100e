"""The publish loop, turn by turn, over a broker and a clock that obey the test (I2)."""

import json
import secrets
from collections import deque
from dataclasses import replace

import pytest
from nacl.signing import SigningKey

from edge.crypto import dsse
from edge.domain.protocol import topics
from edge.domain.protocol.receipt import Receipt
from edge.domain.protocol.record import GENESIS, Draft, Origin
from edge.domain.protocol.record_kinds import Kind
from edge.domain.protocol.resend_command import MAX_RANGE, Resend
from edge.journal.journal import Journal
from edge.ports import Acknowledged, Connected, Disconnected, Message
from edge.terminal.uplink.publisher import Publisher
from edge.terminal.uplink.resend_handler import BATCH, MAX_WAITING
from edge.terminal.uplink.send_window import ASK_S, BEHIND_S, RESEND_GROWTH_LIMIT, RETRY_FIRST_S, RETRY_MAX_S
from edge.terminal.uplink.status import STATUS_EVERY_S
from edge.terminal.uplink.unreceipted import PATIENCE_S
from tests.support.clock import NOW, HandClock

GATE = Origin("main", "gate-1")
TERMINAL, LEDGER = SigningKey(bytes([1]) * 32), SigningKey(bytes([2]) * 32)
UP = Connected(session_present=True)


class ScriptedUplink:
    """Takes what is published while `up`; answers only what the test puts in."""

    def __init__(self) -> None:
        self.up = False
        self.events: deque = deque()
        self.published: list[tuple[str, bytes, int, bool]] = []
        self.calls: list[str] = []
        self.waiting_when_handled: list[int] = []

    def start(self) -> None:
        self.calls.append("start")

    def publish(self, topic: str, payload: bytes, *, token: int, retain: bool = False) -> bool:
        if self.up:
            self.published.append((topic, payload, token, retain))
        return self.up

    def next_event(self, timeout_s: float):
        return self.events.popleft() if self.events else None

    def refresh(self) -> bool:
        self.calls.append("refresh")
        return self.up

    def handled(self) -> None:
        self.waiting_when_handled.append(len(self.events))

    def renew(self) -> bool:
        self.calls.append("renew")
        return self.up

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
        self.journal = Journal(path, GATE, TERMINAL)
        keys = {dsse.key_id(LEDGER.verify_key): LEDGER.verify_key}
        self.publisher = Publisher(
            self.uplink, lambda: Journal(path, GATE, TERMINAL), GATE, keys, self.clock, window=4, **options
        )
        self.publisher.open()
        self._answered = 0

    def append(self, count: int) -> None:
        for _ in range(count):
            self.journal.append(Draft(Kind.BOOT, {"version": "1", "models": []}, NOW))

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
            (json.loads(dsse.parse(payload).payload)["data"]["seq"], token)
            for topic, payload, token, _ in self.uplink.published[since:]
            if "/record/" in topic
        ]

    def token_of(self, seq: int) -> int:
        return [token for sent, token in self._records() if sent == seq][-1]

    def receipt(self, upto: int, key: SigningKey = LEDGER, **changes) -> Message:
        head = self.journal.hash_at(upto) or "0" * 64
        receipt = replace(Receipt(GATE, self.journal.epoch, upto, head, "2026-03-02T08:00:00.000Z"), **changes)
        sealed = dsse.sign(Receipt.PAYLOAD_TYPE, receipt.encode(), key)
        return Message(topics.receipt(GATE), dsse.to_wire(sealed))

    def import_receipt(self, upto: int) -> None:
        """What `smartclocker journal receipt` does beside the service."""
        raw = self.receipt(upto).payload
        self.journal.acknowledge(dsse.open(raw, Receipt, {dsse.key_id(LEDGER.verify_key): LEDGER.verify_key}), raw)

    def command(self, first: int, last: int, key: SigningKey = LEDGER, **changes) -> Message:
        command = replace(
            Resend(
                secrets.token_hex(16), GATE, "2026-03-02T07:00:00.000Z", "2026-03-02T09:00:00.000Z",
                self.journal.epoch, first, last,
            ),
            **changes,
        )  # fmt: skip
        sealed = dsse.sign(Resend.PAYLOAD_TYPE, command.encode(), key)
        return Message(topics.command(GATE), dsse.to_wire(sealed))

    def results(self) -> list[tuple[str, str]]:
        """The outcome and the detail of each command-result record, in order."""
        found = [json.loads(dsse.parse(o.wire).payload) for o in self.journal.envelopes(0, 10_000)]
        return [(e["data"]["outcome"], e["data"]["detail"]) for e in found if "command-result" in e["type"]]

    def settle(self, rounds: int = 30) -> list[int]:
        """Let the broker take whatever was sent and the ledger receipt it, until no more is; what was sent now."""
        sent: list[int] = []
        for _ in range(rounds):
            answers = [Acknowledged(token, None) for _, token in self._records(self._answered)]
            if not answers:
                return sent
            self._answered = len(self.uplink.published)
            upto = max(seq for seq, _ in self._records())
            sent += self.turn(*answers, self.receipt(upto))
        raise AssertionError("it never ends")

    def statuses(self) -> list[dict]:
        return [
            json.loads(p) for topic, p, _, retain in self.uplink.published if topic.endswith("/status") and retain
        ]

    def close(self) -> None:
        self.publisher.close()
        self.journal.close()


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
    assert bench.journal.watermark() == 0
    assert bench.turn(bench.receipt(3)) == [5, 6, 7]
    assert bench.turn(bench.receipt(7)) == [8, 9, 10]


def test_without_a_receipt_it_is_sent_again_ever_more_rarely(bench):
    bench.append(2)
    bench.turn(UP)
    pause, total = 10.0, 0
    for _ in range(8):
        bench.clock.passes(pause - 0.01)
        assert bench.turn() == []
        bench.clock.passes(0.01)
        assert bench.turn() == [1, 2]
        total, pause = total + 1, min(2 * pause, RESEND_GROWTH_LIMIT * 10.0)
    assert bench.publisher.counters.resends == total
    assert bench.turn(bench.receipt(1)) == []
    bench.clock.passes(10)
    assert bench.turn() == [2], "a receipt ends the growth"


def test_while_records_flow_receipts_are_written_down_ten_times_a_second(bench):
    """The window moves at once; the card is asked once for many receipts."""
    bench.append(40)
    bench.turn(UP)
    bench.turn(bench.receipt(2))
    bench.turn(bench.receipt(4))
    written = bench.journal.watermark()
    assert bench.turn(bench.receipt(7)) == [9, 10, 11]
    assert bench.journal.watermark() == written
    bench.clock.passes(0.1)
    assert bench.turn(bench.receipt(8)) == [12]
    assert bench.journal.watermark() == 8
    bench.turn(bench.receipt(10))
    assert bench.journal.watermark() == 8
    bench.turn()
    assert bench.journal.watermark() == 10, "nothing flows: it is written"


@pytest.mark.parametrize("end", ["the connection", "the program"])
def test_a_receipt_that_is_not_written_down_yet_outlives_the_end_of(bench, end):
    bench.append(20)
    bench.turn(UP)
    bench.turn(bench.receipt(2))
    bench.turn(bench.receipt(6))
    if end == "the program":
        bench.publisher.close()
    else:
        bench.turn(Disconnected("gone"))
        assert bench.turn(UP) == [7, 8, 9, 10]
    assert bench.journal.watermark() == 6


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
        bench.clock.passes(pause - 0.01)
        assert bench.turn() == []
        bench.clock.passes(0.01)
        assert bench.turn() == [1]
        assert bench.turn(Acknowledged(bench.token_of(1), "Not authorized")) == []
        pause = min(2 * pause, RETRY_MAX_S)
    assert bench.statuses()[-1]["uplink"] == "refused"
    bench.clock.passes(pause)
    assert bench.turn() == [1]
    assert bench.turn(Acknowledged(bench.token_of(1), None)) == [2, 3, 4]
    assert bench.statuses()[-1]["uplink"] == "ok"
    assert bench.journal.watermark() == 0
    said = [r for r in caplog.records if "refuses our records" in r.getMessage()]
    assert len(said) == 1


def test_a_record_that_nobody_hears_is_an_alarm_until_somebody_does(bench):
    bench.append(3)
    bench.turn(UP)
    bench.turn(Acknowledged(bench.token_of(1), None, unheard=True))
    assert bench.publisher.alarms == {"no-ledger"}
    assert bench.statuses()[-1]["alarms"] == ["no-ledger"]
    bench.clock.passes(RETRY_FIRST_S)
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
    assert bench.journal.watermark() == 0
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
    bench.turn(bench.receipt(upto, head="f" * 64))
    assert bench.publisher.alarms == {"fork"}
    bench.turn(bench.receipt(upto, head="e" * 64), bench.receipt(3))
    assert bench.statuses()[-1]["alarms"] == ["fork"]
    assert bench.journal.watermark() == 0
    assert [r.levelname for r in caplog.records if "chain is not ours" in r.getMessage()] == ["CRITICAL"]


def test_a_ledger_that_lost_records_gets_them_again(bench):
    bench.append(4)
    bench.turn(UP)
    bench.turn(bench.receipt(4))
    bench.append(1)
    assert bench.turn() == [5]
    assert bench.turn(bench.receipt(2)) == [], "an old receipt alone proves nothing"
    bench.clock.passes(10)
    assert bench.turn() == [3, 4, 5]
    assert bench.publisher.alarms == {"ledger-behind"}
    bench.turn(bench.receipt(5))
    assert bench.publisher.alarms == frozenset()
    assert bench.journal.watermark() == 5


def test_a_ledger_that_lost_records_is_found_with_nothing_on_its_way(bench, caplog):
    caplog.set_level("INFO")
    bench.append(4)
    bench.turn(UP)
    bench.turn(bench.receipt(4))
    assert bench.turn(bench.receipt(2)) == []
    bench.clock.passes(BEHIND_S - 0.1)
    assert bench.turn() == []
    assert bench.publisher.alarms == frozenset()
    bench.clock.passes(0.1)
    assert bench.turn() == [3, 4]
    assert bench.statuses()[-1]["alarms"] == ["ledger-behind"]
    bench.clock.passes(600)
    assert bench.turn(bench.receipt(2)) == [3, 4], "until it is covered"
    assert bench.turn(bench.receipt(3)) == []
    assert bench.publisher.alarms == {"ledger-behind"}
    bench.turn(bench.receipt(4))
    assert bench.publisher.alarms == frozenset()
    lines = [r.getMessage() for r in caplog.records if "the ledger holds" in r.getMessage()]
    assert len(lines) == 2, "once when it came and once when it went"


def test_a_ledger_that_knows_nothing_of_us_gets_everything_again(bench):
    bench.append(3)
    bench.turn(UP)
    bench.turn(bench.receipt(3))
    bench.turn(bench.receipt(0, head=GENESIS))
    assert bench.journal.watermark() == 3, "it releases nothing and takes nothing back"
    bench.clock.passes(BEHIND_S)
    assert bench.turn() == [1, 2, 3]
    assert bench.publisher.alarms == {"ledger-behind"}
    bench.turn(bench.receipt(3))
    assert bench.publisher.alarms == frozenset()


def test_a_receipt_over_nothing_before_anything_was_receipted_is_no_alarm(bench):
    bench.append(2)
    assert bench.turn(UP, bench.receipt(0, head=GENESIS)) == [1, 2]
    bench.clock.passes(600)
    bench.turn()
    assert bench.publisher.alarms == frozenset()


def test_an_old_receipt_that_a_better_one_answers_changes_nothing(bench):
    """Replayed by somebody, or delivered again by a broker that went back in time (I12)."""
    bench.append(4)
    bench.turn(UP, bench.receipt(4))
    told = len(bench.statuses())
    bench.turn(bench.receipt(2))
    assert len(bench.statuses()) == told
    bench.clock.passes(ASK_S)
    bench.turn()
    assert len(bench.statuses()) == told + 1, "the status asks the ledger where it stands"
    bench.turn(bench.receipt(4))
    bench.clock.passes(600)
    assert bench.turn() == []
    assert bench.publisher.alarms == frozenset()


def test_a_terminal_that_hears_nothing_after_connecting_asks_once_more(bench):
    bench.turn(UP)
    bench.clock.passes(ASK_S)
    bench.turn()
    assert len(bench.statuses()) == 2
    bench.clock.passes(ASK_S)
    bench.turn()
    assert len(bench.statuses()) == 2


def test_a_restart_finds_a_ledger_behind_again_and_a_reconnect_does_not_forget_it(bench):
    bench.append(4)
    bench.turn(UP, bench.receipt(4), bench.receipt(1))
    bench.clock.passes(BEHIND_S)
    assert bench.turn() == [2, 3, 4]
    bench.turn(Disconnected("gone"))
    assert bench.turn(UP) == [2, 3, 4], "from where the ledger stood"
    assert bench.publisher.alarms == {"ledger-behind"}
    bench.turn(bench.receipt(4))
    assert bench.publisher.alarms == frozenset()


def test_a_hole_that_cannot_be_filled_is_an_alarm_and_new_records_still_go(bench, caplog):
    bench.append(12)
    bench.turn(UP)
    for upto in (4, 8, 12):
        bench.turn(bench.receipt(upto))
    assert bench.journal.evict(keep=6) == 6
    bench.turn(bench.receipt(2))
    bench.clock.passes(BEHIND_S)
    sent = bench.turn()
    assert sent == [7, 8, 9, 10], "what is still kept"
    assert bench.publisher.alarms == {"ledger-behind", "ledger-hole"}
    assert "records 3 to 6, and they are no longer kept" in caplog.text
    bench.append(6)
    for _ in range(8):
        bench.turn(*[Acknowledged(token, None) for _, token in bench._records()], bench.receipt(2))
    sent += [seq for seq, _ in bench._records()][-8:]
    assert sent == list(range(7, 19)), "each is sent, though none can be receipted"
    bench.clock.passes(3600)
    assert [bench.turn(bench.receipt(2)) for _ in range(3)] == [[], [], []], "and not again and again"
    bench.turn(bench.receipt(18))
    assert bench.publisher.alarms == frozenset()
    assert bench.journal.watermark() == 18


def test_after_a_silence_a_receipt_lets_records_go_at_once(bench):
    bench.append(6)
    bench.turn(UP)
    bench.turn(Acknowledged(bench.token_of(1), None, unheard=True))
    assert bench.turn(bench.receipt(1)) == [2, 3, 4, 5], "no probe is waited for"
    assert bench.publisher.alarms == frozenset()


# what the ledger asks for


def test_a_command_sends_its_range_again_and_says_so(bench):
    bench.append(9)
    bench.turn(UP)
    bench.settle()
    sent = bench.turn(bench.command(3, 5))
    assert sent == [10, 3, 4, 5], "its result first, as any new record; then the range"
    assert bench.results() == [("done", "sending records 3 to 5 again")]
    assert bench.publisher.counters.commands == 1
    assert bench.publisher.counters.resent == 3
    assert bench.settle() == []


def test_a_command_is_taken_once_even_after_a_restart(bench, tmp_path):
    bench.append(3)
    bench.turn(UP)
    bench.settle()
    command = bench.command(1, 1)
    bench.turn(command, command)
    bench.settle()
    assert bench.publisher.counters.commands_rejected == 1
    later = Bench(tmp_path / "journal.db")
    later.turn(UP, command)
    assert later.publisher.counters.commands_rejected == 1
    assert later.publisher.counters.resent == 0
    assert len(bench.results()) == 1
    later.close()


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({}, TERMINAL),
        ({}, SigningKey(bytes([9]) * 32)),
        ({"origin": Origin("main", "gate-2")}, LEDGER),
        ({"origin": Origin("other", "gate-1")}, LEDGER),
        ({"issued": "2026-03-02T07:00:00.000Z", "expires": "2026-03-02T07:59:58.120Z"}, LEDGER),
    ],
    ids=["our own key", "a stranger's", "another terminal", "another site", "expired"],
)
def test_a_command_that_is_not_for_us_changes_nothing(bench, changes, key):
    bench.append(2)
    bench.turn(UP)
    bench.settle()
    head = bench.journal.head()
    assert bench.turn(bench.command(1, 2, key, **changes)) == []
    assert bench.journal.head() == head
    assert bench.publisher.counters.commands_rejected == 1
    assert bench.publisher.counters.commands == 0


@pytest.mark.parametrize("raw", [b"", b"{}", b"\xff\xfe", b"[" * 50_000, b'{"payloadType":1}'])
def test_a_malformed_command_changes_nothing(bench, raw):
    bench.append(1)
    bench.turn(UP)
    assert bench.turn(Message(topics.command(GATE), raw)) == []
    assert bench.publisher.counters.commands_rejected == 1


def test_a_receipt_s_bytes_are_no_command_and_a_command_s_no_receipt(bench):
    bench.append(2)
    bench.turn(UP)
    bench.turn(
        Message(topics.command(GATE), bench.receipt(2).payload),
        Message(topics.receipt(GATE), bench.command(1, 2).payload),
    )
    assert bench.publisher.counters.commands_rejected == bench.publisher.counters.receipts_rejected == 1
    assert bench.journal.watermark() == 0
    assert bench.journal.head().seq == 2


def test_more_than_one_command_may_ask_for_is_refused_whole(bench):
    bench.append(1)
    bench.turn(UP)
    payload = json.loads(Resend.decode(dsse.parse(bench.command(1, 1).payload).payload).encode())
    payload["last"] = MAX_RANGE + 1
    sealed = dsse.sign(Resend.PAYLOAD_TYPE, json.dumps(payload).encode(), LEDGER)
    bench.turn(Message(topics.command(GATE), dsse.to_wire(sealed)))
    assert bench.publisher.counters.commands_rejected == 1
    assert bench.journal.head().seq == 1


def test_without_a_clock_that_is_right_the_end_of_a_command_is_not_judged(bench):
    bench.append(1)
    bench.clock.found = replace(NOW, utc="2036-03-02T07:59:58.120Z", synchronised=False)
    bench.turn(UP, bench.command(1, 1))
    assert [outcome for outcome, _ in bench.results()] == ["done"]


def test_a_resend_of_evicted_records_names_the_missing(bench):
    bench.append(9)
    bench.turn(UP)
    bench.settle()
    bench.journal.evict(keep=3)
    assert bench.turn(bench.command(2, 8)) == [10, 7, 8]
    bench.settle()
    assert bench.turn(bench.command(1, 4), bench.command(20, 30)) == [11, 12]
    bench.settle()
    assert bench.turn(bench.command(1, 4, epoch="0" * 32)) == [13]
    assert bench.results() == [
        ("partly", "sending records 7 to 8 again; this journal holds records 7 to 9"),
        ("refused", "none is here: this journal holds records 7 to 10"),
        ("refused", "none is here: this journal holds records 7 to 11"),
        ("refused", f"not the epoch of this journal, which is {bench.journal.epoch}"),
    ]


def test_a_long_range_never_starves_new_records(bench):
    bench.append(60)
    bench.turn(UP)
    bench.settle()
    sent = bench.turn(bench.command(1, 60))
    assert sent == [61, *range(1, BATCH + 1)]
    assert bench.turn() == [], "the broker has not answered yet"
    bench.append(2)
    assert bench.turn() == [62, 63], "new ones wait for no range"
    for token in [token for _, token in bench._records()[-BATCH - 3 :]]:
        bench.uplink.events.append(Acknowledged(token, None))
    assert bench.turn() == list(range(BATCH + 1, 2 * BATCH + 1))
    rest = bench.settle()
    assert sorted(set(rest)) == list(range(2 * BATCH + 1, 61))


def test_a_range_that_a_lost_connection_interrupted_goes_on(bench):
    bench.append(40)
    bench.turn(UP)
    bench.settle()
    bench.turn(bench.command(1, 40))
    bench.turn(Disconnected("gone"))
    assert bench.turn(UP) == [41, *range(1, BATCH + 1)]
    assert sorted(set(bench.settle())) == list(range(BATCH + 1, 41))


def test_a_range_waits_for_a_broker_that_takes_records_again(bench):
    bench.append(3)
    bench.turn(UP)
    bench.settle()
    bench.turn(bench.command(1, 3))
    bench.turn(bench.receipt(4))
    bench.turn(Acknowledged(bench.token_of(1), "Quota exceeded"))
    assert bench.turn() == []
    assert bench.publisher.refused == "Quota exceeded"
    bench.append(1)
    bench.clock.passes(RETRY_FIRST_S)
    assert bench.turn() == [5], "one probe"
    assert bench.turn(Acknowledged(bench.token_of(5), None)) == [1, 2, 3]


@pytest.mark.parametrize("answer", [Acknowledged(0, "Quota exceeded"), Acknowledged(0, None, unheard=True)])
def test_a_range_itself_probes_a_broker_when_nothing_else_waits(bench, answer):
    bench.append(40)
    bench.turn(UP)
    bench.settle()
    bench.turn(bench.command(1, 40))
    bench.turn(Acknowledged(bench.token_of(41), None), bench.receipt(41))
    assert bench.turn(replace(answer, token=bench.token_of(1))) == []
    bench.clock.passes(RETRY_FIRST_S)
    assert bench.turn() == [1], "one record, and not the batch"
    assert bench.turn(replace(answer, token=bench.token_of(1))) == []
    bench.clock.passes(RETRY_FIRST_S)
    assert bench.turn() == [], "ever more rarely"
    bench.clock.passes(RETRY_FIRST_S)
    assert bench.turn() == [1]
    assert bench.turn(Acknowledged(bench.token_of(1), None)) == list(range(2, BATCH + 2))
    assert bench.publisher.refused is None
    assert bench.publisher.alarms == frozenset()


def test_a_ledger_that_answers_a_status_listens_although_it_has_all(bench):
    bench.append(3)
    bench.turn(UP)
    bench.settle()
    bench.turn(bench.command(1, 3))
    bench.turn(bench.receipt(4), Acknowledged(bench.token_of(1), None, unheard=True))
    assert bench.publisher.alarms == {"no-ledger"}
    assert bench.turn(bench.receipt(4)) == [1, 2, 3]
    assert bench.publisher.alarms == frozenset()


def test_a_receipt_from_a_stick_says_nothing_about_the_broker(bench):
    bench.append(3)
    bench.turn(UP)
    bench.turn(*[Acknowledged(bench.token_of(seq), None, unheard=True) for seq in (1, 2, 3)])
    bench.import_receipt(3)
    bench.clock.passes(PATIENCE_S)
    bench.turn()
    assert bench.publisher.alarms == {"no-ledger"}
    bench.turn(bench.receipt(3))
    assert bench.publisher.alarms == frozenset()


def test_a_receipt_from_a_stick_counts_while_the_connection_stands(bench):
    bench.append(3)
    bench.turn(UP)
    bench.turn(*[Acknowledged(bench.token_of(seq), None) for seq in (1, 2, 3)])
    for _ in range(int(PATIENCE_S)):
        bench.clock.passes(2)
        bench.turn()
    assert bench.publisher.alarms == {"unreceipted"}
    bench.import_receipt(3)
    bench.clock.passes(2)
    bench.turn()
    assert bench.publisher.alarms == frozenset()
    bench.clock.passes(1_000)
    assert bench.turn() == [], "nothing is sent again"


def test_what_was_receipted_by_a_stick_and_evicted_leaves_no_hole(bench, caplog):
    bench.append(3)
    bench.turn(UP)
    bench.import_receipt(3)
    bench.journal.evict(0)
    bench.append(2)
    bench.clock.passes(10)
    assert bench.turn() == [4, 5]
    assert bench.publisher.alarms == frozenset()
    assert not caplog.records


def test_too_many_ranges_at_once_are_refused_and_can_be_asked_for_again(bench):
    bench.append(MAX_WAITING)
    bench.turn(UP)
    bench.settle()
    bench.turn(*[bench.command(n, n) for n in range(1, MAX_WAITING + 1)], bench.command(1, 1))
    assert [outcome for outcome, _ in bench.results()] == ["done"] * MAX_WAITING + ["refused"]
    bench.settle(rounds=60)
    bench.turn(bench.command(1, 1))
    assert bench.results()[-1][0] == "done"


def test_a_disk_that_takes_nothing_loses_no_receipt_and_no_command(bench, caplog):
    """Full, or read-only: what the ledger says is heard again, once it can be kept."""
    bench.append(2)
    bench.turn(UP)
    journal, command = bench.publisher._opened, bench.command(1, 1)
    journal._db.execute("PRAGMA query_only = ON")
    bench.turn(bench.receipt(2), bench.receipt(2), command)
    assert (bench.journal.watermark(), bench.journal.head().seq) == (0, 2)
    assert [r.levelname for r in caplog.records if "cannot be stored" in r.getMessage()] == ["ERROR"], "said once"
    journal._db.execute("PRAGMA query_only = OFF")
    bench.turn(bench.receipt(2), command)
    assert bench.journal.watermark() == 2
    assert [outcome for outcome, _ in bench.results()] == ["done"]


# the status and the loop


def test_the_status_is_told_on_connecting_on_a_change_and_each_minute(bench):
    bench.turn(UP)
    assert len(bench.statuses()) == 1
    bench.turn()
    assert len(bench.statuses()) == 1
    bench.clock.passes(STATUS_EVERY_S)
    bench.turn()
    assert len(bench.statuses()) == 2
    bench.append(1)
    bench.turn()
    bench.turn(Acknowledged(bench.token_of(1), "Quota exceeded"))
    assert len(bench.statuses()) == 3
    document = bench.statuses()[-1]
    assert document["epoch"] == bench.journal.epoch
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


def wait(bench, seconds: float) -> None:
    """Time passes second by second, and the broker takes whatever is sent."""
    for _ in range(round(seconds)):
        bench.clock.passes(1)
        before = len(bench.uplink.published)
        bench.turn()
        answers = [Acknowledged(token, None) for *_, token, _ in bench.uplink.published[before:]]
        bench.turn(*answers)


def test_records_that_wait_for_minutes_although_the_broker_takes_them_are_an_alarm(bench, caplog):
    """Not registered, a dead ledger whose session is kept, another subscriber: it all looks like this."""
    bench.append(2)
    bench.turn(UP)
    wait(bench, PATIENCE_S - 2)
    assert bench.publisher.alarms == frozenset()
    wait(bench, 3)
    assert bench.publisher.alarms == {"unreceipted"}
    assert bench.statuses()[-1]["alarms"] == ["unreceipted"]
    (said,) = [one for one in caplog.records if "have waited for a receipt for 2 minutes" in one.getMessage()]
    assert (said.levelname, "central register" in said.getMessage()) == ("ERROR", True)
    wait(bench, 300)
    bench.turn(bench.receipt(2))
    wait(bench, 1)
    assert bench.publisher.alarms == frozenset()
    wait(bench, 2 * PATIENCE_S)
    assert bench.publisher.alarms == frozenset(), "nothing waits"


def test_a_flapping_connection_hides_no_silence_of_the_ledger(bench):
    bench.append(1)
    for _ in range(4):
        bench.turn(UP)
        wait(bench, PATIENCE_S / 4 - 2)
        bench.turn(Disconnected("away"))
        bench.clock.passes(10 * PATIENCE_S)
    assert bench.publisher.alarms == frozenset()
    bench.turn(UP)
    wait(bench, 10)
    assert bench.publisher.alarms == {"unreceipted"}


def test_a_receipt_for_some_begins_the_time_anew(bench):
    bench.append(3)
    bench.turn(UP)
    for upto in (1, 2):
        wait(bench, PATIENCE_S - 5)
        bench.turn(bench.receipt(upto))
    wait(bench, PATIENCE_S - 5)
    assert bench.publisher.alarms == frozenset()


def test_another_ledgers_key_is_named_with_the_file_to_mend(bench, caplog):
    other = SigningKey.generate()
    bench.append(1)
    bench.turn(UP, bench.receipt(1, key=other))
    wait(bench, PATIENCE_S + 1)
    assert bench.publisher.alarms == {"receipts-rejected", "unreceipted"}
    said = [one.getMessage() for one in caplog.records if "do not count" in one.getMessage()]
    assert len(said) == 2
    assert dsse.key_id(other.verify_key) in said[0]
    assert "keys.ledger pins" in said[0]
    bench.turn(bench.receipt(1))
    wait(bench, 2)
    assert bench.publisher.alarms == frozenset()


@pytest.mark.parametrize("keyid", ["x\n<2>forged", "\x1b[2J", "f" * 33])
def test_a_key_id_is_logged_only_if_it_is_one(bench, caplog, keyid):
    bench.append(1)
    sealed = replace(dsse.sign(Receipt.PAYLOAD_TYPE, b"{}", LEDGER), keyid=keyid)
    bench.turn(UP, Message(topics.receipt(GATE), dsse.to_wire(sealed)))
    wait(bench, PATIENCE_S + 1)
    assert "receipts-rejected" in bench.publisher.alarms
    assert keyid not in caplog.text


def test_a_forged_receipt_between_genuine_ones_is_no_alarm(bench):
    bench.append(1)
    bench.turn(UP, bench.receipt(1))
    for _ in range(5):
        bench.turn(bench.receipt(1, key=SigningKey.generate()))
        wait(bench, 60)
        bench.turn(bench.receipt(1))
    wait(bench, PATIENCE_S + 1)
    assert bench.publisher.alarms == frozenset()


def test_a_session_that_delivers_nothing_is_begun_anew_ever_less_often(bench):
    bench.append(2)
    bench.turn(UP)
    resends = []
    for _ in range(7_200):
        before = len(bench.uplink.calls)
        wait(bench, 1)
        if "renew" in bench.uplink.calls[before:]:
            resends.append(bench.publisher.counters.resends)
    assert resends == [3, 6, 12, 24]
    bench.turn(bench.receipt(1))
    wait(bench, 75)
    assert bench.uplink.calls.count("renew") == 5


@pytest.mark.parametrize("why", ["refused", "unheard", "another key"])
def test_no_session_is_begun_anew_where_the_cause_is_known(bench, why):
    bench.append(2)
    bench.turn(UP)
    for _ in range(600):
        bench.clock.passes(1)
        before = len(bench.uplink.published)
        bench.turn(*([bench.receipt(1, key=SigningKey.generate())] if why == "another key" else []))
        refused, unheard = "not authorised" if why == "refused" else None, why == "unheard"
        bench.turn(*(Acknowledged(token, refused, unheard) for *_, token, _ in bench.uplink.published[before:]))
    assert "renew" not in bench.uplink.calls
    assert "unreceipted" in bench.publisher.alarms


class Storing:
    """In place of the site's records: it tells what was handled when it stored what came."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.handled_before, self.fails = bench, list[int](), False

    def settle(self, _journal: Journal) -> None:
        self.handled_before.append(len(self.bench.uplink.waiting_when_handled))
        if self.fails:
            raise ValueError("an error that nobody foresaw")

    def take(self, _topic: str, _raw: bytes) -> bool:
        return True

    def close(self) -> None:
        """Nothing is open."""


def test_messages_count_as_handled_after_what_came_was_stored_and_not_while_they_wait(bench: Bench) -> None:
    site = bench.publisher._site = Storing(bench)  # type: ignore[assignment]
    bench.uplink.events.extend([Message("a/record/punch", b"x")] * 300)
    bench.publisher.run_once(0)
    assert site.handled_before == [0]
    assert bench.uplink.waiting_when_handled == [300 - 257], "those that were not taken yet stay at the broker"
    site.fails = True
    with pytest.raises(ValueError, match="foresaw"):
        bench.publisher.run_once(0)
    assert len(bench.uplink.waiting_when_handled) == 1
    bench.publisher.close()
    assert len(bench.uplink.waiting_when_handled) == 2, "a message at which something fails does not come for ever"
