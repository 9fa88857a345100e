"""A terminal whose looks are slow, frame by frame against a real journal: time is the test's own."""

import logging
from pathlib import Path

import pytest

from edge.domain.attendance.cues import CueName
from edge.domain.face import Probe, Sight
from edge.domain.people.credentials import Read, Token
from edge.domain.recognition.calibration import Scorebook
from edge.domain.recognition.decision import DecisionPolicy
from edge.domain.recognition.look_pace import KEPT
from edge.terminal.attendance.face_recognition import FaceRecognition, FaceRules
from edge.terminal.runtime.alarms import Alarm
from tests.support.door import ANN, BOX, STRANGER, Door


@pytest.fixture
def door(tmp_path: Path, photos: Path):
    made = Door(tmp_path, photos)
    yield made
    made.attend.close()


def looks(door: Door, who, number: int) -> None:
    for _ in range(number):
        door.show(who, 100)


@pytest.mark.parametrize("look_s", [0.3, 0.9, 1.2, 2.0, 3.5])
def test_whoever_is_enrolled_punches_at_the_third_look(door: Door, look_s: float) -> None:
    door.eyes.look_s = look_s
    looks(door, ANN, 2)
    assert door.punches() == 0
    looks(door, ANN, 1)
    assert door.attend.tally.punches == 1
    assert door.attend.tally.refused == {}


def test_an_alarm_names_the_pace_and_ends_by_itself(door: Door, caplog) -> None:
    caplog.set_level(logging.INFO)
    door.eyes.look_s = 1.2
    looks(door, ANN, 12)
    assert Alarm.TOO_SLOW in door.attend.alarms
    assert door.attend.counters()["look_ms"] == 1_200
    said = [one for one in caplog.messages if "too-slow" in one]
    assert len(said) == 1
    assert "1.2 s" in said[0]
    assert "operations.md" in said[0]
    door.show(None, 60_000, 500)
    assert Alarm.TOO_SLOW in door.attend.alarms, "an empty room says nothing about the pace"
    door.eyes.look_s = 0.9
    looks(door, STRANGER, 12)
    assert Alarm.TOO_SLOW in door.attend.alarms, "a little faster is not quick yet"
    door.eyes.look_s = 0.1
    looks(door, ANN, 20)
    assert Alarm.TOO_SLOW not in door.attend.alarms
    assert len([one for one in caplog.messages if "too-slow" in one]) == 2


def test_at_a_usual_pace_there_is_no_alarm(door: Door) -> None:
    door.eyes.look_s = 0.5
    looks(door, ANN, 3)
    looks(door, STRANGER, 30)
    assert Alarm.TOO_SLOW not in door.attend.alarms


def test_looks_that_are_far_too_slow_pause_nobody_and_the_badge_goes_on(door: Door) -> None:
    door.eyes.look_s = 6.0
    for _ in range(8):
        looks(door, ANN, 5)
        door.show(None, 2_000)
    assert door.punches() == 0
    assert set(door.attend.tally.refused) == {"not-recognised"}
    assert door.attend.counters()["lockouts"] == 0
    assert Alarm.TOO_SLOW in door.attend.alarms
    door.reads.put(Read(Token.BADGE, "4711"))
    looks(door, ANN, 1)
    assert door.attend.tally.punches == 1


def test_a_face_has_time_after_a_badge(tmp_path: Path, photos: Path) -> None:
    door = Door(tmp_path, photos, "badge+face")
    door.eyes.look_s = 2.0
    looks(door, STRANGER, 9)
    door.show(None, 2_000)
    door.reads.put(Read(Token.BADGE, "4711"))
    looks(door, STRANGER, 3)
    assert door.cue is CueName.LOOK_HERE, "the question stands for as long as the face is awaited"
    looks(door, ANN, 3)
    assert door.attend.tally.punches == 1
    door.attend.close()


@pytest.mark.parametrize(("lamp", "alarms"), [(False, ()), (True, (Alarm.TOO_SLOW,))])
def test_a_lamp_that_is_out_before_a_look_ends_needs_quicker_looks(lamp: bool, alarms: tuple[Alarm, ...]) -> None:
    rules = FaceRules(DecisionPolicy(strobe=lamp), 0.001, {1e-4: 0.3, 1e-5: 0.4})
    faces = FaceRecognition(rules, ("m",), Scorebook("m"))
    for number in range(KEPT):
        faces.observe(Sight(number * 10**9, BOX, None, Probe(ANN, "m", 0.99, 0.9), look_ms=450), number * 1_000)
    faces.keep_up(KEPT * 1_000)
    assert faces.alarms == alarms
