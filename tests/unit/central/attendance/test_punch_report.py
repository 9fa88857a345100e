"""The hours view: placed, corrected, in local time, and never a record rewritten."""

import csv
import io
import json
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from edge.central.attendance.local_time import local
from edge.central.attendance.punch_report import Punch, Wanted, punches
from edge.central.store.records import Store
from edge.cli import main
from edge.domain.protocol.record import Origin
from edge.domain.protocol.record_kinds import Kind
from edge.domain.time.evidence import TimeEvidence
from tests.support.clock import text
from tests.support.ledger_gate import BOOT, BOOTED, HOUR, Gate, since_boot
from tests.support.people import ANN, BOB
from tests.support.records import punch_data


@pytest.fixture
def store(tmp_path: Path):
    with Store(tmp_path / "ledger.db") as opened:
        yield opened


@pytest.fixture
def gate(store: Store) -> Gate:
    return Gate(store, Origin("main", "gate-1"), 1)


def view(store: Store, **wanted: object) -> list[Punch]:
    return punches(store, Wanted(**wanted))


def test_a_punch_as_it_was_recorded(store, gate):
    name = gate.punch(since_boot(HOUR))
    (row,) = view(store)
    assert asdict(row) == {
        "id": name, "person": ANN, "site": "main", "terminal": "gate-1", "state": "as-recorded", "direction": "in",
        "activity": None, "at": "2026-03-02T08:00:00.000Z", "local": "2026-03-02T09:00:00.000+01:00",
        "zone": "Europe/Berlin", "mark": "as-recorded", "uncertainty_ms": 0, "recorded": "2026-03-02T08:00:00.000Z",
        "correction": None, "disputed": False, "note": None, "doubts": (),
    }  # fmt: skip


SINCE_1970 = datetime(1970, 1, 1, tzinfo=UTC) - BOOTED


@pytest.mark.parametrize("off", [timedelta(days=-365), timedelta(days=1), SINCE_1970])
def test_a_punch_before_the_first_synchronisation_is_placed_by_any_record_of_its_boot(store, gate, off):
    early = gate.punch(since_boot(HOUR, off))
    other = gate.punch(since_boot(HOUR, off, boot="2" * 32))
    gate.boot(since_boot(3 * HOUR))
    rows = {row.id: row for row in view(store)}
    assert (rows[early].at, rows[early].mark) == ("2026-03-02T08:00:00.000Z", "placed")
    assert rows[early].local == "2026-03-02T09:00:00.000+01:00"
    assert (rows[early].recorded, rows[early].uncertainty_ms) == (text(BOOTED + timedelta(hours=1) + off), 722)
    assert (rows[other].at, rows[other].mark) == (rows[other].recorded, "unplaced")
    assert rows[other].uncertainty_ms is None
    (chain,) = store.chains()
    assert json.loads(store.entry(chain, 1).payload)["data"]["time"]["utc"] == rows[early].recorded, "not rewritten"


def test_another_terminal_s_anchor_places_nothing_even_with_the_same_boot_id(store, gate):
    gate.punch(since_boot(HOUR, timedelta(days=-365)))
    Gate(store, Origin("main", "gate-2"), 2).boot(since_boot(2 * HOUR))
    assert [row.mark for row in view(store)] == ["unplaced"]


def test_a_new_identity_of_the_same_terminal_in_the_same_boot_is_an_anchor(store, gate):
    gate.punch(since_boot(HOUR, timedelta(days=-365)))
    Gate(store, Origin("main", "gate-1"), 3).boot(since_boot(2 * HOUR))
    assert [row.mark for row in view(store)] == ["placed"]


def test_a_placed_punch_stands_in_its_true_order(store, gate):
    gate.punch(since_boot(2 * HOUR, timedelta(days=-365)), direction="out")
    gate.punch(since_boot(3 * HOUR), direction="in")
    gate.punch(since_boot(HOUR), direction="in")
    assert [row.at[11:13] for row in view(store)] == ["08", "09", "10"]


def test_corrections_count_and_say_so(store, gate):
    wrong, gone = gate.punch(since_boot(HOUR)), gate.punch(since_boot(2 * HOUR))
    amended = gate.correct(since_boot(3 * HOUR), "amended", wrong, at="2026-03-02T07:30:00.000Z", direction="out")
    gate.correct(since_boot(4 * HOUR), "voided", gone, worker="disputes")
    added = gate.correct(since_boot(5 * HOUR), "added", None, at="2026-03-02T16:00:00.000Z", direction="out")
    rows = {row.id: row for row in view(store)}
    assert (rows[wrong].state, rows[wrong].mark) == ("amended", "corrected")
    assert rows[wrong].at == "2026-03-02T07:30:00.000Z"
    assert (rows[wrong].direction, rows[wrong].correction, rows[wrong].recorded[11:13]) == ("out", amended, "08")
    assert (rows[gone].state, rows[gone].at, rows[gone].disputed) == ("voided", None, True)
    assert rows[gone].local == "2026-03-02T10:00:00.000+01:00", "so that it stands in its day"
    assert (rows[added].state, rows[added].local) == ("added", "2026-03-02T17:00:00.000+01:00")


def test_a_break_is_shown_as_recorded_and_as_corrected(store, gate, capsys):
    begins = gate.write(Kind.PUNCH, punch_data(ANN, "out", activity="break"), since_boot(HOUR))
    ends = gate.write(Kind.PUNCH, punch_data(ANN, "in", activity="break"), since_boot(2 * HOUR))
    wrong = gate.punch(since_boot(3 * HOUR), direction="out")
    gate.correct(since_boot(4 * HOUR), "amended", wrong, direction="out", activity="break")
    gate.correct(since_boot(4 * HOUR), "amended", ends, direction="in")
    rows = {row.id: row for row in view(store)}
    assert [(rows[one].direction, rows[one].activity) for one in (begins, ends, wrong)] == [
        ("out", "break"),
        ("in", None),
        ("out", "break"),
    ]
    gate.correct(since_boot(5 * HOUR), "voided", begins)
    assert {row.id: row.activity for row in view(store)}[begins] is None
    directory = str(store.path.parent)
    assert main(["central", "punches", directory]) == 0
    assert f"  out  break  {ANN}  main/gate-1" in capsys.readouterr().out
    assert main(["central", "punches", directory, "--csv"]) == 0
    found = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert [row["activity"] for row in found] == ["", "", "break"]


def test_a_direction_that_is_corrected_leaves_the_placed_moment(store, gate):
    early = gate.punch(since_boot(HOUR, timedelta(days=-365)))
    gate.correct(since_boot(2 * HOUR), "amended", early, direction="out")
    (row,) = view(store)
    assert (row.state, row.direction, row.at, row.mark) == ("amended", "out", "2026-03-02T08:00:00.000Z", "placed")


def test_a_correction_at_another_terminal_finds_its_punch_whatever_is_asked_for(store, gate):
    office = Gate(store, Origin("main", "office"), 2)
    name = gate.punch(since_boot(HOUR))
    first = office.correct(since_boot(2 * HOUR), "amended", name, direction="out")
    office.correct(since_boot(3 * HOUR), "statement", first, worker="disputes", employer="not-heard")
    assert [row.state for row in view(store, terminal="gate-1")] == ["amended"]
    assert view(store, terminal="office") == [], "the punch is not the office's, and the corrections hang on it"
    assert [row.disputed for row in view(store, person=ANN)] == [True]
    lost = office.correct(since_boot(4 * HOUR), "voided", f"gate-1/{'f' * 32}/7")
    (row,) = view(store, terminal="office")
    assert (row.id, row.state, row.at) == (lost, "unattached", None)
    assert "not here" in row.note


def test_the_report_holds_only_the_punches_asked_for(store, gate):
    other = Gate(store, Origin("annex", "door-1"), 2)
    for day in range(3):
        gate.punch(since_boot(day * 24 * HOUR))
        gate.punch(since_boot(day * 24 * HOUR), person=BOB)
        other.punch(since_boot(day * 24 * HOUR))
    assert len(view(store)) == 9
    assert len(view(store, site="annex")) == len(view(store, terminal="door-1")) == 3
    assert len(view(store, person=BOB)) == 3
    assert len(view(store, person=BOB, site="annex")) == 0
    assert len(view(store, first=date(2026, 3, 3))) == 6
    assert len(view(store, first=date(2026, 3, 3), last=date(2026, 3, 3), person=ANN)) == 2
    assert view(store, first=date(2026, 3, 5)) == []


def test_a_day_is_the_terminal_s_own(store, gate):
    """23:30 UTC on the last of March is April in Berlin."""
    name = gate.punch(since_boot(0, booted=datetime(2026, 3, 31, 23, 30, tzinfo=UTC), offset=120))
    assert [row.id for row in view(store, first=date(2026, 4, 1))] == [name]
    assert view(store, last=date(2026, 3, 31)) == []


def at(utc: str, offset: int, zone: str = "Europe/Berlin") -> TimeEvidence:
    return TimeEvidence(utc, offset, zone, BOOT, 0, True)


SPRING = [
    ("2026-03-29T00:59:59.999Z", 60, "01:59:59.999+01:00"),
    ("2026-03-29T01:00:00.000Z", 120, "03:00:00.000+02:00"),
]
AUTUMN = [
    ("2026-10-25T00:30:00.000Z", 120, "02:30:00.000+02:00"),
    ("2026-10-25T01:30:00.000Z", 60, "02:30:00.000+01:00"),
]


@pytest.mark.parametrize(("utc", "offset", "there"), [*SPRING, *AUTUMN])
@pytest.mark.parametrize("known", [True, False])
def test_both_changes_of_the_clocks_in_berlin(utc, offset, there, known):
    """By the offset that was recorded, and by the zone where that may be of another season."""
    recorded = offset if known else 0
    assert local(utc, at(utc, recorded), known=known)[11:] == there


def test_the_hour_that_comes_twice_is_two_punches_an_hour_apart(store, gate):
    for utc, offset, _ in AUTUMN:
        gate.punch(since_boot(0, booted=datetime.fromisoformat(utc), offset=offset))
    first, second = view(store)
    assert first.local[:23] == second.local[:23] == "2026-10-25T02:30:00.000"
    assert datetime.fromisoformat(second.local) - datetime.fromisoformat(first.local) == timedelta(hours=1)


def test_a_terminal_that_moved_to_another_zone_keeps_what_each_record_says(store, gate):
    gate.punch(since_boot(0))
    gate.punch(since_boot(HOUR, offset=0, zone="Europe/Lisbon"))
    gate.punch(since_boot(2 * HOUR, offset=60))
    assert [(row.local[11:16], row.local[-6:], row.zone) for row in view(store)] == [
        ("08:00", "+01:00", "Europe/Berlin"),
        ("08:00", "+00:00", "Europe/Lisbon"),
        ("10:00", "+01:00", "Europe/Berlin"),
    ]


def test_the_season_of_a_placed_punch_is_that_of_its_true_moment(store, gate):
    """It began in 1970, in winter, and was really made in July."""
    summer = datetime(2026, 7, 1, 7, tzinfo=UTC)
    off = datetime(1970, 1, 1, tzinfo=UTC) - summer
    gate.punch(since_boot(HOUR, off, booted=summer, offset=60))
    gate.boot(since_boot(2 * HOUR, booted=summer, offset=120))
    (row,) = view(store)
    assert row.local == "2026-07-01T10:00:00.000+02:00"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "Europe", "a\u0101", "/etc/passwd", "."])
def test_a_zone_that_is_none_falls_back_to_the_offset(zone):
    assert local("2026-07-01T08:00:00.000Z", at("2026-07-01T08:00:00.000Z", 90, zone), known=False)[-6:] == "+01:30"


def test_a_clock_at_the_end_of_time_is_shown_as_it_is():
    for utc, offset in (("0001-01-01T00:00:00.000Z", -60), ("9999-12-31T23:59:59.999Z", 60)):
        assert local(utc, at(utc, offset), known=True) == f"{utc[:-1]}+00:00"
        assert local(utc, at(utc, offset, "America/New_York"), known=False)


def test_the_command_in_its_three_forms(store, gate, capsys):
    gate.punch(since_boot(HOUR, timedelta(days=-365), zone="=1+1"))
    gate.boot(since_boot(2 * HOUR))
    directory = str(store.path.parent)
    assert main(["central", "punches", directory]) == 0
    line = capsys.readouterr().out
    assert line.startswith(f"2026-03-02T09:00:00.000+01:00  in   {ANN}  main/gate-1  placed ±0.362 s")
    assert main(["central", "punches", directory, "--json"]) == 0
    (document,) = json.loads(capsys.readouterr().out)
    assert document == json.loads(json.dumps(asdict(view(store)[0])))
    assert main(["central", "punches", directory, "--csv", "--from", "2026-03-02", "--to", "2026-03-02"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["at"], row["uncertainty_ms"], row["correction"]) == (document["at"], "362", "")
    assert row["zone"] == "'=1+1", "no formula for a spreadsheet"


def test_a_question_that_cannot_have_an_answer_is_told(store, gate, capsys):
    """An empty list would look like a fact: nobody worked."""
    gate.punch(since_boot(HOUR))
    directory = str(store.path.parent)
    asked = [
        (["--from", "2026-11-28", "--to", "2026-11-27"], "--from 2026-11-28 is after --to 2026-11-27"),
        (["--person", "Obama"], "'Obama' is no person id"),
        (["--person", BOB], f"{BOB}: no record and no roster here"),
        (["--terminal", "nosuch"], "*/nosuch: no such terminal"),
        (["--site", "nosuch", "--person", "x"], "nosuch/*: no such terminal"),
    ]
    for words, said in asked:
        assert main(["central", "punches", directory, *words]) == 65
        shown = capsys.readouterr()
        assert shown.out == ""
        assert said in shown.err
    assert main(["central", "punches", directory, "--person", ANN, "--from", "2031-01-01"]) == 0
    assert capsys.readouterr().out == "", "nobody clocked in then: that is an answer"


def test_yes_and_no_are_written_as_every_other_program_writes_them(store, gate, capsys):
    gate.punch(since_boot(HOUR))
    assert main(["central", "punches", str(store.path.parent), "--csv"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert row["disputed"] == "false"


@pytest.mark.parametrize("text", ["", "today", "2026-02-30", "2026-3-1", "20260301", "2026-W10-1", "٢٠٢٦-03-01"])
def test_a_day_that_is_none_is_refused(text, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["central", "punches", "nowhere", "--from", text])
    assert ended.value.code == 2
    assert "write it as 2026-03-01" in capsys.readouterr().err
