"""`evaluate` as somebody runs it: real photographs in, figures and a page out that a real browser draws."""

import json
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance, ImageOps

from edge.evaluation.recognition.html_report import render
from tests.support.browser import draw


@pytest.fixture
def album(tmp_path: Path, photos: Path) -> Path:
    """Two people with several photographs, one with two, one stranger, and what does not belong there."""
    folder = tmp_path / "album"
    for person, names in (("barack", ("obama", "obama2", "obama3")), ("joe", ("biden",)), ("ann", ("astronaut",))):
        (folder / person).mkdir(parents=True)
        for name in names:
            (source,) = photos.glob(f"{name}.*")
            image = Image.open(source).convert("RGB")
            image = image.crop((0, 0, image.width, min(image.height, round(image.width * 1.2))))
            image.thumbnail((600, 600))
            image.save(folder / person / f"{name}.jpg", quality=92)
            if person != "ann":
                ImageOps.mirror(image).save(folder / person / f"{name}-mirrored.jpg")
                ImageEnhance.Brightness(image).enhance(0.8).save(folder / person / f"{name}-darker.png")
                image.resize((image.width // 6, image.height // 6)).save(folder / person / f"{name}-small.jpg")
    (folder / "joe" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    (folder / "joe" / "notes.txt").write_text("")
    return folder


def test_a_folder_is_measured_and_everything_left_out_is_said(smartclocker, album: Path, tmp_path: Path) -> None:
    groups = tmp_path / "groups.csv"
    groups.write_text("person,group\nbarack,a\njoe,b\nsomebody else,a\n")
    written, page = tmp_path / "out" / "report.json", tmp_path / "out" / "report.html"
    words = ("evaluate", album, "--json", written, "--html", page, "--groups", groups, "--work", tmp_path / "work",
             "--draws", 3)  # fmt: skip
    done = smartclocker(*words)
    assert done.returncode == 0, done.stderr
    said = json.loads(written.read_text())
    assert said["images"] == 12 + 5 + 1
    assert said["left_out"] == {"unreadable": 1, "neither JPEG nor PNG": 1}
    assert "broken.jpg" in next(iter(said["unreadable"]))
    assert said["detected"] >= said["accepted"] >= 11
    assert said["images"] == said["accepted"] + sum(said["rejected"].values()) + said["left_out"]["unreadable"]
    assert said["people"] | {"strangers": 1, "neither": 0, "all": 3} == said["people"]
    assert said["fnir"] == {}
    assert "too few strangers" in done.stdout
    assert set(said["groups"]) == {"(no group)", "a", "b"}
    assert said["groups_unknown"] == 1
    assert "Recognition, measured" in page.read_text()
    again = smartclocker(*words)
    assert again.returncode == 0
    assert json.loads(written.read_text()) == said
    assert again.stdout == done.stdout


@pytest.mark.parametrize(
    ("words", "code", "cure"),
    [
        (("nowhere",), 65, "no such folder"),
        ((".", "--groups", "none.csv"), 65, "save it again"),
        ((".", "--models", "nowhere"), 78, "restore"),
        ((".", "--draws", "0"), 2, "from 1"),
        ((".", "--seed", "-1"), 2, "from 0"),
        ((".", "--json", "/proc/none/x.json"), 65, "name another"),
    ],
)
def test_what_cannot_be_done_is_said(smartclocker, album: Path, words, code: int, cure: str) -> None:
    done = smartclocker("evaluate", *(album if word == "." else word for word in words))
    assert done.returncode == code
    assert cure in done.stderr
    assert "Traceback" not in done.stderr


def test_a_real_browser_draws_the_page(report, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(render(report))
    drawn, colours = draw(page, tmp_path)
    assert drawn.count('id="curve-') == 4 + 1 + 2
    assert drawn.count("<svg") == 3
    for person in ("person-0000", "&lt;i&gt;odd&lt;/i&gt;", "&lt;b&gt;person&lt;/b&gt;"):
        assert person in drawn
    assert {(0, 0x66, 0xCC), (0xCC, 0x33, 0), (0, 0x88, 0x33)} <= colours


@pytest.fixture
def report():
    """Synthetic people, enough of them for every figure and curve."""
    import numpy as np

    from edge.evaluation.recognition.dataset import Album
    from edge.evaluation.recognition.experiment import Effort, SimulatedPolicy, evaluate
    from edge.evaluation.recognition.extraction import ExtractedFaces, Looked
    from edge.evaluation.recognition.report import RecognitionReport

    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(1260), [6] * 60 + [1] * 1200)
    centres = rng.normal(size=(1260, 64))
    rows = centres[person] + 1.2 * np.linalg.norm(centres[person], axis=1, keepdims=True) / 8 * rng.normal(
        size=(len(person), 64)
    )
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    names = (*(f"person-{number:04d}" for number in range(1259)), "<b>person</b>")
    rows[-1] = rows[:6].mean(axis=0) / np.linalg.norm(rows[:6].mean(axis=0))
    passed = np.ones(len(person), bool)
    faces = ExtractedFaces(names, person, rows, rows, np.zeros(len(person), np.float32), passed, passed)
    policy, effort = SimulatedPolicy({1e-4: 0.47, 1e-5: 0.53}, 0.001, 0.06), Effort(2, 0, 10)
    result = evaluate(faces, policy, {"person-0001": "<i>odd</i>"}, effort, lambda _done, _all: None)
    album = Album(names, (), (), {})
    return RecognitionReport("album", "a+b", album, Looked(len(person), len(person)), result, policy, effort, 0)
