"""What lacks at the centre, each with its cure, and nothing when nothing does."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from edge.central.gaps.delivery_gaps import SETTLED, Problem, ProblemKind, find
from edge.central.ledger import pulse, strangers, terminal_claims
from edge.central.ledger.intake import Ledger
from edge.central.ledger.pulse import BEAT_NS, LATE, Pulse
from edge.central.ledger.strangers import Strangers
from edge.central.ledger.terminal_claims import ClaimRecorder
from edge.central.store import acknowledged, looked
from edge.central.store import records as store_module
from edge.central.store.acknowledged import acknowledge
from edge.central.store.records import Store
from edge.cli import main
from edge.crypto import dsse
from edge.domain.protocol import record_kinds, topics
from edge.domain.protocol.record import GENESIS, PAYLOAD_TYPE, Draft, Origin, Position, encode, payload_hash
from edge.terminal.uplink.status import Online, last_will, online, stopped
from tests.support.clock import NOW
from tests.support.intake import accept

GATE, EPOCH = Origin("main", "gate-1"), "e" * 32
TERMINAL, LEDGER, NEWER = (SigningKey(bytes([n]) * 32) for n in (1, 2, 3))
OLD_ID = dsse.key_id(TERMINAL.verify_key)
DAY, START = timedelta(hours=24), datetime(2026, 3, 2, 8, tzinfo=UTC)


class Centre:
    """A ledger whose clock the test sets."""

    def __init__(self, path: Path, monkeypatch) -> None:
        self.at = START
        for module in (terminal_claims, store_module, acknowledged, looked, pulse, strangers):
            monkeypatch.setattr(module, "now", lambda: self.at.isoformat(timespec="milliseconds")[:-6] + "Z")
        self.path = path
        self.store = Store(path / "ledger.db")
        self.ledger = Ledger(self.store, LEDGER)
        self.store.register(GATE, TERMINAL.verify_key)

    def take(self, *payloads: bytes, key: SigningKey = TERMINAL) -> None:
        for payload in payloads:
            kind = "gap" if b"smartclocker.gap" in payload else "boot"
            wire = dsse.to_wire(dsse.sign(PAYLOAD_TYPE, payload, key))
            accept(self.ledger, topics.record(GATE, kind), wire)

    def hear(self, raw: bytes) -> None:
        sightings = ClaimRecorder(self.store)
        sightings.hear(topics.status(GATE), raw)
        sightings.flush(0)

    def find(self, later: timedelta = SETTLED) -> list[Problem]:
        return find(self.store, DAY, self.at + later)

    def kinds(self, later: timedelta = SETTLED) -> list[tuple]:
        return [(one.kind, one.epoch, one.first, one.last) for one in self.find(later)]


@pytest.fixture
def centre(tmp_path: Path, monkeypatch):
    made = Centre(tmp_path, monkeypatch)
    yield made
    made.store.close()


def chain(
    count: int,
    epoch: str = EPOCH,
    version: str = "0.1.0",
    gap: dict | None = None,
    at: str = NOW.utc,
    origin: Origin = GATE,
) -> list[bytes]:
    out, prev = [], GENESIS
    evidence = replace(NOW, utc=at)
    for seq in range(1, count + 1):
        draft = Draft(record_kinds.Kind.BOOT, {"version": version, "models": []}, evidence)
        if gap is not None and seq == 1:
            draft = Draft(record_kinds.Kind.GAP, gap, evidence)
        out.append(encode(origin, Position(epoch, seq, prev), draft))
        prev = payload_hash(out[-1])
    return out


def says(head: int, epoch: str = EPOCH, utc: str = "2026-03-02T08:00:00.000Z", **changes) -> bytes:
    said = {"watermark": head, "refused": False, "alarms": (), "counters": {}, **changes}
    return online(Online(epoch=epoch, head=head, utc=utc, **said))


def test_nothing_lacks_where_everything_came(centre):
    centre.take(*chain(5))
    centre.hear(says(5))
    assert centre.find() == []


def test_a_new_terminal_that_was_never_heard_is_not_silent_yet(centre):
    assert centre.find() == []
    assert centre.kinds(DAY) == [(ProblemKind.SILENT, None, None, None)]


def test_missing_ranges_are_named_with_the_command_that_asks_for_them(centre):
    records = chain(12)
    centre.take(*(records[seq - 1] for seq in (1, 2, 5, 6, 9, 12)))
    assert centre.kinds() == [
        (ProblemKind.MISSING, EPOCH, 3, 4), (ProblemKind.MISSING, EPOCH, 7, 8),
        (ProblemKind.MISSING, EPOCH, 10, 11),
    ]  # fmt: skip
    assert centre.kinds(SETTLED / 2) == [], "they may be out of order"
    assert all("central resend DIR main/gate-1`" in one.text and one.askable for one in centre.find())
    (centre.store.path.parent / "mosquitto.conf").write_text("listener 8884 0.0.0.0\n")
    assert all("central resend DIR main/gate-1 --port 8884`" in one.text for one in centre.find())
    centre.take(*records)
    assert centre.find() == []


def test_what_a_terminal_claims_and_never_sent(centre):
    centre.take(*chain(2))
    centre.hear(says(7))
    (found,) = centre.find()
    assert (found.kind, found.first, found.last, found.askable) == (ProblemKind.UNDELIVERED, 3, 7, True)
    assert "central resend" in found.text
    assert centre.kinds(SETTLED / 2) == [], "they may be on their way"
    centre.take(*chain(7))
    assert centre.find() == []


def test_what_never_came_is_named_however_often_the_terminal_speaks(centre):
    centre.take(*chain(2))
    centre.hear(says(7))
    for head in (8, 9):
        centre.at += SETTLED * 0.6
        centre.hear(says(head, utc=f"2026-03-02T08:00:0{head}.000Z"))
    assert centre.kinds(timedelta()) == [(ProblemKind.UNDELIVERED, EPOCH, 3, 9)]
    centre.take(*chain(8))
    assert centre.kinds(timedelta()) == [], "the ninth may be on its way"
    centre.hear(says(10, utc="2026-03-02T08:00:10.000Z"))
    assert centre.kinds(SETTLED / 2) == [], "the ninth was not asked for before"
    assert centre.kinds() == [(ProblemKind.UNDELIVERED, EPOCH, 9, 10)]


def test_an_epoch_of_which_nothing_came(centre):
    centre.hear(says(3, epoch="f" * 32))
    assert centre.kinds() == [(ProblemKind.UNDELIVERED, "f" * 32, 1, 3)]


def test_what_is_still_at_a_terminal_that_is_away(centre):
    centre.take(*chain(2))
    centre.hear(says(7))
    centre.at += timedelta(minutes=1)
    centre.hear(last_will(GATE)[1])
    found = centre.find()
    assert [one.kind for one in found] == [ProblemKind.UNDELIVERED, ProblemKind.OFFLINE]
    assert "bring it back" in found[0].text
    assert (found[1].since, "lost its connection" in found[1].text) == ("2026-03-02T08:01:00.000Z", True)
    centre.hear(stopped())
    assert "in good order" in centre.find()[1].text


def test_a_journal_that_was_set_aside_until_it_is_imported(centre):
    old = chain(6)
    centre.take(*old[:4])
    fields = {"previous_epoch": EPOCH, "previous_head": 6, "receipted": 4, "cause": "altered", "quarantine": "q-1"}
    centre.take(*chain(2, "f" * 32, gap=fields))
    (found,) = centre.find()
    assert (found.kind, found.epoch, found.first, found.last) == (ProblemKind.SET_ASIDE, EPOCH, 5, 6)
    assert not found.askable
    assert "journal recover" in found.text
    assert "q-1" in found.text
    centre.take(*old)
    (found,) = centre.find()
    assert (found.kind, found.epoch, found.first) == (ProblemKind.SET_ASIDE, EPOCH, None)
    assert f"of epoch {EPOCH} after record 6 may be missing" in found.text
    acknowledge(centre.store, GATE, "f" * 32, "Pat", "the disk is imported")
    assert centre.find() == []


def test_a_journal_that_was_gone_is_looked_for_and_not_recovered_from_a_folder_without_it(centre):
    centre.take(*chain(4))
    fields = {"previous_epoch": EPOCH, "previous_head": 6, "receipted": 0, "cause": "missing", "quarantine": "q-1"}
    centre.take(*chain(1, "f" * 32, gap=fields))
    (found,) = centre.find()
    assert "records 5 to 6" in found.text
    assert "which has only a report of it as q-1; look for the file or a copy of it" in found.text


def replaced(centre, delivered: int) -> None:
    """Six records were made under the identity that was revoked; another one follows."""
    centre.take(*chain(delivered))
    centre.store.revoke(OLD_ID)
    centre.store.register(GATE, NEWER.verify_key)
    fields = {"previous_epoch": EPOCH, "previous_head": 6, "receipted": 0, "cause": "missing", "quarantine": "q-1"}
    centre.take(*chain(1, "f" * 32, gap=fields), key=NEWER)


def test_an_epoch_of_a_revoked_identity_that_a_receipt_covers_is_not_missing(centre):
    replaced(centre, 6)
    (found,) = centre.find()
    assert (found.kind, found.epoch, found.first, found.last) == (ProblemKind.SET_ASIDE, EPOCH, None, None)
    assert "after record 6 may be missing; up to there all of it is here" in found.text
    acknowledge(centre.store, GATE, "f" * 32, "Pat", "the terminal got a new identity")
    assert centre.find() == []


def test_what_a_receipt_of_a_revoked_identity_does_not_cover_is_missing(centre):
    replaced(centre, 4)
    (found,) = centre.find()
    assert (found.kind, found.epoch, found.first, found.last) == (ProblemKind.SET_ASIDE, EPOCH, 5, 6)
    assert f"its identity {OLD_ID} was revoked, so that nothing more of it is stored" in found.text
    assert "journal correct" in found.text


def test_what_came_since_the_key_may_have_been_anothers_covers_nothing(centre):
    centre.take(*chain(3))
    centre.at += timedelta(minutes=1)
    replaced(centre, 6)
    centre.store.revoke(OLD_ID, "2026-03-02T08:00:30.000Z")
    (found,) = centre.find()
    assert (found.kind, found.epoch, found.first, found.last) == (ProblemKind.SET_ASIDE, EPOCH, 4, 6)
    assert "records 4 to 6 came after it was doubted and prove nothing" in found.text
    centre.store.revoke(OLD_ID, "2026-03-02T08:05:00.000Z")
    assert centre.kinds() == [(ProblemKind.SET_ASIDE, EPOCH, None, None)]


def test_the_epoch_of_another_names_revoked_identity_covers_nothing(centre):
    other = Origin("main", "gate-2")
    centre.store.register(other, NEWER.verify_key)
    records = chain(6, origin=other)
    for payload in records:
        wire = dsse.to_wire(dsse.sign(PAYLOAD_TYPE, payload, NEWER))
        accept(centre.ledger, topics.record(other, "boot"), wire)
    centre.store.revoke(dsse.key_id(NEWER.verify_key))
    fields = {"previous_epoch": EPOCH, "previous_head": 6, "receipted": 0, "cause": "missing", "quarantine": "q-1"}
    centre.take(*chain(1, "f" * 32, gap=fields))
    assert centre.kinds() == [(ProblemKind.SET_ASIDE, EPOCH, 1, 6)]


NEWER_ID, NEWEST = dsse.key_id(NEWER.verify_key), SigningKey(bytes([4]) * 32)


def test_what_is_missing_of_the_first_identity_is_said_when_the_second_is_revoked_too(centre):
    replaced(centre, 4)
    (before,) = centre.find()
    centre.store.revoke(NEWER_ID)
    assert centre.find(10 * DAY) == [before], "no identity of the name may speak"
    centre.store.register(GATE, NEWEST.verify_key)
    assert centre.find() == [before]
    fields = {"previous_epoch": "f" * 32, "previous_head": 2, "receipted": 0, "cause": "missing", "quarantine": "q"}
    centre.take(*chain(1, "a" * 32, gap=fields), key=NEWEST)
    assert centre.kinds() == [(ProblemKind.SET_ASIDE, "f" * 32, 2, 2), (ProblemKind.SET_ASIDE, EPOCH, 5, 6)]
    acknowledge(centre.store, GATE, "f" * 32, "Pat", "entered by hand")
    assert centre.kinds() == [(ProblemKind.SET_ASIDE, "f" * 32, 2, 2)]
    centre.store.revoke(dsse.key_id(NEWEST.verify_key))
    assert centre.kinds() == [(ProblemKind.SET_ASIDE, "f" * 32, 2, 2)]
    acknowledge(centre.store, GATE, "a" * 32, "Pat", "entered by hand, too")
    assert centre.find(10 * DAY) == []


@pytest.mark.parametrize("epoch", [EPOCH, None])
def test_an_identity_without_records_is_told_by_its_revoked_successor(centre, epoch):
    replaced(centre, 0)
    fields = {"previous_epoch": epoch, "previous_head": 6, "receipted": 0, "cause": "unreadable", "quarantine": "q"}
    centre.take(*chain(2, "a" * 32, gap=fields), key=NEWER)
    assert [one.epoch for one in centre.find()] == [EPOCH, epoch]
    centre.store.revoke(NEWER_ID)
    assert centre.kinds() == [(ProblemKind.SET_ASIDE, EPOCH, 1, 6)], "the journal before its second was its own"


def test_what_a_revoked_identity_says_of_its_own_journals_is_over_with_it(centre):
    centre.take(*chain(4))
    fields = {"previous_epoch": EPOCH, "previous_head": 6, "receipted": 0, "cause": "altered", "quarantine": "q-1"}
    centre.take(*chain(1, "f" * 32, gap=fields))
    assert centre.kinds() == [(ProblemKind.SET_ASIDE, EPOCH, 5, 6)]
    centre.store.revoke(OLD_ID)
    assert centre.find() == []


def test_what_came_since_the_second_key_may_have_been_anothers_says_nothing_of_the_first(centre):
    replaced(centre, 4)
    centre.store.revoke(NEWER_ID, "2026-03-02T08:00:00.000Z")
    assert centre.find() == []
    centre.store.revoke(NEWER_ID, "2026-03-02T08:00:00.001Z")
    assert centre.kinds() == [(ProblemKind.SET_ASIDE, EPOCH, 5, 6)]


def test_a_journal_set_aside_whole_after_its_delivery_and_one_that_could_not_be_read(centre):
    """What the terminal could read of it may be less than it held."""
    centre.take(*chain(4))
    fields = {"previous_epoch": EPOCH, "previous_head": 4, "receipted": 4, "cause": "altered", "quarantine": "q-1"}
    unread = {**fields, "previous_epoch": None, "previous_head": 0, "receipted": 0, "cause": "unreadable"}
    centre.take(*chain(1, "f" * 32, gap=fields), *chain(1, "a" * 32, gap=unread))
    assert centre.kinds() == [(ProblemKind.SET_ASIDE, EPOCH, None, None), (ProblemKind.SET_ASIDE, None, None, None)]
    assert "an epoch that it could not read" in centre.find()[1].text


def test_a_second_journal_that_does_not_say_what_it_follows(centre):
    centre.take(*chain(4))
    centre.take(*chain(2, "f" * 32, at="2026-03-03T07:00:00.000Z"))
    (found,) = centre.find()
    assert (found.kind, found.epoch) == (ProblemKind.NEW_EPOCH, "f" * 32)
    assert f"{EPOCH} (here up to 4)" in found.text
    assert f"central acknowledge DIR main/gate-1 {'f' * 32}" in found.text


def test_one_journal_after_another_makes_a_list_that_grows_with_their_number_alone(centre):
    for number in range(40):
        centre.take(*chain(1, f"{number:032x}"))
    found = centre.find()
    assert [one.kind for one in found] == [ProblemKind.NEW_EPOCH] * 39
    assert all("and 34 more" in one.text and one.text.count("here up to") == 5 for one in found)


def test_the_journal_before_it_may_arrive_last(centre):
    """As an export, or recovered: the one that began first needs no word."""
    fields = {"previous_epoch": EPOCH, "previous_head": 2, "receipted": 0, "cause": "missing", "quarantine": "q"}
    centre.take(*chain(1, "f" * 32, gap=fields, at="2026-03-03T07:00:00.000Z"))
    centre.take(*chain(2))
    assert centre.kinds() == [(ProblemKind.SET_ASIDE, EPOCH, None, None)]


def test_another_identity_of_the_name_begins_anew_by_right(centre):
    centre.take(*chain(4))
    centre.store.register(GATE, NEWER.verify_key)
    centre.take(*chain(2, "f" * 32), key=NEWER)
    assert centre.find() == []


def test_what_was_looked_into_is_silent_listed_and_can_be_taken_back(centre, capsys):
    centre.take(*chain(4))
    centre.take(*chain(2, "f" * 32, at="2026-03-03T07:00:00.000Z"))
    gaps = ["central", "gaps", str(centre.path), "--silent-after", "999999d"]
    word = ["central", "acknowledge", str(centre.path), "main/gate-1", "f" * 32, "--by", "Pat"]
    assert main(gaps) == 1
    assert main([*word, "--why", "the old card is burnt"]) == 0
    assert main(gaps) == 0
    assert main([*gaps, "--acknowledged"]) == 0
    assert "by Pat: the old card is burnt\n" in capsys.readouterr().out
    assert main([*word, "--undo", "--why", "it was found"]) == 0
    assert main(gaps) == 1
    assert main([*gaps, "--acknowledged", "--json"]) == 0
    assert '"undone_why": "it was found"' in capsys.readouterr().out
    assert main([*word, "--undo", "--why", "again"]) == 65
    assert "was not acknowledged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("where", "epoch", "why", "said"),
    [
        ("main/gate-1", EPOCH, "why", "nothing is to be looked into"),
        ("main/gate-1", "a" * 32, "why", "no epoch"),
        ("main/gate-2", EPOCH, "why", "no epoch"),
        ("gate-1", EPOCH, "why", "gate-1: write SITE/TERMINAL, or the word `ledger`"),
        ("main/gate-1", "f" * 32, "a\nb", "one line"),
        ("main/gate-1", "f" * 32, "a" * 201, "one line"),
    ],
)
def test_nothing_else_can_be_acknowledged(centre, capsys, where, epoch, why, said):
    centre.take(*chain(4))
    centre.take(*chain(2, "f" * 32, at="2026-03-03T07:00:00.000Z"))
    assert main(["central", "acknowledge", str(centre.path), where, epoch, "--by", "P", "--why", why]) == 65
    assert said in capsys.readouterr().err
    assert len(centre.find()) == 1


def test_a_later_gap_is_said_although_an_earlier_one_was_looked_into(centre):
    fields = {"previous_epoch": None, "previous_head": 0, "receipted": 0, "cause": "missing", "quarantine": "q"}
    centre.take(*chain(1, gap=fields))
    acknowledge(centre.store, GATE, EPOCH, "Pat", "looked")
    centre.take(*chain(1, "f" * 32, gap={**fields, "previous_epoch": EPOCH, "previous_head": 1}))
    assert centre.kinds() == [(ProblemKind.SET_ASIDE, EPOCH, None, None)]


@pytest.mark.parametrize("bye", [stopped(), last_will(GATE)[1]], ids=["SIGTERM", "a crash or a lost connection"])
@pytest.mark.parametrize("away", [timedelta(minutes=1), timedelta(days=3)], ids=str)
def test_who_goes_away_after_an_ordinary_day_was_not_rolled_back(centre, bye, away):
    """Punches that came after its last status, and then its end."""
    centre.take(*chain(2))
    centre.hear(says(2))
    centre.at += timedelta(seconds=5)
    centre.take(*chain(6))
    centre.at += away
    centre.hear(bye)
    assert centre.kinds() == [(ProblemKind.OFFLINE, None, None, None)]


def test_a_broker_that_lost_its_memory_accuses_nobody(centre):
    centre.take(*chain(2))
    centre.hear(says(2))
    centre.at += timedelta(minutes=1)
    centre.take(*chain(6))
    centre.hear(says(6, utc="2026-03-02T08:01:00.000Z"))
    centre.hear(stopped())
    centre.at += timedelta(hours=1)
    centre.hear(says(2))  # as it retained it before
    assert centre.kinds() == [(ProblemKind.OFFLINE, None, None, None)]


def beat(centre, later: timedelta, *, connected: bool = True, instance: str | None = None) -> None:
    centre.at = START + later
    Pulse(centre.store, instance).beat(0, connected=connected)


def test_a_ledger_that_does_not_run_is_said(centre):
    assert centre.find() == [], "one that is fed by files alone"
    beat(centre, timedelta(0))
    assert centre.find(LATE - timedelta(seconds=1)) == []
    (found,) = centre.find(LATE)
    assert (found.origin, found.kind, found.since) == (None, ProblemKind.LEDGER, "2026-03-02T08:00:00.000Z")
    assert "was not running" in found.text
    beat(centre, timedelta(minutes=10), instance="b")
    (found,) = centre.find(LATE - timedelta(seconds=1))
    assert found.text.startswith("the ledger without --instance does not run"), "and another instance does"
    beat(centre, timedelta(minutes=10))
    assert centre.find(LATE - timedelta(seconds=1)) == []


def test_a_dead_instance_beside_a_live_one_is_named_a_stopped_one_not(centre):
    a, b = Pulse(centre.store, "a"), Pulse(centre.store, "b")
    a.beat(0, connected=True)
    b.beat(0, connected=True)
    centre.at += LATE
    a.beat(BEAT_NS, connected=True)
    (found,) = centre.find(timedelta(0))
    assert (found.kind, found.since) == (ProblemKind.LEDGER, "2026-03-02T08:00:00.000Z")
    assert "the ledger's instance b does not run" in found.text
    b.beat(BEAT_NS, connected=True)
    b.end()
    assert centre.find(timedelta(seconds=10)) == []
    a.end()
    (found,) = centre.find(LATE)
    assert "the ledger was not running" in found.text, "the last one is missed, however it ended"


def test_a_ledger_without_a_broker_is_said(centre):
    pulse = Pulse(centre.store, None)
    for minute in range(5):
        centre.at = START + timedelta(minutes=minute)
        pulse.beat(minute * BEAT_NS, connected=minute == 0)
        found = centre.find(timedelta(0))
        assert [one.kind for one in found] == ([] if minute < 4 else [ProblemKind.LEDGER])
    assert (found[0].since, "has no broker" in found[0].text) == ("2026-03-02T08:01:00.000Z", True)
    beat(centre, timedelta(minutes=6), instance="b")
    (found,) = centre.find(timedelta(0))
    assert found.text.startswith("the ledger without --instance has no broker, and another serves")


def test_a_beat_of_a_clock_that_was_ahead_hides_no_dead_ledger(centre):
    beat(centre, timedelta(days=300))
    centre.at = START
    assert [found.kind for found in centre.find(timedelta(0))] == [ProblemKind.LEDGER]


def test_the_pulse_is_written_once_a_minute_and_when_the_broker_comes_or_goes(centre):
    pulse, writes = Pulse(centre.store, None), []
    for now, connected in ((0, False), (1, False), (2, True), (3, True), (BEAT_NS + 1, True), (BEAT_NS + 2, True)):
        before = centre.store._db.total_changes
        pulse.beat(now, connected=connected)
        writes.append(centre.store._db.total_changes > before)
    assert writes == [True, False, True, False, False, True]


def stranger(centre, origin: Origin, key: SigningKey, times: int = 1) -> None:
    heard = Strangers(centre.store)
    payload = encode(
        origin, Position(EPOCH, 1, GENESIS), Draft(record_kinds.Kind.BOOT, {"version": "1", "models": []}, NOW)
    )
    wire = dsse.to_wire(dsse.sign(PAYLOAD_TYPE, payload, key))
    for _ in range(times):
        heard.hear(topics.record(origin, "boot"), wire)
    heard.flush(0)


def test_who_publishes_and_is_not_registered_is_named_until_it_is(centre, capsys):
    stranger(centre, Origin("main", "gate-9"), NEWER)
    (found,) = centre.find(timedelta(minutes=2))
    assert (found.origin, found.kind) == (Origin("main", "gate-9"), ProblemKind.UNREGISTERED)
    assert "central register DIR main gate-9 PEM" in found.text
    assert dsse.key_id(NEWER.verify_key) in found.text
    assert main(["central", "gaps", str(centre.path), "--silent-after", "999999d"]) == 0, "years ago, by this clock"
    assert centre.kinds(DAY - timedelta(seconds=1))[0][0] == ProblemKind.UNREGISTERED
    assert ProblemKind.UNREGISTERED not in {one.kind for one in centre.find(DAY)}
    centre.store.register(Origin("main", "gate-9"), NEWER.verify_key)
    assert centre.find(timedelta(minutes=2)) == []


def test_a_registered_name_with_another_key_and_a_revoked_one(centre):
    stranger(centre, GATE, NEWER)
    assert [one.kind for one in centre.find()] == [ProblemKind.UNREGISTERED]
    stranger(centre, GATE, TERMINAL)
    assert centre.find() == []
    centre.store.revoke(dsse.key_id(TERMINAL.verify_key))
    (found,) = centre.find()
    assert "was revoked" in found.text


def test_a_revoked_identity_that_only_says_its_status_is_named(centre):
    centre.store.revoke(dsse.key_id(TERMINAL.verify_key))
    heard = Strangers(centre.store)
    heard.hear_status(topics.status(GATE), says(5, utc="2026-03-02T07:00:00.000Z"))
    heard.hear_status(topics.status(GATE), last_will(GATE)[1])
    heard.hear_status(topics.status(GATE), b"\xff")
    heard.flush(0)
    assert centre.find() == [], "what the broker retains of before is no news"
    heard.hear_status(topics.status(GATE), says(5))
    heard.flush(0)
    (found,) = centre.find()
    assert (found.origin, found.kind) == (GATE, ProblemKind.UNREGISTERED)
    assert "its identity was revoked" in found.text


def test_a_revoked_identity_that_goes_on_under_a_name_which_another_has_is_named(centre):
    centre.take(*chain(5))
    centre.hear(says(5))
    centre.at += timedelta(minutes=5)
    centre.store.revoke(dsse.key_id(TERMINAL.verify_key))
    centre.store.register(GATE, NEWER.verify_key)
    assert centre.find() == [], "its last word was before"
    centre.at += timedelta(minutes=5)
    centre.hear(says(6, utc="2026-03-02T08:10:00.000Z"))
    (found,) = centre.find()
    assert (found.origin, found.kind) == (GATE, ProblemKind.UNREGISTERED)
    assert dsse.key_id(TERMINAL.verify_key) in found.text


def test_a_revoked_key_is_silent_once_another_of_the_name_speaks_after_it(centre):
    centre.store.revoke(OLD_ID)
    stranger(centre, GATE, TERMINAL)
    centre.at += timedelta(minutes=5)
    centre.store.register(GATE, NEWER.verify_key)
    (found,) = centre.find()
    assert "was revoked: nothing of it is stored" in found.text
    assert "last heard at 2026-03-02T08:00:00.000Z" in found.text
    centre.take(*chain(1, "f" * 32), key=NEWER)
    assert centre.find() == []


def test_a_revoked_key_that_speaks_beside_the_new_one_stays_seen_for_a_day(centre):
    centre.store.revoke(OLD_ID)
    centre.store.register(GATE, NEWER.verify_key)
    stranger(centre, GATE, TERMINAL)
    centre.at += timedelta(minutes=5)
    centre.take(*chain(1, "f" * 32), key=NEWER)
    assert centre.find() == [], "the new one began after its last word"
    centre.at += timedelta(hours=2)
    stranger(centre, GATE, TERMINAL)
    for hours in (1, 20):
        centre.take(*chain(hours + 1, "f" * 32), key=NEWER)
        assert [one.kind for one in centre.find(timedelta(hours=hours))] == [ProblemKind.UNREGISTERED]
    assert centre.find(DAY - timedelta(minutes=1))
    assert ProblemKind.UNREGISTERED not in {one.kind for one in centre.find(DAY)}


def test_the_moment_at_which_a_stranger_spoke_is_remembered_not_that_of_the_write(centre):
    heard = Strangers(centre.store)
    heard.hear(topics.record(GATE, "boot"), b"")
    centre.at += timedelta(seconds=50)
    heard.flush(0)
    assert list(centre.store.select("SELECT last FROM strangers")) == [("2026-03-02T08:00:00.000Z",)]


@pytest.mark.parametrize("keyid", ["k" * 30_000, "0" * 32 + ", which is registered. All is well", "A" * 32, ""])
def test_a_stranger_writes_no_text_into_the_list(centre, keyid):
    """What `gaps` prints is copied into a shell: a key id is one, or it is not there (I22)."""
    heard = Strangers(centre.store)
    heard.hear(topics.record(GATE, "boot"), dsse.to_wire(dsse.Envelope(PAYLOAD_TYPE, b"{}", keyid, bytes(64))))
    heard.flush(0)
    assert list(centre.store.select("SELECT keyid FROM strangers")) == [(None,)]


@pytest.mark.parametrize("told_by", ["a record", "a status alone", "a status beside the new identity"])
def test_a_revoked_key_that_was_looked_into_is_silent_until_it_is_heard_again(centre, told_by, capsys):
    def speak(second: int) -> None:
        if told_by == "a record":
            stranger(centre, GATE, TERMINAL)
        elif told_by == "a status alone":
            heard = Strangers(centre.store)
            heard.hear_status(topics.status(GATE), says(5, utc=centre.at.isoformat()[:-6] + ".000Z"))
            heard.flush(0)
        else:
            centre.hear(says(5, utc=f"2026-03-02T08:00:{second:02}.000Z"))

    centre.take(*chain(5))
    centre.store.revoke(OLD_ID)
    if told_by == "a status beside the new identity":
        centre.store.register(GATE, NEWER.verify_key)
    centre.at += timedelta(seconds=30)
    speak(30)
    (found,) = centre.find()
    word = ["central", "acknowledge", str(centre.path), "main/gate-1", OLD_ID, "--by", "Pat", "--why"]
    assert f"central acknowledge DIR main/gate-1 {OLD_ID} --why TEXT" in found.text
    assert main([*word, "stopped it"]) == 0
    assert centre.find() == []
    assert main([*word, "it runs", "--undo"]) == 0
    assert len(centre.find()) == 1
    assert main([*word, "stopped it now"]) == 0
    assert main(["central", "gaps", str(centre.path), "--acknowledged"]) == 0
    assert f"main/gate-1  key {OLD_ID}  2026-03-02T08:00:30.000Z by Pat: stopped it;" in capsys.readouterr().out
    assert main(["central", "gaps", str(centre.path), "--acknowledged", "--json"]) == 0
    centre.at += timedelta(seconds=20)
    speak(50)
    assert [one.since for one in centre.find()] == ["2026-03-02T08:00:50.000Z"]


def test_the_end_of_a_revoked_identity_is_no_word_of_it(centre):
    """The broker says its last will after it was stopped, or when it is started anew itself."""
    centre.take(*chain(5))
    centre.hear(says(5))
    centre.at += timedelta(minutes=1)
    centre.store.revoke(OLD_ID)
    centre.store.register(GATE, NEWER.verify_key)
    centre.at += timedelta(minutes=1)
    centre.hear(last_will(GATE)[1])
    assert centre.kinds() == [(ProblemKind.OFFLINE, None, None, None)]


@pytest.mark.parametrize("keyid", ["f" * 32, OLD_ID, dsse.key_id(NEWER.verify_key)])
def test_no_key_is_looked_into_that_was_not_heard_after_its_end(centre, keyid, capsys):
    centre.take(*chain(5))
    centre.store.revoke(OLD_ID)
    stranger(centre, GATE, NEWER)
    word = ["central", "acknowledge", str(centre.path), "main/gate-1", keyid, "--by", "Pat", "--why", "because"]
    assert main(word) == 65
    assert "no epoch" in capsys.readouterr().err
    assert main([*word, "--undo"]) == 65
    assert [one.kind for one in centre.find()] == [ProblemKind.UNREGISTERED]


@pytest.mark.parametrize(("instance", "said"), [("b", "b"), (None, "-")])
def test_an_instance_that_is_gone_for_good_is_let_go_until_it_dies_again(centre, instance, said, capsys):
    word = ["central", "acknowledge", str(centre.path), "ledger", said, "--by", "Pat", "--why"]
    assert main([*word, "never ran"]) == 65
    beat(centre, timedelta(0), instance=instance)
    beat(centre, LATE, instance="a")
    (found,) = centre.find(timedelta(0))
    assert f"central acknowledge DIR ledger {said} --why TEXT" in found.text
    assert main([*word, "its machine burnt"]) == 0
    assert centre.find(timedelta(0)) == []
    assert main([*word, "it stands there", "--undo"]) == 0
    assert len(centre.find(timedelta(0))) == 1
    assert main([*word, "again", "--undo"]) == 65
    assert main([*word, "scrapped"]) == 0
    assert main(["central", "gaps", str(centre.path), "--acknowledged"]) == 0
    assert f"ledger  instance {said}  " in capsys.readouterr().out
    (found,) = centre.find(3 * LATE)
    assert "the ledger was not running" in found.text, "of all of them, that is said"
    beat(centre, 4 * LATE, instance=instance)
    beat(centre, 5 * LATE, instance="a")
    (found,) = centre.find(timedelta(0))
    assert "does not run" in found.text, "it came back, and died again"


@pytest.mark.parametrize(
    ("utc", "said"), [("08:00:59.000", None), ("08:05:00.000", "5 min"), ("20:00:00.000", "12 h")]
)
def test_a_clock_that_runs_ahead_is_said(centre, utc, said):
    centre.take(*chain(5))
    centre.hear(says(5, utc=f"2026-03-02T{utc}Z"))
    found = centre.find()
    assert [one.kind for one in found] == ([] if said is None else [ProblemKind.CLOCK])
    assert said is None or f"{said} ahead of the ledger's" in found[0].text


def test_what_is_remembered_of_strangers_is_bounded(centre):
    heard = Strangers(centre.store)
    for round_ in range(3):
        for number in range(400):
            heard.hear(topics.record(Origin("main", f"x{round_}-{number}"), "boot"), b"\xff")
        heard.flush(round_ * 10**9)
    for topic in ("a", "smartclocker/v1/MAIN/x/record/boot", "smartclocker/v1/main/" + "x" * 99 + "/record/boot"):
        heard.hear(topic, b"")
    assert list(centre.store.select("SELECT count(*) FROM strangers")) == [(256,)]
    assert len(heard._waiting) <= 256
    before = centre.store._db.total_changes
    for _ in range(1_000):
        heard.hear(topics.record(Origin("main", "x0-1"), "boot"), b"")
        heard.flush(3 * 10**9)
    assert centre.store._db.total_changes - before <= 1 + 256, "each of them once a minute"


def test_silence_and_its_end(centre):
    centre.hear(says(0))
    assert centre.kinds(DAY - timedelta(seconds=1)) == []
    (found,) = centre.find(DAY)
    assert (found.kind, found.since) == (ProblemKind.SILENT, "2026-03-02T08:00:00.000Z")
    centre.at += timedelta(hours=20)
    centre.hear(says(0))  # a retained one, repeated by a broker that restarted
    assert centre.kinds(timedelta(hours=4)) == [(ProblemKind.SILENT, None, None, None)]
    centre.take(*chain(1))
    assert centre.kinds(timedelta(hours=4)) == []


def test_forks_and_alarms(centre):
    centre.take(*chain(3))
    centre.take(chain(3, version="0.2.0")[1])
    centre.hear(says(3, alarms=("ring-full", "fork")))
    fork, alarm = centre.find()
    assert (fork.kind, fork.epoch) == (ProblemKind.FORK, EPOCH)
    assert (alarm.kind, "claims fork, ring-full" in alarm.text) == (ProblemKind.ALARM, True)


def test_a_terminal_that_was_rolled_back(centre):
    centre.take(*chain(5))
    centre.at += timedelta(hours=1)
    centre.hear(says(3))
    assert [one.kind for one in centre.find()] == [ProblemKind.ROLLED_BACK]


def test_a_claim_that_is_older_than_the_records_is_no_roll_back(centre):
    centre.take(*chain(3))
    centre.hear(says(3))
    centre.at += timedelta(minutes=10)
    centre.take(*chain(5))
    assert centre.find() == []


def test_of_a_revoked_identity_nothing_is_to_be_done(centre):
    centre.take(*chain(3)[1:])
    centre.hear(says(9))
    assert len(centre.find()) == 2
    centre.store.revoke(dsse.key_id(TERMINAL.verify_key))
    assert centre.find(10 * DAY) == []


def test_the_command_says_it_and_its_exit_code(centre, capsys):
    centre.take(*chain(3))
    assert main(["central", "gaps", str(centre.path), "--silent-after", "999999d"]) == 0
    assert "nothing is missing" in capsys.readouterr().out
    centre.take(*chain(3, "f" * 32)[2:])
    assert main(["central", "gaps", str(centre.path), "--silent-after", "999999d"]) == 1
    assert f"main/gate-1  missing: records 1 to 2 of epoch {'f' * 32}" in capsys.readouterr().out
    assert main(["central", "gaps", str(centre.path), "--silent-after", "999999d", "--json"]) == 1
    assert '"first": 1' in capsys.readouterr().out


@pytest.mark.parametrize("verb", [["gaps"], ["terminals"], ["verify"], ["revoke", "f" * 32]])
def test_a_wrong_directory_is_said_and_gets_no_ledger(verb, tmp_path, capsys):
    assert main(["central", verb[0], str(tmp_path), *verb[1:]]) == 74
    assert "there is no ledger here" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "0h", "1.5h", "24H", "1h2m", "٣h", "9999999d"])
def test_a_time_that_is_none_is_refused(text, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["central", "gaps", "nowhere", "--silent-after", text])
    assert ended.value.code == 2
    assert "write 30s, 90m, 24h or 7d" in capsys.readouterr().err or text.startswith("-")
