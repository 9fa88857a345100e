"""Attacks on enrolled people: bad tables first, then who is shown where, and whom the terminal would recognise."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.domain.face import Frame, Probe
from edge.domain.recognition.decision import DecisionPolicy
from edge.domain.recognition.gallery import Gallery
from edge.domain.recognition.quality import QualityLimits
from edge.errors import EvaluationError
from edge.evaluation.pad.attempts import TakenFor
from edge.evaluation.pad.dataset import Folder, named, read_folder, shown_by, subject
from edge.evaluation.pad.enrolment import MOST, AttackedPeople, enrol, people_in, people_of
from edge.resources import models_directory
from edge.vision.models import ModelStore
from edge.vision.photo import load_photo
from edge.vision.pipeline import Pipeline
from tests.support.clips import make_film

POLICY = DecisionPolicy()


def touch(folder: Path, *names: str) -> Folder:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return read_folder(folder, 15)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return touch(
        tmp_path / "set", "real/ada/1.jpg", "real/ben.mp4", "screen/a2/1.jpg", "screen/ada/phone.mp4",
        "screen/ben.mov", "screen/7.jpg",
    )  # fmt: skip


# --- tables and names ---


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no columns `recording` and `person`; begin it with: recording,person"),
        (b"file,who\nscreen/a2,ada\n", "has no columns"),
        (b"recording,person\nscreen/a2,\n", "line 2 lacks a recording or a person"),
        (b"recording,person\nscreen/a3,ada\n", "screen/a3: there is no such recording; name one of real/"),
        (b"recording,person\nscreen,\xff\n", "cannot be read as CSV in UTF-8"),
    ],
)
def test_a_bad_table_says_what_is_wrong(folder: Folder, tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "shows.csv").write_bytes(content)
    with pytest.raises(EvaluationError, match=re.escape(said)):
        shown_by(folder, tmp_path / "shows.csv")


def test_a_table_that_is_not_there(folder: Folder, tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="cannot be read as CSV"):
        shown_by(folder, tmp_path / "absent.csv")


def test_names_say_who_is_shown_and_the_table_has_the_last_word(folder: Folder, tmp_path: Path) -> None:
    plain = shown_by(folder, None)
    assert plain == {
        "real/ada": "ada", "real/ben.mp4": "ben", "screen/a2": "a2", "screen/ada/phone.mp4": "ada",
        "screen/ben.mov": "ben",
    }  # fmt: skip
    (tmp_path / "shows.csv").write_text("recording,person\nscreen/a2/,ada\n screen/ada , ben \n")
    assert shown_by(folder, tmp_path / "shows.csv") == plain | {"screen/a2": "ada", "screen/ada/phone.mp4": "ben"}


def test_a_recording_is_named_by_itself_its_folder_or_its_kind(folder: Folder) -> None:
    assert named(folder, "screen/ada") == named(folder, "screen/ada/phone.mp4") == ["screen/ada/phone.mp4"]
    assert len(named(folder, "screen")) == 4
    for unknown in ("screen/ad", "", "a2", "screen/ada/phone"):
        with pytest.raises(EvaluationError, match="there is no such recording"):
            named(folder, unknown)


def test_pictures_of_a_kind_alone_show_nobody_by_name() -> None:
    assert subject("screen") is None
    assert subject("screen/dr. no") == "dr. no"


def test_people_need_folders_with_pictures(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "empty" / "ada").mkdir(parents=True)
    for nothing in (tmp_path / "absent", tmp_path / "empty"):
        with pytest.raises(EvaluationError, match="one folder of photographs for each person"):
            people_of(nothing)
    assert set(people_in(folder)) == {"ada", "ben"}
    with pytest.raises(EvaluationError, match="no folder and no film of a person"):
        people_in(touch(tmp_path / "bare", "real/1.jpg", "screen/ada/1.jpg"))


# --- whom the terminal would recognise ---


def people(**shown: str) -> AttackedPeople:
    """Ada and Ben, at right angles to each other."""
    templates = [("ada", np.eye(4, dtype=np.float32)[:1]), ("ben", np.eye(4, dtype=np.float32)[1:2])]
    return AttackedPeople(Gallery.of("m", templates), 0.5, POLICY.margin, {"screen/a": "ada", **shown}, {})


def probe(*towards: float, demand: float = 0.0) -> Probe:
    vector = np.array([*towards, *[0.0] * (4 - len(towards))], np.float32)
    return Probe(vector / np.linalg.norm(vector), "m", 0.1, 1.0, demand)


def test_whom_an_attack_is_taken_for() -> None:
    them = people()
    assert them.identify("screen/a", [probe(1)] * 3) is TakenFor.SHOWN
    assert them.identify("screen/a", [probe(0, 1)] * 3) is TakenFor.OTHER
    assert them.identify("screen/b", [probe(1)] * 3) is TakenFor.OTHER, "nobody knows whom it shows"
    assert them.identify("screen/a", [probe(0, 0, 1)] * 3) is TakenFor.NOBODY
    assert them.identify("screen/a", [probe(1, 0, 2)] * 3) is TakenFor.NOBODY, "under the threshold"
    assert them.identify("screen/a", [probe(1, 0.99)] * 3) is TakenFor.NOBODY, "under the margin"
    assert them.identify("screen/a", [probe(1, demand=0.6)] * 3) is TakenFor.NOBODY, "a weak face has to be nearer"
    assert them.identify("screen/a", [probe(1), probe(1), probe(0.9, 1)]) is TakenFor.NOBODY, "one frame disagrees"


def test_somebody_who_is_not_enrolled_is_nobody() -> None:
    them = people(**{"screen/c": "carl"})
    assert them.person("screen/c") is None
    assert them.person("screen/a") == "ada"


def test_another_gallery_or_person_is_another_finding() -> None:
    other = people(**{"screen/a": "ben"})
    prints = {people().fingerprint("screen/a"), other.fingerprint("screen/a"), people().fingerprint("screen/b")}
    assert len(prints) == 3


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline(ModelStore(models_directory()), QualityLimits())


def enrolled(found, pipeline: Pipeline) -> AttackedPeople:
    store = ModelStore(models_directory())
    fmr = {float(rate): cosine for rate, cosine in store.template.fmr.items()}
    told: list[tuple[int, int]] = []
    them = enrol(found, pipeline, fmr, POLICY.margin, {}, lambda *done: told.append(done))
    assert told[-1] == (len(found), len(found))
    return them


def test_photographs_enrol_and_another_picture_of_the_person_matches(
    pipeline: Pipeline, photos: Path, tmp_path: Path
) -> None:
    for person, name in (("barack", "obama.jpg"), ("joe", "biden.jpg"), ("mixed", "obama.jpg"), ("none", "x.jpg")):
        (tmp_path / person).mkdir()
        content = (photos / name).read_bytes() if name != "x.jpg" else b"no picture"
        (tmp_path / person / name).write_bytes(content)
    (tmp_path / "mixed" / "notes.txt").write_bytes(b"")
    (tmp_path / "mixed" / "b.jpg").write_bytes((photos / "biden.jpg").read_bytes())
    them = enrolled(people_of(tmp_path), pipeline)
    assert them.gallery.people == ("barack", "joe")
    assert them.notes["mixed"] == "not enrolled: the pictures do not show one person"
    assert them.notes["none"].startswith("not enrolled: no picture can be used (1 unreadable)")
    seen = pipeline.look(Frame(load_photo(photos / "obama2.jpg"), 0)).probe
    assert seen is not None
    shown = AttackedPeople(them.gallery, them.threshold, them.margin, {"screen/a": "barack"}, {})
    assert shown.identify("screen/a", [seen]) is TakenFor.SHOWN


def test_films_enrol_evenly_over_their_length(pipeline: Pipeline, photos: Path, tmp_path: Path) -> None:
    """The first half is nobody: pictures only from the beginning would enrol nobody."""
    (tmp_path / "real").mkdir()
    pixels = load_photo(photos / "obama.jpg")
    side = min(pixels.shape[:2])
    face = np.full((480, 640, 3), 90, np.uint8)
    face[:, 80:560] = np.array(Image.fromarray(pixels[:side, :side]).resize((480, 480)))
    nobody = np.full_like(face, 90)
    make_film(tmp_path / "real" / "barack.mkv", [nobody] * 20 + [face] * 20, codec="ffv1", rate=5)
    them = enrolled(people_in(read_folder(tmp_path)), pipeline)
    assert them.gallery.people == ("barack",)
    assert len(them.gallery.matrix) == 1
    assert MOST == 10


def test_a_person_too_dark_to_enrol_is_attacked_all_the_same(
    pipeline: Pipeline, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "barack").mkdir()
    dark = Image.fromarray((load_photo(photos / "obama.jpg") * 0.33).astype(np.uint8))
    dark.save(tmp_path / "barack" / "dark.png")
    them = enrolled(people_of(tmp_path), pipeline)
    assert them.notes == {"barack": "enrolled in spite of the enrolment gate, which refuses every picture (1 dark)"}


def test_nobody_who_can_be_enrolled_is_an_error_that_says_why(pipeline: Pipeline, tmp_path: Path) -> None:
    (tmp_path / "ada").mkdir()
    Image.new("RGB", (640, 480), (90, 90, 90)).save(tmp_path / "ada" / "1.png")
    with pytest.raises(EvaluationError, match=r"nobody could be enrolled \(ada: .*1 no-face"):
        enrolled(people_of(tmp_path), pipeline)
