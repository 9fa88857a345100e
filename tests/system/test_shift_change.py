"""The program in small: it runs, its plan is what it says, and it fails when somebody is lost."""

import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge.domain.attendance.cues import CueName
from edge.domain.recognition.quality import ENROLMENT_LIMITS
from edge.errors import SmartClockerError
from edge.resources import models_directory
from edge.vision.models import ModelStore
from edge.vision.pipeline import Pipeline
from tests.shift_change import faces, findings, plan
from tests.shift_change.__main__ import main
from tests.shift_change.findings import Findings
from tests.shift_change.plan import DOORS, Person, Plan, Stranger, Way
from tests.shift_change.report import lines
from tests.shift_change.story import Outcome

ROOT = Path(__file__).resolve().parents[2]


def test_six_people_and_two_strangers(tmp_path: Path) -> None:
    """No time is asserted: whoever is slow is waited for."""
    words = ["--people", 6, "--seconds", 10, "--strangers", 2, "--patience", 300, "--json"]
    command = [sys.executable, "-m", "tests.shift_change", *words, "--directory", tmp_path / "site"]
    done = subprocess.run([*map(str, command)], cwd=ROOT, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["holds"]
    assert found["lost"] == found["strangers"]["punches"] == found["paused_because_of_somebody_else"] == 0
    assert found["came"] == {"face": 3, "badge": 2, "pin": 1}
    assert sum(found["accepted"].values()) + found["accepted_by_badge_after_face"] == 6
    assert found["hours"]["people_in"] == 6
    assert found["hours"]["people_out_by_the_other_door"] == found["left_by_the_other_door"] == 1
    assert found["records"]["doors"] == found["records"]["ledger"] > 7
    assert found["faces"]["by_face_with_photographs_of_their_own"] == 3
    assert found["ms_to_cue"]["all"]["count"] == 7


def drawn_faces(count: int, strangers: int) -> tuple[list[faces.Face], list[faces.Face]]:
    return faces.drawn(count, strangers, 704, np.random.default_rng(1))


def small_plan() -> Plan:
    return plan.make(*drawn_faces(20, 5), seconds=40, seed=1)


def test_everybody_comes_once_and_the_first_leave_by_the_other_door() -> None:
    made = small_plan()
    visits = [one for one in made.visits if isinstance(one.who, Person)]
    came = {one.who.key: one for one in visits if not one.leaving}
    left = {one.who.key: one for one in visits if one.leaving}
    assert len(came) + len(left) == len(visits)
    assert set(came) == {person.key for person in made.staff}
    assert set(left) == {person.key for person in made.staff[:4]}
    assert all(one.door != came[key].door for key, one in left.items())
    assert all(one.at_s < 40 for one in came.values())
    assert [one.door for one in came.values()].count(DOORS[0]) == 10
    assert {way: [one.way for one in came.values()].count(way) for way in Way} == {
        Way.FACE: 10,
        Way.BADGE: 6,
        Way.PIN: 4,
    }
    assert [(one.at_s, one.door, one.who.key) for one in small_plan().visits] == [
        (one.at_s, one.door, one.who.key) for one in made.visits
    ], "the same seed, the same plan"
    assert {one.key for door in DOORS for one in made.strangers_at(door)} == {one.key for one in made.strangers}
    tries = [one for one in made.visits if isinstance(one.who, Stranger)]
    assert len(tries) == 15
    assert len({one.number for one in made.staff} | {one.number for one in made.strangers}) == 25


def test_drawn_people_are_as_far_apart_as_real_ones() -> None:
    """LFW: two pictures of one person have a median cosine of 0.74, 5 % are under 0.50; of strangers 1 in 10,000 is
    over 0.47 (docs/facts.md).
    """
    staff, strangers = drawn_faces(300, 100)
    seen = np.stack([one.drawn for one in staff])
    rows = np.stack([one.rows for one in staff])
    own = np.einsum("pd,pkd->pk", seen, rows)
    assert 0.70 < np.median(own) < 0.78
    assert 0.45 < np.quantile(own, 0.05) < 0.60
    others = np.stack([one.drawn for one in strangers]) @ rows.reshape(-1, 704).T
    assert 0.11 < others.std() < 0.14
    assert abs(others.mean()) < 0.02
    assert np.quantile(others, 0.9999) == pytest.approx(0.47, abs=0.07)
    assert all(one.rows is None for one in strangers)


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline(ModelStore(models_directory()), ENROLMENT_LIMITS, mirrored=True)


def test_people_of_a_folder_are_enrolled_from_other_pictures_than_they_come_with(
    pipeline: Pipeline, photos: Path, tmp_path: Path
) -> None:
    for person, names in {
        "barack": ("obama.jpg", "obama2.jpg", "obama3.jpg"),
        "eileen": ("astronaut.png", "astronaut.png"),
        "joe": ("biden.jpg", "biden.jpg"),
        "alone": ("biden.jpg",),
    }.items():
        (tmp_path / person).mkdir()
        for number, name in enumerate(names):
            shutil.copy(photos / name, tmp_path / person / f"{number}{Path(name).suffix}")
    (tmp_path / "joe" / "0.jpg").write_bytes(b"no picture")
    staff, strangers = faces.of_folder(tmp_path, 2, 0, pipeline, 1)
    by_name = {one.photo.parent.name: one for one in staff}
    assert {name: len(one.rows) for name, one in by_name.items()} == {"barack": 2, "eileen": 1}
    assert by_name["barack"].photo.name == "2.jpg"
    assert strangers == []
    with pytest.raises(SmartClockerError, match="has 2 people with two good pictures, and 3 come"):
        faces.of_folder(tmp_path, 3, 0, pipeline, 1)
    with pytest.raises(SmartClockerError, match="nobody is left to be a stranger"):
        faces.of_folder(tmp_path, 2, 9, pipeline, 1)
    with pytest.raises(SmartClockerError, match="name a folder of people"):
        faces.of_folder(tmp_path / "none", 1, 0, pipeline, 1)


def outcomes(made: Plan) -> list[Outcome]:
    """Everybody was accepted, by their own way, and every stranger refused."""
    found = []
    for visit in made.visits:
        one = Outcome(visit)
        if isinstance(visit.who, Person):
            one.by, one.cue = visit.way, CueName.OUT if visit.leaving else CueName.IN
            one.wait_ms = 100.0
        else:
            one.told.append(CueName.REFUSED)
        found.append(one)
    return found


def judged(made: Plan, found: list[Outcome]) -> Findings:
    report = Findings()
    findings.of_story(report, made, found, {})
    return report


def test_a_good_change_of_shifts_fails_nothing() -> None:
    made = small_plan()
    report = judged(made, outcomes(made))
    assert report.failed == []
    assert report.figures["ms_to_cue"]["all"] == {"count": 24, "p50": 100.0, "p95": 100.0, "max": 100.0}


def lose(one: Outcome) -> None:
    one.by = None
    one.unanswered.append(Way.FACE)


def say_nothing(one: Outcome) -> None:
    one.by = None


def turn_round(one: Outcome) -> None:
    one.cue = CueName.OUT


def pause(one: Outcome) -> None:
    one.told.append(CueName.COOLDOWN)


def refuse(one: Outcome) -> None:
    one.right_refused = 1


@pytest.mark.parametrize(
    ("break_it", "said"),
    [(lose, "got no answer"), (say_nothing, "got no answer"), (turn_round, "was told out"), (pause, "paused: p"),
     (refuse, "a right badge or PIN was refused")],
)  # fmt: skip
def test_what_must_not_be_is_seen(break_it, said: str) -> None:
    made = small_plan()
    found = outcomes(made)
    break_it(next(one for one in found if isinstance(one.visit.who, Person)))
    assert [words for words in judged(made, found).failed if said in words]


def test_a_strangers_punch_is_seen() -> None:
    made = small_plan()
    found = outcomes(made)
    next(one for one in found if isinstance(one.visit.who, Stranger)).by = Way.BADGE
    assert judged(made, found).failed == ["strangers punched 1 times"]


def test_somebody_who_never_came_is_seen() -> None:
    made = small_plan()
    found = [one for one in outcomes(made) if one.visit.who is not made.staff[-1]]
    assert [words for words in judged(made, found).failed if "1 people were not let in" in words]


def test_percentiles_are_values_that_were_measured() -> None:
    assert findings.percentiles([]) == {"count": 0}
    assert findings.percentiles([3, 1, 2]) == {"count": 3, "p50": 2, "p95": 3, "max": 3}


def test_the_report_says_what_failed() -> None:
    made = small_plan()
    report = judged(made, outcomes(made))
    report.must(False, "something")
    report.figures |= {
        "people": 20, "seconds": 40, "took_s": 41, "processors": 2, "load_before": 0.1, "load_after": 2.0,
        "faces": {"source": "here", "by_face_with_photographs_of_their_own": 3, "by_face_with_a_drawn_vector": 7,
                  "strangers_with_photographs_of_their_own": 0},
        "hours": {"people_in": 20, "people_out_by_the_other_door": 4, "agree": True, "doubts": {}},
        "records": {"doors": 9, "ledger": 9}, "chains_verify": True,
        "doors": {"north": {"punches": 12, "alarms": ["clock-unsynchronised"]}},
    }  # fmt: skip
    said = "\n".join(lines(report))
    assert "10 of 10 by face, 6 of 6 by badge, 4 of 4 by pin" in said
    assert "north: punches 12; alarms: clock-unsynchronised" in said
    assert said.endswith("FAILED: something")
    assert json.loads(json.dumps(report.as_json()))["holds"] is False


def test_a_folder_that_is_not_there_is_said_and_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert main(["--faces", str(tmp_path / "none")]) != 0
    assert capsys.readouterr().err.endswith("name a folder of people\n")
    assert list(tmp_path.iterdir()) == []
    assert logging.getLogger("edge").level == logging.NOTSET, "tests that follow hear the log"


@pytest.mark.parametrize(
    "words", [["--people", "5"], ["--seconds", "0"], ["--strangers", "-1"], ["--patience", "0"]]
)
def test_an_impossible_wish_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(words)
    assert "it needs 6 --people" in capsys.readouterr().err
