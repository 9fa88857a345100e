"""Presses on the whole loop, against a real journal: whose punch a press belongs to, and what it makes of it."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.domain.attendance.cues import CueName
from edge.domain.attendance.presses import AFTER_MS, STUCK_MS, WAITS_MS, Contact, ContactChange
from edge.domain.attendance.states import Fault, State
from edge.domain.attendance.tamper import CLOSED_MS
from edge.domain.people.credentials import Read, Token
from edge.domain.protocol.record import Record
from edge.domain.protocol.record_kinds import Kind
from edge.domain.vocabulary import Button, ErasureReason
from edge.terminal.attendance.button_presses import ButtonPresses
from edge.terminal.runtime.alarms import Alarm
from edge.terminal.runtime.status_source import StatusSources
from tests.support.door import ANN, BOB, STRANGER, Door

IN, OUT, BREAK = Button
SECOND = 1_000


@pytest.fixture
def make(tmp_path: Path, photos: Path) -> Iterator[Callable[..., Door]]:
    doors: list[Door] = []

    def making(**choices: object) -> Door:
        doors.append(Door(tmp_path / str(len(doors)), photos, buttons=True, **{"window_s": 60.0, **choices}))
        return doors[-1]

    yield making
    for door in doors:
        door.attend.close()


@pytest.fixture
def door(make: Callable[..., Door]) -> Door:
    return make()


@pytest.fixture
def asking(make: Callable[..., Door]) -> Door:
    """A door at which nothing may be guessed."""
    return make(ask=True)


def said(record: Record) -> tuple[object, ...]:
    """What a punch or correction says."""
    data = record.data
    return record.kind, data["person"], data["direction"], data.get("direction_source"), data.get("activity")


def badge(door: Door, number: str = "4711") -> None:
    door.reads.put(Read(Token.BADGE, number))


@pytest.mark.parametrize(
    ("button", "direction", "activity", "waits", "shown"),
    [
        (IN, "in", None, CueName.PRESSED_IN, CueName.IN),
        (OUT, "out", None, CueName.PRESSED_OUT, CueName.OUT),
        (BREAK, "out", "break", CueName.PRESSED_BREAK, CueName.BREAK_BEGINS),
    ],
)
def test_a_press_before_the_face_says_what_the_punch_means(door, button, direction, activity, waits, shown) -> None:
    door.press(button)
    door.show(None, 300)
    assert door.cue is waits
    door.show(ANN, SECOND)
    assert door.cue is shown
    (punch,) = door.records()
    assert said(punch) == ("punch", door.ann, direction, "pressed", activity)


def test_a_press_counts_for_a_badge_and_for_a_pin_too(door: Door) -> None:
    door.press(OUT)
    badge(door)
    door.show(None, 300)
    door.show(None, 10 * SECOND)
    door.reads.put(Read(Token.NUMBER, "77002"))
    door.show(None, 200)
    assert door.cue is CueName.ENTER_PIN
    door.press(OUT)
    door.show(None, 300)
    assert door.cue is CueName.ENTER_PIN, "the question stays"
    door.show(None, 9 * SECOND)
    door.reads.put(Read(Token.NUMBER, "271828"))
    door.show(None, 200)
    assert [said(one)[1:4] for one in door.records()] == [
        (door.ann, "out", "pressed"),
        (door.bob, "out", "pressed"),
    ], "the press waits as long as the PIN is awaited"


def test_the_press_waits_as_long_as_the_question_that_follows_it(door: Door) -> None:
    door.press(OUT)
    door.show(None, 6 * SECOND)
    door.reads.put(Read(Token.NUMBER, "77002"))
    door.show(None, 10 * SECOND)
    door.reads.put(Read(Token.NUMBER, "271828"))
    door.show(None, 200)
    assert [said(one) for one in door.records()] == [("punch", door.bob, "out", "pressed", None)]


def test_a_press_without_a_face_ends_after_eight_seconds_and_is_dark_then(door: Door) -> None:
    door.press(OUT)
    door.show(None, WAITS_MS - 300)
    assert door.cue is CueName.PRESSED_OUT
    door.show(None, 400)
    assert door.cue is CueName.IDLE
    door.show(ANN, SECOND)
    assert [said(one) for one in door.records()] == [("punch", door.ann, "in", "alternated", None)]


def test_a_press_counts_for_one_punch_alone(door: Door) -> None:
    door.press(OUT)
    door.show(ANN, SECOND)
    door.show(None, SECOND)
    door.show(BOB, SECOND)
    assert [said(one)[1:4] for one in door.records()] == [
        (door.ann, "out", "pressed"),
        (door.bob, "in", "alternated"),
    ]


def test_of_two_presses_the_later_one_counts(door: Door) -> None:
    door.press(OUT)
    door.show(None, 500)
    door.press(IN)
    door.show(None, 300)
    assert door.cue is CueName.PRESSED_IN
    door.show(ANN, SECOND)
    assert [said(one)[2] for one in door.records()] == ["in"]


def test_of_several_pressed_together_none_counts_and_a_cue_says_so(door: Door) -> None:
    door.press(OUT)
    door.show(None, 300)
    door.change(Contact.IN, True)
    door.change(Contact.BREAK, True)
    door.show(None, 100)
    assert door.cue is CueName.ONE_BUTTON
    door.show(ANN, SECOND)
    assert [said(one) for one in door.records()] == [("punch", door.ann, "in", "alternated", None)]
    assert door.attend.tally.refused == {"several-buttons": 1}


def test_a_refusal_does_not_end_the_press_and_the_lights_come_back_to_it(door: Door) -> None:
    door.press(OUT)
    door.show(STRANGER, 3 * SECOND)
    assert door.cue is CueName.REFUSED
    door.show(STRANGER, 2 * SECOND)
    assert door.cue is CueName.PRESSED_OUT
    badge(door)
    door.show(STRANGER, 200)
    assert [said(one)[2:4] for one in door.records()] == [("out", "pressed")]


@pytest.mark.parametrize("after_ms", [0, 1_500, AFTER_MS - 300])
def test_a_press_after_the_punch_corrects_it(door: Door, after_ms: int) -> None:
    door.show(ANN, 300)
    assert door.cue is CueName.IN
    door.show(ANN, after_ms)
    assert door.cue is CueName.IN, "as long as a press can change it"
    door.press(OUT)
    door.show(ANN, 200)
    assert door.cue is CueName.OUT
    punch, correction = door.records()
    assert said(punch) == ("punch", door.ann, "in", "alternated", None)
    journal = door.attend._journal
    assert correction.data == {
        "person": door.ann, "change": "amended", "direction": "out", "at": None, "reason": "wrong-direction",
        "corrects": f"{journal.origin.terminal}/{journal.epoch}/{punch.position.seq}",
        "worker": "asked", "employer": "not-heard",
    }  # fmt: skip
    door.show(None, 90 * SECOND)
    door.show(ANN, SECOND)
    assert said(door.records()[-1])[2] == "in", "the next punch follows what was corrected"


def test_a_press_after_the_time_of_the_cue_waits_for_the_next_punch(door: Door) -> None:
    door.show(ANN, 300)
    door.show(ANN, AFTER_MS)
    assert door.cue is CueName.IDLE
    door.press(OUT)
    door.show(ANN, 400)
    assert door.cue is CueName.PRESSED_OUT
    assert len(door.records()) == 1


@pytest.mark.parametrize(
    ("first", "then", "expected"),
    [
        (OUT, BREAK, [("out", "break")]),
        (BREAK, OUT, [("out", None)]),
        (IN, BREAK, [("out", "break")]),
        (BREAK, IN, [("in", None)]),
        (IN, IN, []),
        (BREAK, BREAK, []),
    ],
)
def test_a_correction_says_direction_and_activity(door: Door, first: Button, then: Button, expected) -> None:
    door.press(first)
    door.show(ANN, 600)
    door.press(then)
    door.show(ANN, 300)
    _, *corrections = door.records()
    assert [(one.data["direction"], one.data.get("activity")) for one in corrections] == expected


def test_a_break_ends_by_its_button_by_in_and_by_no_button(door: Door) -> None:
    for button, shown in [
        (IN, CueName.IN),
        (BREAK, CueName.BREAK_BEGINS),
        (BREAK, CueName.BREAK_ENDS),
        (BREAK, CueName.BREAK_BEGINS),
        (IN, CueName.BREAK_ENDS),
        (BREAK, CueName.BREAK_BEGINS),
        (None, CueName.BREAK_ENDS),
        (OUT, CueName.OUT),
    ]:
        if button is not None:
            door.press(button)
        door.show(ANN, SECOND)
        assert door.cue is shown
        door.show(None, 70 * SECOND)


def test_who_changes_their_mind_twice_is_followed_and_the_time_is_not_renewed(door: Door) -> None:
    door.show(ANN, 300)
    for button in (OUT, BREAK, IN, OUT):
        door.press(button)
        door.show(ANN, 400)
    assert [said(one)[2] for one in door.records()] == ["in", "out", "out", "in", "out"]
    door.show(ANN, AFTER_MS)
    door.press(IN)
    door.show(ANN, 400)
    assert len(door.records()) == 5


def test_the_next_persons_press_does_not_change_the_punch_before(door: Door) -> None:
    door.show(ANN, 300)
    door.show(None, 800)
    door.show(BOB, 100)
    door.press(OUT)
    door.show(BOB, SECOND)
    first, second = door.records()
    assert said(first) == ("punch", door.ann, "in", "alternated", None)
    assert said(second) == ("punch", door.bob, "out", "pressed", None)


def test_who_takes_the_place_without_a_gap_has_their_own_press(door: Door) -> None:
    door.show(ANN, 300)
    door.show(BOB, 300)
    door.press(OUT)
    door.show(BOB, SECOND)
    assert [(one.kind, one.data["person"]) for one in door.records() if one.data["direction"] == "out"] in (
        [("punch", door.bob)],
        [("correction", door.bob)],
    )
    assert said(door.records()[0]) == ("punch", door.ann, "in", "alternated", None)


def pin(door: Door) -> None:
    door.reads.put(Read(Token.NUMBER, "77002"))
    door.show(None, 200)
    door.reads.put(Read(Token.NUMBER, "271828"))
    door.show(None, 200)


def kinds(door: Door) -> list[tuple[object, ...]]:
    """Kind, person and direction of every record."""
    return [(one.kind, one.data["person"], one.data["direction"]) for one in door.records()]


def test_whom_no_camera_sees_shows_the_badge_again_to_correct(door: Door) -> None:
    badge(door)
    door.show(None, 200)
    assert door.cue is CueName.IN
    door.press(OUT)
    door.show(None, SECOND)
    assert door.cue is CueName.PRESSED_OUT, "it asks whose press it is"
    badge(door)
    door.show(None, 200)
    assert door.cue is CueName.OUT
    door.press(BREAK)
    door.show(None, 400)
    badge(door)
    door.show(None, 200)
    assert door.cue is CueName.BREAK_BEGINS, "and again, within the same 3 s"
    assert kinds(door) == [
        ("punch", door.ann, "in"),
        ("correction", door.ann, "out"),
        ("correction", door.ann, "out"),
    ]
    assert door.records()[0].data["direction_source"] == "alternated"


def test_who_typed_a_pin_types_it_again_to_correct(door: Door) -> None:
    pin(door)
    door.press(OUT)
    door.show(None, SECOND)
    pin(door)
    assert kinds(door) == [("punch", door.bob, "in"), ("correction", door.bob, "out")]


@pytest.mark.parametrize("come", [lambda door: badge(door, "4712"), pin], ids=["badge", "PIN"])
def test_the_next_person_who_presses_before_their_badge_changes_nobody_elses_punch(door: Door, come) -> None:
    """Two seconds after the green light of the person before, at a terminal that sees nobody."""
    badge(door)
    door.show(None, 2 * SECOND)
    door.press(OUT)
    door.show(None, 500)
    come(door)
    door.show(None, 200)
    assert kinds(door) == [("punch", door.ann, "in"), ("punch", door.bob, "out")]
    assert door.records()[1].data["direction_source"] == "pressed"
    door.show(None, 90 * SECOND)
    badge(door)
    door.show(None, 200)
    assert kinds(door)[-1] == ("punch", door.ann, "out"), "she is still in, and goes"


def test_a_press_in_doubt_that_nobody_follows_changes_nothing(door: Door) -> None:
    badge(door)
    door.show(None, SECOND)
    door.press(OUT)
    door.show(None, WAITS_MS + SECOND)
    badge(door)
    door.show(None, 200)
    assert door.cue is CueName.ALREADY_IN
    assert [one.kind for one in door.records()] == ["punch", "suppressed"]


def test_a_doubt_ends_with_another_persons_badge(door: Door) -> None:
    badge(door)
    door.show(None, SECOND)
    door.press(OUT)
    door.show(None, 300)
    badge(door, "4712")
    door.show(None, 300)
    badge(door)
    door.show(None, 200)
    assert kinds(door)[:2] == [("punch", door.ann, "in"), ("punch", door.bob, "out")]
    assert "correction" not in [one.kind for one in door.records()]


def test_a_press_after_a_repetition_that_no_camera_saw_makes_a_punch_with_the_badge_again(door: Door) -> None:
    badge(door)
    door.show(None, 5 * SECOND)
    badge(door)
    door.show(None, 300)
    assert door.cue is CueName.ALREADY_IN
    door.press(OUT)
    door.show(None, 500)
    assert len(door.records()) == 2, "whose press it is, nobody knows yet"
    badge(door)
    door.show(None, 300)
    assert door.cue is CueName.OUT
    assert [one.kind for one in door.records()] == ["punch", "suppressed", "punch"]


def test_a_badge_that_is_held_to_the_reader_while_its_person_presses_is_shown_again(door: Door) -> None:
    for _ in range(4):
        badge(door)
        door.show(None, 500)
    door.press(OUT)
    for _ in range(3):
        badge(door)
        door.show(None, 500)
    assert kinds(door) == [("punch", door.ann, "in"), ("correction", door.ann, "out")]


def test_a_badge_beside_a_face_that_stays_needs_no_second_showing(door: Door) -> None:
    door.show(STRANGER, 300)
    badge(door)
    door.show(STRANGER, 200)
    door.press(OUT)
    door.show(STRANGER, 300)
    assert kinds(door) == [("punch", door.ann, "in"), ("correction", door.ann, "out")]


def test_a_face_that_was_not_there_at_the_badge_corrects_when_it_is_the_same_person(door: Door) -> None:
    badge(door)
    door.show(None, 500)
    door.press(OUT)
    door.show(ANN, SECOND)
    assert kinds(door) == [("punch", door.ann, "in"), ("correction", door.ann, "out")]


def test_another_badge_ends_the_time_in_which_a_press_changes_the_punch(door: Door) -> None:
    badge(door)
    door.show(None, 200)
    badge(door, "999")
    door.show(None, 200)
    door.press(OUT)
    door.show(None, 300)
    assert [said(one)[2] for one in door.records()] == ["in"]


def test_a_face_that_looks_down_at_the_buttons_may_correct(door: Door) -> None:
    door.show(ANN, 300)
    door.show(None, SECOND)
    door.press(OUT)
    door.show(None, 300)
    assert [one.kind for one in door.records()] == ["punch", "correction"]


def test_a_press_after_a_repetition_makes_a_punch_of_it(door: Door) -> None:
    door.show(ANN, 300)
    door.show(None, 5 * SECOND)
    door.show(ANN, 300)
    assert door.cue is CueName.ALREADY_IN
    door.press(OUT)
    door.show(ANN, 300)
    assert door.cue is CueName.OUT
    assert [said(one)[:4:2] for one in door.records()] == [("punch", "in"), ("suppressed", "in"), ("punch", "out")]


def test_a_lingering_person_is_never_toggled_whatever_others_press(door: Door) -> None:
    door.show(ANN, 500)
    for minute in range(60):
        door.show(ANN, 59 * SECOND, 500)
        if minute % 5 == 4:
            door.press(Button(list(Button)[minute // 5 % 3]))
        door.show(ANN, SECOND)
    assert [said(one) for one in door.records()] == [("punch", door.ann, "in", "alternated", None)]


def test_where_nothing_may_be_guessed_a_face_alone_asks_for_a_press(asking: Door) -> None:
    asking.show(ANN, 300)
    assert asking.cue is CueName.PRESS_BUTTON
    assert asking.records() == []
    asking.show(ANN, 5 * SECOND)
    assert asking.cue is CueName.PRESS_BUTTON
    asking.press(OUT)
    asking.show(ANN, 300)
    assert asking.cue is CueName.OUT
    assert [said(one) for one in asking.records()] == [("punch", asking.ann, "out", "pressed", None)]


def test_where_nothing_may_be_guessed_a_badge_asks_too_and_a_press_before_it_answers(asking: Door) -> None:
    badge(asking)
    asking.show(None, 200)
    assert asking.cue is CueName.PRESS_BUTTON
    asking.press(IN)
    asking.show(None, 300)
    asking.press(OUT)
    badge(asking, "4712")
    asking.show(None, 500)
    assert [said(one)[:4] for one in asking.records()][:1] == [("punch", asking.ann, "in", "pressed")]


def test_a_face_that_leaves_before_the_press_ends_the_question(asking: Door) -> None:
    asking.show(ANN, 300)
    asking.show(None, 900)
    assert asking.cue is CueName.IDLE
    asking.press(OUT)
    asking.show(None, 300)
    assert asking.records() == []
    assert asking.cue is CueName.PRESSED_OUT
    asking.show(BOB, SECOND)
    assert [said(one)[1] for one in asking.records()] == [asking.bob]


def test_nobody_presses_for_somebody_else_where_nothing_may_be_guessed(asking: Door) -> None:
    asking.show(ANN, 300)
    asking.show(BOB, 300)
    asking.press(OUT)
    asking.show(BOB, SECOND)
    assert {said(one)[1] for one in asking.records()} == {asking.bob}


def test_a_question_without_a_press_ends_and_lingering_starts_it_no_more(asking: Door) -> None:
    asking.show(ANN, 300)
    asking.show(ANN, WAITS_MS)
    assert asking.cue is CueName.IDLE
    asking.show(ANN, 60 * SECOND, 500)
    asking.press(OUT)
    asking.show(ANN, SECOND)
    assert asking.records() == []
    asking.show(None, SECOND)
    asking.show(ANN, SECOND)
    assert [said(one)[2] for one in asking.records()] == ["out"]


def test_several_buttons_do_not_end_the_question(asking: Door) -> None:
    asking.show(ANN, 300)
    asking.change(Contact.IN, True)
    asking.change(Contact.OUT, True)
    asking.change(Contact.IN, False)
    asking.change(Contact.OUT, False)
    asking.show(ANN, 200)
    assert asking.cue is CueName.ONE_BUTTON
    asking.show(ANN, 2_100)
    assert asking.cue is CueName.PRESS_BUTTON
    asking.press(OUT)
    asking.show(ANN, 300)
    assert [said(one)[2] for one in asking.records()] == ["out"]


def test_presses_out_of_service_and_from_before_the_start_are_dropped(door: Door, tmp_path: Path) -> None:
    door.attend._health.set_fault(Fault.JOURNAL_FULL, True)
    door.press(OUT)
    door.show(None, 300)
    assert door.attend._situation.state is State.OUT_OF_SERVICE
    door.attend._health.set_fault(Fault.JOURNAL_FULL, False)
    door.show(ANN, SECOND)
    assert [said(one)[3] for one in door.records()] == ["alternated"]


def test_a_button_that_was_held_before_the_buttons_were_opened_is_no_press(door: Door) -> None:
    door.changes.put((ContactChange(Contact.OUT, True, first=True), door.clock.ms))
    door.show(None, 300)
    assert door.cue is CueName.IDLE
    door.show(ANN, SECOND)
    assert [said(one)[3] for one in door.records()] == ["alternated"]


def test_a_person_whose_consent_ended_while_the_press_was_awaited_is_refused(asking: Door) -> None:
    asking.show(ANN, 300)
    assert asking.cue is CueName.PRESS_BUTTON
    with asking.attend._open_people() as people:
        people.erase(asking.ann, "2026-03-02T08:00:00Z", "requested")
    asking.press(OUT)
    asking.show(ANN, 300)
    assert asking.cue is CueName.REFUSED
    assert [one for one in asking.records() if one.kind == Kind.PUNCH] == []


def test_presses_from_before_the_start_are_dropped(door: Door) -> None:
    door.press(OUT)
    door.attend._presses.open(door.attend._journal, door.attend._recorder, door.clock.ms)
    door.show(ANN, SECOND)
    assert [said(one)[3] for one in door.records()] == ["alternated"]


def test_a_press_that_cannot_be_recorded_changes_no_light_to_green(door: Door) -> None:
    door.show(ANN, 300)
    door.attend._journal._db.execute("PRAGMA query_only = ON")
    door.press(OUT)
    door.show(ANN, 300)
    assert door.attend._situation.state is State.OUT_OF_SERVICE
    door.attend._journal._db.execute("PRAGMA query_only = OFF")
    assert [one.kind for one in door.records()] == ["punch"]


def test_the_correction_is_on_the_disk_before_the_cue_changes(door: Door, monkeypatch) -> None:
    door.show(ANN, 300)
    shown: list[tuple[CueName, int]] = []
    show = door.attend._player.show
    monkeypatch.setattr(
        door.attend._player,
        "show",
        lambda cue, until_ms: (shown.append((cue.name, len(door.records()))), show(cue, until_ms)),
    )
    door.press(OUT)
    door.show(ANN, 300)
    assert shown == [(CueName.OUT, 2)]


def test_a_button_that_is_held_for_an_hour_is_one_press_and_an_alarm(door: Door) -> None:
    door.change(Contact.OUT, True)
    door.show(None, 300)
    assert door.cue is CueName.PRESSED_OUT
    door.show(None, STUCK_MS, 500)
    assert Alarm.BUTTON_STUCK in door.attend.alarms
    door.show(None, 3_600_000, 1_000)
    assert door.cue is CueName.IDLE
    assert door.attend.counters()["presses"] == 1
    door.press(IN)
    door.show(ANN, SECOND)
    assert [said(one)[2:4] for one in door.records()] == [("in", "pressed")], "the others go on"
    door.change(Contact.OUT, False)
    door.show(None, 1_500)
    assert Alarm.BUTTON_STUCK not in door.attend.alarms


def test_an_opened_box_is_a_record_and_an_alarm_while_it_is_open(door: Door) -> None:
    door.change(Contact.TAMPER, True)
    door.show(None, 200)
    assert Alarm.TAMPER_OPEN in door.attend.alarms
    door.change(Contact.TAMPER, False)
    door.show(None, CLOSED_MS + 200)
    assert Alarm.TAMPER_OPEN not in door.attend.alarms
    assert [(one.kind, one.data) for one in door.records()] == [
        (Kind.TAMPER, {"state": "opened"}),
        (Kind.TAMPER, {"state": "closed"}),
    ]


def restarted(door: Door) -> None:
    """Presses as a new start has them, on the same journal; the switch tells its level first."""
    presses = ButtonPresses(door.changes, door.attend._rules.direction)
    presses.open(door.attend._journal, door.attend._recorder, door.clock.ms)
    door.attend._presses = presses
    door.attend._parts = StatusSources(presses)


def test_a_box_whose_opener_pulled_the_plug_is_open_until_its_closing_lasts(door: Door) -> None:
    door.change(Contact.TAMPER, True)
    door.show(None, 200)
    restarted(door)
    door.changes.put((ContactChange(Contact.TAMPER, False, first=True), door.clock.ms))
    door.show(None, 200)
    assert Alarm.TAMPER_OPEN in door.attend.alarms
    door.show(None, CLOSED_MS + 200, 500)
    assert Alarm.TAMPER_OPEN not in door.attend.alarms
    assert [one.data["state"] for one in door.records()] == ["opened", "closed"]
    restarted(door)
    door.changes.put((ContactChange(Contact.TAMPER, False, first=True), door.clock.ms))
    door.show(None, CLOSED_MS + 200, 500)
    assert [one.data["state"] for one in door.records()] == ["opened", "closed"], "a box that is closed is no news"


def test_a_box_that_is_opened_while_the_disk_takes_nothing_is_recorded_later(door: Door) -> None:
    door.attend._journal._db.execute("PRAGMA query_only = ON")
    door.change(Contact.TAMPER, True)
    door.show(None, 2_000)
    assert door.attend._situation.state is State.OUT_OF_SERVICE
    door.change(Contact.TAMPER, False)
    door.show(None, CLOSED_MS + 1_000, 500)
    door.attend._journal._db.execute("PRAGMA query_only = OFF")
    door.show(None, 2_000)
    assert [one.data["state"] for one in door.records()] == ["opened", "closed"]


def test_without_buttons_the_cue_of_a_punch_is_as_long_as_ever(tmp_path: Path, photos: Path) -> None:
    door = Door(tmp_path, photos)
    door.show(ANN, 300)
    assert door.cue is CueName.IN
    door.show(ANN, 1_700)
    assert door.cue is CueName.IDLE
    assert "presses" not in door.attend.counters()
    door.attend.close()


def test_every_order_of_a_press_and_a_face_gives_what_was_pressed(make: Callable[..., Door]) -> None:
    """Hours after the corrections: the press counts, whether it comes before, with or after the face."""
    for gap_ms, button in itertools.product((-2_000, -100, 0, 100, 2_000), (OUT, BREAK)):
        door = make()
        if gap_ms < 0:
            door.press(button)
            door.show(None, -gap_ms)
        door.show(ANN, 300)
        if gap_ms >= 0:
            door.show(ANN, gap_ms)
            door.press(button)
        door.show(ANN, 600)
        last = door.records()[-1]
        assert (last.data["direction"], last.data.get("activity")) == (
            "out",
            "break" if button is BREAK else None,
        ), (gap_ms, button)


def test_a_person_of_a_badge_who_is_erased_while_the_press_is_awaited_is_refused(asking: Door) -> None:
    badge(asking)
    asking.show(None, 300)
    assert asking.cue is CueName.PRESS_BUTTON
    asking.attend._people.erase(asking.ann, "2026-03-02T08:00:00.000Z", ErasureReason.EMPLOYER)
    asking.press(OUT)
    asking.show(None, 300)
    assert asking.records() == []
    assert asking.cue not in {CueName.IN, CueName.OUT}


def test_a_button_that_is_hammered_keeps_no_badge_waiting(door: Door) -> None:
    badge(door)
    for _ in range(8):
        door.change(Contact.OUT, True)
        door.clock.passes(0.02)
        door.attend.run_once()
        door.change(Contact.OUT, False)
        door.clock.passes(0.115)
        door.attend.run_once()
    assert [said(one)[1:3] for one in door.records()] == [(door.ann, "out")]
