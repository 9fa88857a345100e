"""The hours view is right or says that it is not: what speaks against a line stands beside it."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from nacl.signing import SigningKey

from edge.central.attendance.punch_report import Wanted, punches
from edge.central.authority.policy_acceptance import consents
from edge.central.gaps.delivery_gaps import ProblemKind as Gap
from edge.central.gaps.delivery_gaps import find
from edge.central.ledger.intake import Ledger
from edge.central.store.records import Store
from edge.cli import main
from edge.crypto.dsse import key_id
from edge.domain.protocol.record import Origin
from edge.domain.protocol.record_kinds import Kind
from edge.domain.time.evidence import TimeEvidence
from tests.support.clock import text
from tests.support.ledger_gate import BOOTED, HOUR, Gate, since_boot
from tests.support.people import ANN, BOB
from tests.support.records import punch_data

MINUTE = 60_000


@pytest.fixture
def store(tmp_path, monkeypatch):
    """What it receives comes two days after the terminals' boot, where a test does not set another time."""
    monkeypatch.setattr("edge.central.store.records.now", lambda: text(BOOTED + timedelta(days=2)))
    with Store(tmp_path / "ledger.db") as opened:
        yield opened


@pytest.fixture
def gate(store):
    return Gate(store, Origin("main", "gate-1"), 1)


def doubts(store, **wanted) -> list[tuple[str, tuple[str, ...]]]:
    """Direction and doubts of each line, in order."""
    return [(row.direction or "-", row.doubts) for row in punches(store, Wanted(**wanted))]


def same_name_elsewhere(store, epoch_of: Gate, site: str = "depot", number: int = 2) -> Gate:
    """Another identity under a terminal's name, as an older ledger may have it, that writes under its epoch."""
    other = object.__new__(Gate)
    other.ledger, other.key = Ledger(store, SigningKey(bytes([99]) * 32)), SigningKey(bytes([number]) * 32)
    other.origin, other.epoch = Origin(site, epoch_of.origin.terminal), epoch_of.epoch
    other.seq, other.prev = 0, "0" * 64
    store._db.execute(
        "INSERT INTO terminals (site, terminal, keyid, public_key, registered) VALUES (?, ?, ?, ?, '2026-03-01')",
        (site, other.origin.terminal, key_id(other.key.verify_key), bytes(other.key.verify_key)),
    )
    return other


@pytest.mark.parametrize("site", ["depot", "main"])
def test_no_punch_vanishes_where_two_identities_claim_one_id(store, gate, site):
    """At another site, and under a second key of the same terminal; whatever is asked for."""
    for hour, direction in enumerate(("in", "out", "in", "out")):
        gate.punch(since_boot(hour * HOUR), direction=direction)
    other = same_name_elsewhere(store, gate, site)
    for _ in range(4):
        other.punch(since_boot(9 * HOUR), person=BOB)
    for wanted in ({}, {"person": ANN}, {"terminal": "gate-1"}):
        rows = [row for row in punches(store, Wanted(**wanted)) if row.person == ANN]
        assert [row.direction for row in rows] == ["in", "out", "in", "out"]
    assert len(punches(store, Wanted())) == 8
    assert all("same-id" in row.doubts for row in punches(store, Wanted()))
    found = [one for one in find(store, timedelta(days=9_999), BOOTED) if one.kind is Gap.FORK]
    assert {(one.origin.site, one.epoch) for one in found} == {("main", gate.epoch), (site, gate.epoch)}
    assert all("another identity" in one.text for one in found)


def test_the_hours_of_a_card_that_was_restored_say_that_there_is_another_history(store, gate):
    for hour in range(2):
        gate.punch(since_boot(hour * HOUR))
    seq, prev = gate.seq, gate.prev
    gate.punch(since_boot(2 * HOUR), person=BOB)
    assert [row.doubts for row in punches(store, Wanted())] == [(), ("in-after-in",), ()]
    gate.seq, gate.prev = seq, prev
    with pytest.raises(AssertionError):  # the ledger keeps it as evidence
        gate.punch(since_boot(3 * HOUR))
    by_person = {row.person: row.doubts for row in punches(store, Wanted())}
    assert by_person == {ANN: ("in-after-in",), BOB: ("fork",)}
    gate.seq, gate.prev = seq + 3, "f" * 64
    gate.punch(since_boot(4 * HOUR))
    gate.prev = "e" * 64
    with pytest.raises(AssertionError):
        gate.punch(since_boot(5 * HOUR))
    found = [(row.id.rpartition("/")[2], "fork" in row.doubts) for row in punches(store, Wanted())]
    assert found == [("1", False), ("2", False), ("3", True), ("6", True)]


def test_a_correction_means_the_punch_of_its_own_site(store, gate):
    punch = gate.punch(since_boot(HOUR))
    other = same_name_elsewhere(store, gate)
    other.punch(since_boot(2 * HOUR))
    gate.correct(since_boot(3 * HOUR), "voided", punch)
    states = {row.site: row.state for row in punches(store, Wanted())}
    assert states == {"main": "voided", "depot": "as-recorded"}


def test_a_correction_that_may_mean_two_changes_nothing_and_says_so(store, gate):
    punch = gate.punch(since_boot(HOUR))
    same_name_elsewhere(store, gate, "main").punch(since_boot(2 * HOUR))
    office = Gate(store, Origin("main", "office"), 3)
    office.correct(since_boot(3 * HOUR), "voided", punch)
    rows = punches(store, Wanted())
    assert [row.state for row in rows] == ["as-recorded", "as-recorded", "unattached"]
    assert "several records" in rows[2].note


def test_another_site_s_correction_counts_and_is_marked(store, gate):
    name = gate.punch(since_boot(HOUR))
    Gate(store, Origin("depot", "desk"), 2).correct(since_boot(2 * HOUR), "voided", name)
    (row,) = punches(store, Wanted())
    assert (row.state, row.doubts) == ("voided", ("other-site",))
    gate.correct(since_boot(3 * HOUR), "amended", name, direction="in")
    (row,) = punches(store, Wanted())
    assert (row.state, row.doubts) == ("amended", ()), "its own site said something later"


def test_what_rests_on_a_revoked_identity_says_so_in_every_form(store, gate, capsys):
    evil = Gate(store, Origin("main", "evil"), 2)
    voided, kept = gate.punch(since_boot(HOUR)), gate.punch(since_boot(9 * HOUR), direction="out")
    evil.correct(since_boot(10 * HOUR), "voided", voided)
    evil.punch(since_boot(11 * HOUR), person=BOB)
    store.revoke(key_id(evil.key.verify_key))
    rows = {row.id: row for row in punches(store, Wanted())}
    assert rows[voided].doubts == ("revoked",)
    assert rows[kept].doubts == ()
    assert [row.doubts for row in rows.values() if row.person == BOB] == [("revoked",)]
    directory = str(store.path.parent)
    assert main(["central", "punches", directory, "--person", BOB]) == 0
    assert "[revoked]" in capsys.readouterr().out
    main(["central", "punches", directory, "--person", BOB, "--json"])
    assert json.loads(capsys.readouterr().out)[0]["doubts"] == ["revoked"]
    main(["central", "punches", directory, "--person", BOB, "--csv"])
    assert next(csv.DictReader(io.StringIO(capsys.readouterr().out)))["doubts"] == "revoked"


def test_since_says_what_came_before_the_theft(store, gate, monkeypatch, capsys):
    gate.punch(since_boot(HOUR))
    monkeypatch.setattr("edge.central.store.records.now", lambda: text(BOOTED + timedelta(days=3)))
    gate.punch(since_boot(9 * HOUR), direction="out")
    keyid, directory = key_id(gate.key.verify_key), str(store.path.parent)
    assert main(["central", "revoke", directory, keyid]) == 0
    assert "--since" in capsys.readouterr().out
    assert doubts(store) == [("in", ("revoked",)), ("out", ("revoked",))]
    when = (BOOTED + timedelta(days=2, hours=1)).isoformat()
    assert main(["central", "revoke", directory, keyid, "--since", when]) == 0
    assert doubts(store) == [("in", ()), ("out", ("unproven",))]
    assert main(["central", "terminals", directory]) == 0
    assert "unproven since 2026-03-04T08:00:00.000Z" in capsys.readouterr().out


@pytest.mark.parametrize("since", ["yesterday", "2026-03-04T08:00", ""])
def test_a_since_that_is_no_moment_is_refused(since, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["central", "revoke", "nowhere", "f" * 32, "--since", since])
    assert ended.value.code == 2
    assert "Z or an offset" in capsys.readouterr().err


def test_a_clock_that_was_set_back_between_in_and_out_is_marked_at_both(store, gate):
    """Two minutes by the boottime, an hour the other way by the wall."""
    gate.punch(since_boot(HOUR))
    gate.punch(since_boot(HOUR + 2 * MINUTE, booted=BOOTED - timedelta(hours=1)), direction="out")
    assert all("clock" in words for _, words in doubts(store))


@pytest.mark.parametrize(("moved_ms", "marked"), [(0, False), (900, False), (30_000, True), (-30_000, True)])
def test_a_clock_that_was_set_and_kept_the_order_is_marked_too(store, gate, moved_ms, marked):
    gate.punch(since_boot(HOUR))
    gate.punch(since_boot(9 * HOUR, booted=BOOTED + timedelta(milliseconds=moved_ms)), direction="out")
    assert [words for _, words in doubts(store)] == [("clock",) * marked] * 2


def test_a_clock_that_was_set_before_a_reboot_is_marked_by_its_own_record(store, gate):
    def step(before: bool) -> dict:
        here = {"before": "2026-03-02T09:00:00.000Z", "after": "2026-03-02T08:00:00.000Z"}
        return {"step_ms": -HOUR, **here, "synchronised_before": before, "synchronised_after": True}

    gate.punch(since_boot(HOUR))
    gate.write(Kind.CLOCK_STEP, step(before=False), since_boot(2 * HOUR))
    gate.punch(since_boot(8 * HOUR, boot="2" * 32), direction="out")
    assert [words for _, words in doubts(store)] == [(), ()], "the first synchronisation of a boot is none"
    gate.write(Kind.CLOCK_STEP, step(before=True), since_boot(9 * HOUR))
    gate.punch(since_boot(10 * HOUR, boot="3" * 32), direction="in")
    assert [words for _, words in doubts(store)] == [(), ("clock",), ("clock",)]


def test_a_clock_that_ran_back_over_a_reboot_is_marked(store, gate):
    gate.punch(since_boot(8 * HOUR))
    gate.punch(since_boot(HOUR, boot="2" * 32), direction="out")
    assert all("clock" in words for _, words in doubts(store))


def test_what_is_placed_by_its_boot_is_not_doubted(store, gate):
    gate.punch(since_boot(HOUR, timedelta(days=-300)))
    gate.punch(since_boot(9 * HOUR), direction="out")
    assert [words for _, words in doubts(store)] == [(), ()]


def test_a_moment_after_its_receipt_is_marked(store, gate):
    gate.punch(since_boot(HOUR, booted=BOOTED + timedelta(days=330)))
    assert doubts(store) == [("in", ("future",))]
    gate.correct(since_boot(2 * HOUR), "added", None, at="2027-01-01T00:00:00.000Z", direction="out")
    assert [words for _, words in doubts(store)] == [("future",), ("future",)]


def test_two_doors_that_alternate_for_themselves_are_seen(store, gate):
    other = Gate(store, Origin("main", "gate-2"), 2)
    gate.punch(since_boot(HOUR))
    other.punch(since_boot(HOUR + MINUTE))
    gate.punch(since_boot(9 * HOUR), direction="out")
    other.punch(since_boot(9 * HOUR + 1_500), direction="out")
    expected = [("in", ()), ("in", ("in-after-in",)), ("out", ()), ("out", ("out-after-out",))]
    assert doubts(store) == expected
    assert doubts(store, terminal="gate-2") == expected[1::2], "what the other door recorded is known all the same"
    assert doubts(store, site="main") == expected


def test_a_correction_ends_the_doubt(store, gate):
    gate.punch(since_boot(HOUR))
    second = gate.punch(since_boot(25 * HOUR))
    assert doubts(store)[1][1] == ("in-after-in",)
    gate.correct(since_boot(26 * HOUR), "added", None, at="2026-03-02T16:00:00.000Z", direction="out")
    assert [words for _, words in doubts(store)] == [(), (), ()]
    gate.correct(since_boot(27 * HOUR), "voided", second)
    assert [words for _, words in doubts(store)] == [(), (), ()]


def test_a_stay_that_is_too_long_is_marked_and_how_long_may_be_said(store, gate, capsys):
    """A forgotten OUT that the next morning's IN answered: 14 hours."""
    gate.punch(since_boot(HOUR))
    gate.punch(since_boot(15 * HOUR), direction="out")
    assert doubts(store) == [("in", ()), ("out", ("long",))]
    assert main(["central", "punches", str(store.path.parent), "--long", "16h"]) == 0
    assert "long" not in capsys.readouterr().out
    gate.correct(since_boot(16 * HOUR), "added", None, at="2026-03-02T20:00:00.000Z", direction="out")
    assert [words for _, words in doubts(store)] == [(), (), ("out-after-out",)]


def test_a_direction_that_was_assumed_is_marked_until_it_is_corrected(store, gate):
    data = punch_data(direction="out", direction_assumed=True)
    name = gate.write(Kind.PUNCH, data, since_boot(HOUR))
    assert doubts(store) == [("out", ("assumed",))]
    gate.correct(since_boot(2 * HOUR), "amended", name, direction="in")
    assert doubts(store) == [("in", ())]


def test_placing_many_boots_costs_each_record_once(store):
    """By the steps that SQLite takes: twice as many boots, twice the work."""
    gates = Gate(store, Origin("main", "small"), 1), Gate(store, Origin("main", "large"), 2)
    costs = []
    for gate, boots in zip(gates, (60, 240), strict=True):
        for number in range(boots):
            gate.punch(since_boot(HOUR, timedelta(days=-1), boot=f"{gate.origin.terminal}-{number}"))
        steps = 0

        def step() -> None:
            nonlocal steps
            steps += 1

        store._db.set_progress_handler(step, 1)
        rows = punches(store, Wanted(terminal=gate.origin.terminal))
        store._db.set_progress_handler(None, 1)
        assert [row.mark for row in rows] == ["unplaced"] * boots
        costs.append(steps)
    assert costs[1] < 6 * costs[0]


def test_anchors_of_one_millisecond_cost_no_more_than_two():
    from edge.domain.time.placement import Anchors

    moment = datetime(2026, 3, 2, tzinfo=UTC)
    many = [TimeEvidence(text(moment + timedelta(seconds=n)), 0, "UTC", "b", 5_000, True) for n in range(1_000)]
    asked = TimeEvidence(text(moment), 0, "UTC", "b", 5_000, False)
    assert len(Anchors(many).near(asked)) == 2


def test_a_punch_that_was_added_for_nobody_says_so(store, gate):
    gate.correct(since_boot(HOUR), "added", None, at="2026-03-02T08:00:00.000Z", direction="in", person=BOB)
    assert doubts(store) == [("in", ("unknown-person",))]
    gate.punch(since_boot(9 * HOUR), person=BOB, direction="out")
    assert [words for _, words in doubts(store)] == [(), ()]


def test_a_correction_by_a_clock_that_runs_ahead_is_marked(store, gate):
    name = gate.punch(since_boot(HOUR))
    office = Gate(store, Origin("main", "office"), 2)
    office.correct(since_boot(2 * HOUR, booted=BOOTED + timedelta(days=99)), "voided", name)
    gate.correct(since_boot(3 * HOUR), "amended", name, direction="in")
    (row,) = punches(store, Wanted())
    assert (row.state, row.doubts) == ("voided", ("future",))


def test_a_consent_of_a_clock_that_runs_ahead_does_not_outlive_a_withdrawal(store, gate, monkeypatch):
    data = {"person": BOB, "policy_version": "1", "policy_sha256": "c" * 64}
    ahead = since_boot(HOUR, booted=BOOTED + timedelta(days=999))
    gate.write(Kind.CONSENT, {**data, "state": "given"}, ahead)
    monkeypatch.setattr("edge.central.store.records.now", lambda: text(BOOTED + timedelta(days=4)))
    gate.write(Kind.CONSENT, {**data, "state": "withdrawn"}, since_boot(80 * HOUR))
    ((record, _),) = consents(store)
    assert record.data["state"] == "withdrawn"


def follow(gate: Gate, time: TimeEvidence, follows: str | None, direction: str = "in", **more: object) -> str:
    """A punch that says which one it follows; its id with the site."""
    name = gate.write(Kind.PUNCH, punch_data(ANN, direction, follows=follows, **more), time)
    return f"{gate.origin.site}/{name}"


@pytest.fixture
def other(store, gate):
    return Gate(store, Origin("main", "gate-2"), 2)


def test_a_punch_that_follows_another_one_than_the_one_before_is_marked(store, gate, other):
    came = follow(gate, since_boot(HOUR), None)
    follow(other, since_boot(5 * HOUR), None)  # it did not know
    follow(gate, since_boot(9 * HOUR), came, "out")  # nor did this one
    assert doubts(store) == [("in", ()), ("in", ("follows-other", "in-after-in")), ("out", ("follows-other",))]
    assert doubts(store, terminal="gate-2") == [("in", ("follows-other", "in-after-in"))]


def test_who_follows_the_one_before_is_not_marked_at_either_door(store, gate, other):
    came = follow(gate, since_boot(HOUR), None)
    went = follow(other, since_boot(5 * HOUR), came, "out")
    follow(gate, since_boot(6 * HOUR), went)
    assert [words for _, words in doubts(store)] == [(), (), ()]


def test_a_press_and_a_fixed_direction_do_not_rest_on_the_last_punch(store, gate, other):
    follow(gate, since_boot(HOUR), None)
    follow(other, since_boot(5 * HOUR), None, "out", direction_source="pressed", site_unheard=True)
    follow(gate, since_boot(6 * HOUR), None, direction_source="configured", site_unheard=True)
    assert [words for _, words in doubts(store)] == [(), (), ()]


def test_a_record_of_an_earlier_version_says_nothing_and_is_followed(store, gate, other):
    first = gate.punch(since_boot(HOUR))
    other.punch(since_boot(5 * HOUR), direction="out")
    follow(gate, since_boot(6 * HOUR), f"main/{first}")
    assert [words for _, words in doubts(store)] == [(), (), ("follows-other",)]


def test_a_punch_that_was_corrected_may_be_passed_over_or_not(store, gate, other):
    came = follow(gate, since_boot(HOUR), None)
    wrong = follow(gate, since_boot(4 * HOUR), came, "out")
    gate.correct(since_boot(4 * HOUR + MINUTE), "voided", wrong.removeprefix("main/"))
    follow(other, since_boot(9 * HOUR), came, "out")
    assert [row.doubts for row in punches(store, Wanted()) if row.direction] == [(), ()]
    voided_later = follow(gate, since_boot(20 * HOUR), came)
    assert doubts(store)[-1] == ("in", ("follows-other",)), "the OUT at the other door was not corrected"
    assert voided_later


def test_a_punch_that_was_added_later_is_nobodys_last_one_then(store, gate):
    came = follow(gate, since_boot(HOUR), None)
    follow(gate, since_boot(25 * HOUR), came, direction_assumed=True)
    gate.correct(since_boot(26 * HOUR), "added", None, at="2026-03-02T16:00:00.000Z", direction="out")
    assert [words for _, words in doubts(store)] == [(), (), ("assumed",)]


def test_what_is_older_than_a_month_may_be_forgotten_and_another_site_is_not_known(store, gate, monkeypatch):
    monkeypatch.setattr("edge.central.store.records.now", lambda: text(BOOTED + timedelta(days=99)))
    far = Gate(store, Origin("depot", "gate-3"), 3)
    follow(far, since_boot(HOUR), None)
    follow(gate, since_boot(5 * HOUR), None, "out")
    follow(gate, since_boot((32 * 24 + 6) * HOUR), None)
    assert [words for _, words in doubts(store)] == [(), (), ()]


def test_a_terminal_that_could_not_hear_the_site_says_so_until_it_is_corrected(store, gate):
    unheard = follow(gate, since_boot(HOUR), None, site_unheard=True)
    assert doubts(store) == [("in", ("site-unheard",))]
    gate.correct(since_boot(2 * HOUR), "amended", unheard.removeprefix("main/"), direction="in")
    assert doubts(store) == [("in", ())]
