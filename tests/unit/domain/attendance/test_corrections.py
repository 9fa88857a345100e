"""The hours view: what counts of a punch once every correction is read, in whatever order they came."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.attendance.correction_fields import problems, problems_with
from edge.domain.attendance.corrections import Effective, PunchState, effective
from edge.domain.protocol.record import Record
from edge.domain.protocol.record_kinds import FIELDS, CorrectionSide, Kind
from edge.domain.vocabulary import Activity, Direction
from tests.support.corrections import DOOR, EPOCH, IN_AT, LATER, OFFICE, OUT_AT, correction, fields, punch, record
from tests.support.people import ANN, BOB
from tests.support.records import punch_data

GONE = f"door-1/{EPOCH}/999"


def only(*records: Record) -> Effective:
    (view,) = effective(records, records)
    return view


def counts(view: Effective) -> tuple:
    return view.state, view.direction, view.at


def test_a_punch_that_nobody_corrected_counts_as_it_is():
    view = only(original := punch(1))
    assert counts(view) == (PunchState.AS_RECORDED, Direction.IN, IN_AT)
    assert (view.id, view.person, view.original, view.deciding, view.corrections) == (
        original.id, ANN, original, None, ()
    )  # fmt: skip
    assert (view.worker, view.employer, view.disputed) == (None, None, False)


def test_an_amendment_changes_what_it_names_and_the_original_stays():
    original = punch(1)
    view = only(original, word := correction(2, "amended", original, direction="out"))
    assert counts(view) == (PunchState.AMENDED, Direction.OUT, IN_AT)
    assert (view.original, view.deciding, view.corrections) == (original, word, (word,))
    view = only(original, correction(2, "amended", original, at=OUT_AT))
    assert counts(view) == (PunchState.AMENDED, Direction.IN, OUT_AT)


def test_an_activity_goes_with_the_direction_that_counts():
    original = record(1, Kind.PUNCH, punch_data(ANN, "out", activity="break"))
    assert only(original).activity is Activity.BREAK
    assert only(original, correction(2, "amended", original, at=OUT_AT)).activity is Activity.BREAK
    assert only(original, correction(2, "amended", original, direction="out")).activity is None, "it means work"
    assert only(original, correction(2, "voided", original)).activity is None
    work = punch(1)
    changed = correction(2, "amended", work, direction="out", activity="break")
    assert only(work, changed).activity is Activity.BREAK
    assert only(work, changed, correction(3, "amended", changed, at=OUT_AT)).activity is Activity.BREAK
    assert only(work, changed, correction(3, "voided", changed)).activity is None
    added = correction(1, "added", direction="out", activity="break", at=OUT_AT)
    assert only(added).activity is Activity.BREAK


def test_a_voided_punch_does_not_count():
    original = punch(1)
    view = only(original, correction(2, "voided", original))
    assert counts(view) == (PunchState.VOIDED, None, None)
    assert view.original == original


def test_an_added_punch_counts_under_the_corrections_id():
    added = correction(1, "added", direction="out", at=OUT_AT)
    view = only(added)
    assert counts(view) == (PunchState.ADDED, Direction.OUT, OUT_AT)
    assert (view.id, view.original, view.deciding) == (added.id, None, added)


def test_the_later_of_two_that_point_at_the_punch_stands_alone():
    original = punch(1)
    first = correction(2, "amended", original, direction="out")
    second = correction(3, "amended", original, at=OUT_AT)
    view = only(original, first, second)
    assert counts(view) == (PunchState.AMENDED, Direction.IN, OUT_AT)
    assert (view.deciding, view.corrections) == (second, (first, second))


def test_one_that_points_at_a_correction_builds_on_it():
    original = punch(1)
    first = correction(2, "amended", original, direction="out")
    view = only(original, first, second := correction(3, "amended", first, at=OUT_AT))
    assert counts(view) == (PunchState.AMENDED, Direction.OUT, OUT_AT)
    assert view.deciding == second


def test_voiding_a_correction_brings_back_what_counted_before():
    original = punch(1)
    first = correction(2, "amended", original, at=OUT_AT)
    second = correction(3, "amended", original, direction="out")
    back = correction(4, "voided", second)
    assert counts(only(original, first, second, back)) == (PunchState.AMENDED, Direction.IN, OUT_AT)
    view = only(original, first, taken := correction(5, "voided", first, employer="disputes"))
    assert counts(view) == (PunchState.AS_RECORDED, Direction.IN, IN_AT)
    assert (view.deciding, view.disputed) == (taken, True)


def test_a_void_that_is_voided_lets_the_punch_count_again():
    original = punch(1)
    void = correction(2, "voided", original)
    assert counts(only(original, void, correction(3, "voided", void))) == (
        PunchState.AS_RECORDED,
        Direction.IN,
        IN_AT,
    )
    assert counts(only(original, void, correction(3, "amended", void, direction="out")))[0] == PunchState.AMENDED


def test_an_added_punch_is_amended_and_voided_like_another():
    added = correction(1, "added", direction="out", at=OUT_AT)
    amended = correction(2, "amended", added, at=LATER)
    assert counts(only(added, amended)) == (PunchState.ADDED, Direction.OUT, LATER)
    assert counts(only(added, amended, correction(3, "voided", added))) == (PunchState.VOIDED, None, None)


def test_of_worker_and_employer_the_last_statement_counts():
    original = punch(1)
    change = correction(2, "amended", original, at=OUT_AT, worker="not-heard", employer="asked")
    assert (only(original, change).worker, only(original, change).disputed) == (CorrectionSide.NOT_HEARD, False)
    no = correction(3, "statement", change, worker="disputes", employer="not-heard")
    view = only(original, change, no)
    assert (view.worker, view.employer, view.disputed) == (CorrectionSide.DISPUTES, CorrectionSide.ASKED, True)
    assert counts(view) == (PunchState.AMENDED, Direction.IN, OUT_AT)
    yes = correction(4, "statement", no, worker="agrees", employer="not-heard")
    view = only(original, change, no, yes)
    assert (view.worker, view.employer, view.disputed) == (CorrectionSide.AGREES, CorrectionSide.ASKED, False)
    assert view.corrections == (change, no, yes)


def test_a_statement_on_what_no_longer_stands_disputes_nothing():
    original = punch(1)
    first = correction(2, "amended", original, at=OUT_AT)
    no = correction(3, "statement", first, worker="disputes")
    view = only(original, first, no, correction(4, "amended", original, at=LATER))
    assert (view.worker, view.disputed) == (CorrectionSide.ASKED, False)


def test_within_a_chain_seq_says_what_is_later_even_when_the_clock_went_back():
    original = punch(1)
    first = correction(2, "amended", original, at=OUT_AT, utc="2027-01-01T00:00:00.000Z")
    second = correction(3, "voided", original, utc="2026-01-01T00:00:00.000Z")
    assert only(original, first, second).state == PunchState.VOIDED


def test_between_terminals_and_epochs_time_says_it():
    original = punch(1)
    earlier = correction(9, "voided", original, origin=OFFICE, utc=OUT_AT)
    later = correction(2, "amended", original, epoch="f" * 32, direction="out", utc=LATER)
    assert only(original, later, earlier).deciding == later


@pytest.mark.parametrize(
    ("word", "why"),
    [
        (correction(2, "voided", GONE), "not here"),
        (correction(2, "voided", punch(1), person=BOB), "another person"),
        (correction(2, "statement", punch(1)), "about a correction"),
        (correction(2, "voided", f"door-1/{EPOCH}/2"), "does not count itself"),
        (correction(2, "amended", punch(1)), "one of them"),
        (correction(2, "added", punch(1), direction="in", at=OUT_AT), "points at nothing"),
        (correction(2, "added", direction="in"), "needs it"),
        (correction(2, "voided"), "needs the id"),
        (correction(2, "voided", punch(1), at=OUT_AT), "does not change it"),
    ],
)
def test_what_cannot_count_changes_nothing_and_is_named(word: Record, why: str):
    original = punch(1)
    views = {view.id: view for view in effective([original], [word])}
    assert counts(views[original.id]) == (PunchState.AS_RECORDED, Direction.IN, IN_AT)
    assert counts(views[word.id]) == (PunchState.UNATTACHED, None, None)
    assert why in (views[word.id].note or "")
    assert (views[word.id].deciding, views[word.id].disputed) == (word, False)


def test_a_correction_counts_once_its_record_has_come():
    word = correction(2, "voided", punch(1))
    assert only(word).state == PunchState.UNATTACHED
    assert only(word, punch(1)).state == PunchState.VOIDED


def test_corrections_that_point_at_each_other_end_nowhere():
    one = correction(2, "voided", f"door-1/{EPOCH}/3")
    two = correction(3, "voided", f"door-1/{EPOCH}/2")
    assert [view.state for view in effective([], [one, two])] == [PunchState.UNATTACHED] * 2


def test_a_line_of_ten_thousand_corrections_is_read():
    said = [punch(1)]
    for seq in range(2, 10_002):
        said.append(correction(seq, "voided", said[-1]))
    assert only(*said).state == PunchState.AS_RECORDED  # an even number of times taken back


def test_of_a_fork_one_is_taken_whatever_the_order():
    one, other = punch(1), punch(1, direction="out")
    assert effective([one, other], []) == effective([other, one], [])
    assert len(effective([one, other, one], [])) == 1


def test_other_kinds_are_passed_over():
    repeated = record(2, Kind.SUPPRESSED, {**punch(1).data, "duplicate_of": 1})
    assert effective([repeated], [repeated, punch(1)]) == []


@given(st.randoms(use_true_random=False), st.integers(1, 12))
def test_neither_order_nor_repetition_changes_the_hours(chance: random.Random, size: int):
    said: list[Record] = [punch(1), punch(2, OUT_AT, "out"), punch(1, person=BOB, origin=OFFICE)]
    for seq in range(3, 3 + size):
        change = chance.choice(["amended", "voided", "added", "statement"])
        given_at = {"direction": "in", "at": OUT_AT} if change in {"amended", "added"} else {}
        target = None if change == "added" else chance.choice([*said, GONE])
        place = {"origin": chance.choice([DOOR, OFFICE]), "utc": chance.choice([IN_AT, OUT_AT, LATER])}
        said.append(correction(seq, change, target, person=chance.choice([ANN, ANN, BOB]), **given_at, **place))
    expected = effective(said, said)
    mixed = said + chance.choices(said, k=size)
    chance.shuffle(mixed)
    assert effective(mixed, mixed) == expected
    roots = {r.id for r in said if r.kind == Kind.PUNCH}
    assert {view.id for view in expected if view.original is not None} == roots
    placed = [one.id for view in expected for one in view.corrections]
    assert sorted(placed) == sorted(r.id for r in said if r.kind == Kind.CORRECTION)  # each in one place, none lost


def test_problems_are_all_listed_and_a_sound_one_has_none():
    assert problems(fields("amended", punch(1), at=OUT_AT)) == []
    assert problems(fields("statement", GONE)) == []
    assert problems(fields("added", direction="in", at=OUT_AT)) == []
    found = problems({**fields("moved"), "person": "x", "at": "2026-02-30T00:00:00.000Z"})
    assert [line.split(":")[0] for line in found] == ["person", "change", "at"]
    assert {line.split(":")[0] for line in problems({})} == set(FIELDS[Kind.CORRECTION])
    assert "change: must be amended, voided, added or statement" in problems({})
    assert len(problems(fields("added", GONE))) == 3
    assert problems(fields("amended", GONE, direction="out", activity="break")) == []
    for change in ("amended", "voided", "statement"):
        (said,) = problems(fields(change, GONE, at=OUT_AT if change == "amended" else None, activity="break"))
        assert said.startswith("activity, direction: an activity needs the direction")
    (said,) = problems(fields("amended", GONE, direction="out", activity="lunch"))
    assert said == "activity: must be break, or left out"
    assert problems(fields("statement", GONE, worker="not-heard", employer="not-heard"))


def test_what_may_be_corrected():
    original = punch(1)
    assert problems_with(fields("voided", original), original) == []
    change = correction(2, "voided", original)
    assert problems_with(fields("statement", change), change) == []
    boot = record(3, Kind.BOOT, {"version": "1", "models": []})
    assert "only a punch" in problems_with(fields("voided", boot), boot)[0]
    word = correction(4, "statement", change)
    assert problems_with(fields("voided", word), word)
    assert problems_with(fields("voided", original), replace(original, data={**original.data, "person": BOB}))


def test_all_that_lacks_is_said_at_once():
    said = problems({"change": "added", "corrects": None, "direction": None, "at": None})
    assert {line.partition(":")[0] for line in said} == {
        "person",
        "reason",
        "worker",
        "employer",
        "direction",
        "at",
    }
