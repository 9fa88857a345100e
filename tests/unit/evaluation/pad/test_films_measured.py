"""The whole verb on films: portraits before the camera, the same held up as pictures, and files that are no film.

What the layers say to them is not asked here: a film that is made of photographs is no evidence for anything.
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.domain.pad.verdict import Layer
from edge.errors import EvaluationError
from edge.vision.photo import load_photo
from tests.support.clips import make_film, sound
from tests.support.tolerance import SINGLE


def moving(photo: Path, side: int, frames: int) -> Iterator[np.ndarray]:
    pixels = load_photo(photo)
    least = min(pixels.shape[:2])
    small = Image.fromarray(pixels[:least, :least]).resize((side, side))
    for n in range(frames):
        picture = Image.new("RGB", (640, 480), (200, 200, 190))
        picture.paste(small, ((640 - side) // 2 + n % 3, (480 - side) // 2))
        yield np.array(picture)


@pytest.fixture(scope="module")
def films(tmp_path_factory, photos: Path) -> Path:
    folder = tmp_path_factory.mktemp("films") / "set"
    for kind in ("real", "screen/biden", "print"):
        (folder / kind).mkdir(parents=True)
    for name in ("biden", "obama"):
        make_film(folder / "real" / f"{name}.mkv", moving(photos / f"{name}.jpg", 480, 9), codec="ffv1")
    attack = moving(photos / "biden.jpg", 300, 12)
    make_film(folder / "screen" / "biden" / "phone.mkv", attack, codec="ffv1", rate=30)
    make_film(folder / "screen" / "tablet.mkv", moving(photos / "obama.jpg", 300, 6), codec="ffv1")
    (folder / "screen" / "broken.mp4").write_bytes(b"x" * 100)
    sound(folder / "screen" / "sound.mp4")
    (folder / "print" / "ada.png").write_bytes(b"")
    with (folder.parent / "shows.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("recording", "person"), ("screen/tablet.mkv", "obama")])
    return folder


@pytest.fixture(scope="module")
def measured(films: Path, smartclocker):
    words = (
        "--enrol-from", "real", "--shows", films.parent / "shows.csv", "--work", films.parent / "work",
        "--tuned-on", "screen/biden", "real/obama.mkv",
    )  # fmt: skip
    out, page = films.parent / "out.json", films.parent / "out.html"
    first = smartclocker("evaluate-pad", films, *words, "--json", out, "--html", page)
    assert first.returncode == 0, first.stderr
    return first.stdout, json.loads(out.read_text()), page.read_text(), words


def test_films_are_counted_in_frames_and_bad_ones_named(measured) -> None:
    said, found, page, _ = measured
    assert found["films"] == {"count": 6, "rate": 15.0, "size": [640, 480]}
    assert found["images"] == {"real": 18, "print": 1, "screen": 6 + 6 + 2}
    assert found["rejected"]["screen"]["unreadable"] == 2
    assert sorted(Path(file).name for file in found["unreadable"]) == ["ada.png", "broken.mp4", "sound.mp4"]
    assert found["attempts"] == {"real": 6, "print": 0, "screen": 4}
    assert found["frames"] == 3
    for text in (said, page):
        assert "broken.mp4" in text
        assert "holds no pictures, only sound" in text
        assert "looked at 15 times a second" in text


def test_every_recording_has_its_row_and_the_worst_is_named(measured) -> None:
    said, found, page, _ = measured
    rows = {row["name"]: row for row in found["recordings"]}
    assert set(rows) == {
        "real/biden.mkv", "real/obama.mkv", "print", "screen/biden/phone.mkv", "screen/broken.mp4",
        "screen/sound.mp4", "screen/tablet.mkv",
    }  # fmt: skip
    assert {name: row["of"] for name, row in rows.items() if row["kind"] == "screen"} == {
        "screen/biden/phone.mkv": 2, "screen/broken.mp4": 0, "screen/sound.mp4": 0, "screen/tablet.mkv": 2,
    }  # fmt: skip
    worst = found["worst_recording"]["screen"]
    assert worst["rate"] == max(row["rate"] for row in rows.values() if row["kind"] == "screen" and row["of"])
    assert found["worst_recording"]["print"] is None
    for text in (said, page):
        assert all(name in text for name in rows)
        assert "ISO/IEC 30107-3" in text
    for row in rows.values():
        assert (row["interval"] is None) == (row["of"] == 0)


def test_what_was_tuned_on_is_told_apart(measured) -> None:
    said, found, page, _ = measured
    rows = {row["name"]: row for row in found["recordings"]}
    assert {name for name, row in rows.items() if row["tuned_on"]} == {"screen/biden/phone.mkv", "real/obama.mkv"}
    assert found["not_tuned_on"]["screen"]["of"] == rows["screen/tablet.mkv"]["of"] == 2
    assert found["not_tuned_on"]["real"]["of"] == 3
    assert "not tuned on: APCER screen:" in said
    assert "Recordings that nothing was tuned on" in page


def test_attacks_that_are_recognised_are_counted(measured) -> None:
    said, found, page, _ = measured
    against = found["iapar"]
    assert against["people"] == 2
    assert against["kinds"]["screen"]["of"] == 4, "the table names the person of the second one"
    assert against["kinds"]["screen"]["matched"] == 1.0
    assert against["kinds"]["screen"]["rate"] == pytest.approx(found["apcer"]["screen"], abs=SINGLE)
    assert against["kinds"]["screen"]["others"] == against["kinds"]["screen"]["unnamed"] == 0
    assert against["kinds"]["print"]["rate"] is None
    assert "IAPAR screen:" in said
    assert "IAPAR, screen" in page


def test_every_layer_of_the_program_has_its_votes(measured) -> None:
    said, found, page, _ = measured
    assert set(found["layers"]) == {str(layer) for layer in Layer}
    for name, layer in found["layers"].items():
        for kind, votes in layer["votes"].items():
            assert votes["live"] + votes["attack"] + votes["abstain"] == found["attempts"][kind]
            assert votes["only"] <= votes["attack"]
        assert f"<td>{name}, screen</td>" in page
        assert f"\n{name} " in said


def test_errors_say_where_to_look(measured) -> None:
    _, found, page, _ = measured
    wrong = sum(row["errors"] for row in found["recordings"])
    assert len(found["errors"]) == wrong
    assert all(one["recording"] in {row["name"] for row in found["recordings"]} for one in found["errors"])
    assert ("Attempts that were judged wrongly" in page) == (wrong > 0)


def test_a_second_run_takes_what_the_first_kept_and_holds_no_name(measured, films: Path, smartclocker) -> None:
    said, _, _, words = measured
    again = smartclocker("evaluate-pad", films, *words)
    assert again.returncode == 0, again.stderr
    assert again.stdout == "".join(line for line in said.splitlines(keepends=True) if "written to" not in line)
    kept = b"".join(file.read_bytes() for file in (films.parent / "work").iterdir())
    assert b"obama" not in kept
    assert b"biden" not in kept


def test_the_rate_and_the_size_can_be_chosen(films: Path, smartclocker, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    done = smartclocker("evaluate-pad", films, "--rate", "5", "--size", "320x240", "--json", out)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert found["films"] == {"count": 6, "rate": 5.0, "size": [320, 240]}
    assert found["images"]["real"] == 6
    assert found["iapar"] is None


def test_regions_and_drawn_attacks_take_films(smartclocker, films: Path, tmp_path: Path) -> None:
    (tmp_path / "set" / "real").mkdir(parents=True)
    (tmp_path / "set" / "real" / "a.mkv").write_bytes((films / "real" / "obama.mkv").read_bytes())
    done = smartclocker("evaluate-pad", tmp_path / "set", "--regions", "2.1")
    assert done.returncode == 0, done.stderr
    assert "2.1: real" in done.stdout
    assert "of 9 " in done.stdout
    done = smartclocker("evaluate-pad", tmp_path / "set", "--simulate", "--rate", "5")
    assert done.returncode == 0, done.stderr
    assert "passed of simulated-picture:" in done.stdout


def test_photographs_and_films_of_a_folder_enrol_and_a_missing_name_says_what_to_do(
    films: Path, smartclocker, photos: Path, tmp_path: Path
) -> None:
    for person in ("p1", "p2"):
        (tmp_path / "people" / person).mkdir(parents=True)
    (tmp_path / "people" / "p1" / "1.jpg").write_bytes((photos / "biden.jpg").read_bytes())
    (tmp_path / "people" / "p2" / "1.mkv").write_bytes((films / "real" / "obama.mkv").read_bytes())
    out = tmp_path / "out.json"
    done = smartclocker("evaluate-pad", films, "--rate", "5", "--enrol", tmp_path / "people", "--json", out)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())["iapar"]
    assert (found["people"], found["notes"]) == (2, {})
    assert found["kinds"]["screen"]["of"] == 0
    assert found["kinds"]["screen"]["unnamed"] > 0
    assert "no attack shows anybody enrolled, by its name" in done.stdout


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (("--shows", "x.csv"), "say who is enrolled, too", EvaluationError.exit_code),
        (("--tuned-on", "screen/nobody"), "there is no such recording; name one of", EvaluationError.exit_code),
        (("--enrol", "absent"), "one folder of photographs for each person", EvaluationError.exit_code),
        (("--enrol", "x", "--enrol-from", "real"), "not allowed with", 2),
        (("--enrol-from", "screen"), "invalid choice", 2),
        (("--size", "wide"), "from 320x240 to 1920x1080", 2),
        (("--size", "9999x9999"), "from 320x240 to 1920x1080", 2),
        (("--rate", "0"), "frames a second", 2),
    ],
)
def test_wrong_words_are_refused_at_once(films: Path, smartclocker, words, said: str, code: int) -> None:
    done = smartclocker("evaluate-pad", films, *words)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
