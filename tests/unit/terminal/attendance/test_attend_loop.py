"""Who stays before the camera, frame by frame, against a real journal: nobody else waits for it."""

from pathlib import Path

import numpy as np
import pytest

from edge.domain.attendance.states import State
from edge.domain.people.credentials import Read, Token
from edge.domain.recognition.head_turn import Challenge, Side
from edge.domain.vocabulary import Method
from edge.people.person import new_person_id
from edge.terminal.attendance.punch_recorder import Identified
from edge.terminal.outbox.flush import flush
from edge.terminal.runtime.alarms import Alarm
from tests.support.door import ANN, BOX, STRANGER, Door


@pytest.fixture
def door(tmp_path: Path, photos: Path):
    made = Door(tmp_path, photos)
    yield made
    made.attend.close()


def test_while_somebody_unknown_stays_every_colleague_is_let_in_at_once(door: Door) -> None:
    for visit in range(1, 8):
        door.show(STRANGER, 14_000)
        door.show(ANN, 1_000)
        assert door.punches() == visit, "within a second, whatever the stranger tried before"
    assert door.attend.counters()["lockouts"] >= 1
    assert door.attend.tally.refused["paused"] >= 1


def test_a_stranger_who_comes_again_and_again_keeps_nobody_out(door: Door) -> None:
    for visit in range(1, 8):
        for _ in range(3):
            door.show(STRANGER, 3_000)
            door.show(None, 1_000)
        door.show(ANN, 1_000)
        assert door.punches() == visit
        door.show(None, 1_000)


def test_a_stranger_who_stays_is_refused_once(door: Door) -> None:
    door.show(STRANGER, 11_000)
    assert door.attend.tally.refused == {"not-recognised": 1}


def test_a_face_that_is_paused_has_its_badge(door: Door) -> None:
    door.show(STRANGER, 20_000)
    door.reads.put(Read(Token.BADGE, "4711"))
    door.show(STRANGER, 100)
    assert door.attend.tally.punches == 1


def test_a_stranger_with_anothers_badge_keeps_its_owner_waiting_for_nothing(tmp_path: Path, photos: Path) -> None:
    door = Door(tmp_path, photos, "badge+face")
    for _ in range(8):
        door.reads.put(Read(Token.BADGE, "4711"))
        door.show(STRANGER, 3_000)
        door.show(None, 1_000)
    assert door.punches() == 0
    door.reads.put(Read(Token.BADGE, "4711"))
    door.show(ANN, 1_000)
    assert door.punches() == 1
    door.attend.close()


def test_a_poster_is_an_alarm_after_an_hour_and_for_no_longer_than_it_hangs_there(door: Door) -> None:
    door.show(STRANGER, 3_500_000, 600)
    assert Alarm.FACES_PAUSED not in door.attend.alarms
    door.show(STRANGER, 200_000, 600)
    assert Alarm.FACES_PAUSED in door.attend.alarms
    door.show(ANN, 1_000)
    assert door.punches() == 1
    door.show(None, 1_000_000, 1_000)
    assert Alarm.FACES_PAUSED not in door.attend.alarms


def test_of_a_badge_that_is_held_to_the_reader_one_punch_remains(tmp_path: Path, photos: Path) -> None:
    """Nine signed records a second: a day and a half of it filled a journal."""
    door = Door(tmp_path, photos, window_s=60.0)
    for _ in range(100):
        door.reads.put(Read(Token.BADGE, "4711"))
        door.show(None, 100)
    assert (door.attend.tally.punches, door.attend.tally.suppressed) == (1, 0)
    for _ in range(8):
        door.show(None, 4_000)
        door.reads.put(Read(Token.BADGE, "4711"))
        door.show(None, 100)
        assert door.attend._situation.state is State.DUPLICATE, "the light comes each time"
    assert (door.attend.tally.punches, door.attend.tally.suppressed) == (1, 1), "one record a window"
    for _ in range(3):
        door.show(ANN, 500)
        door.show(None, 1_000)
    assert (door.attend.tally.punches, door.attend.tally.suppressed) == (1, 1)
    door.attend.close()


def test_a_number_whose_pin_nobody_types_keeps_no_face_waiting(door: Door) -> None:
    for visit in range(1, 4):
        door.show(None, 1_000)
        door.reads.put(Read(Token.NUMBER, "777"))
        door.show(STRANGER, 4_000)
        assert door.attend._situation.state is State.ASKING, "a refusal does not take the question away"
        door.show(ANN, 1_000)
        assert door.punches() == visit
        door.show(None, 11_000)


def test_neither_a_strangers_cards_nor_new_people_end_the_wait_for_a_face(tmp_path: Path, photos: Path) -> None:
    door = Door(tmp_path, photos, "badge+face")
    door.show(None, 500)
    door.reads.put(Read(Token.BADGE, "4711"))
    door.show(ANN, 200)
    for card in range(3):
        door.reads.put(Read(Token.BADGE, f"90{card}"))
        with door.attend._open_people() as people:
            one = np.eye(8, dtype=np.float32)[3 + card]
            people.enrol(new_person_id(), "New", door.consent, door.policy, one[None], door.eyes.embedder_id)
        door.show(None, 1_100)
    door.show(ANN, 1_000)
    assert door.attend.tally.punches == 1
    door.attend.close()


def test_whoever_was_asked_to_turn_and_shows_a_badge_is_looked_at_anew(tmp_path: Path, photos: Path) -> None:
    door = Door(tmp_path, photos)
    door.attend._faces._challenge = (
        Challenge(Side.LEFT, 0.0, door.clock.ms + 5_000, BOX),
        Identified(door.ann, Method.FACE),
    )
    door.attend._faces.expect(door.ann, door.clock.ms)
    door.show(ANN, 1_000)
    assert door.attend.tally.punches == 1
    door.attend.close()


def test_a_badge_whose_row_was_altered_is_nobodys_and_ends_no_terminal(door: Door) -> None:
    with door.attend._open_people() as people, people.together():
        people._db.execute("PRAGMA defer_foreign_keys = ON")
        people._db.execute("INSERT INTO people (id) VALUES ('x')")
        people._db.execute("UPDATE tokens SET person = 'x'")
    door.reads.put(Read(Token.BADGE, "4711"))
    door.show(ANN, 1_000)
    assert (door.attend.tally.badges_refused, door.attend.tally.punches) == (1, 1)


def test_an_erasure_whose_reason_was_altered_is_finished_all_the_same(door: Door) -> None:
    with door.attend._open_people() as people:
        people.erase(door.ann, "2026-03-01T08:00:00Z", "altered")
        assert flush(people, door.attend._journal, door.clock, interrupted=True) == 1
        assert people.erasures() == []
