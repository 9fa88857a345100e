"""Folders as people have them: pictures of any kind, broken ones, the same one twice; each is counted."""

import os
import struct
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.domain.recognition.quality import QualityLimits
from edge.errors import EvaluationError
from edge.evaluation.recognition import extraction
from edge.evaluation.recognition.dataset import Album, read_album, read_groups
from edge.evaluation.recognition.extraction_cache import FILE, Studies
from edge.resources import models_directory
from edge.vision.models import ModelStore
from edge.vision.pipeline import Pipeline


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline(ModelStore(models_directory()), QualityLimits())


def look(
    album: Album, pipeline: Pipeline, folder: Path | None = None
) -> tuple[extraction.ExtractedFaces, extraction.Looked]:
    with Studies(folder, "a test") as studies:
        return extraction.look(album, pipeline, studies, lambda _done, _all: None)


def photo(photos: Path, path: Path, mode: str = "RGB", name: str = "biden.jpg", **how: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.open(photos / name)
    image = image.crop((0, 0, image.width, min(image.height, round(image.width * 1.2))))
    image.thumbnail((500, 500))
    image.convert(mode).save(path, **how)


def huge(path: Path) -> None:
    """A PNG that says it is 10,000 pixels square."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 10_000, 10_000, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )


def test_every_kind_of_picture_is_looked_at_and_every_broken_one_is_named(tmp_path, photos, pipeline) -> None:
    joe = tmp_path / "joe"
    photo(photos, joe / "rgb.jpg", quality=95)
    photo(photos, joe / "grey.png", "L")
    photo(photos, joe / "palette.png", "P")
    photo(photos, joe / "alpha.PNG", "RGBA")
    photo(photos, joe / "cmyk.jpeg", "CMYK")
    turned = Image.open(joe / "rgb.jpg").rotate(-90, expand=True)
    turned.save(joe / "turned.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0\0\0\0\0")
    Image.new("RGB", (1, 1)).save(joe / "one-pixel.png")
    Image.new("RGB", (3000, 2)).save(joe / "thin.png")
    Image.fromarray(np.full((300, 300), 40_000, np.uint16)).save(joe / "deep.png")
    whole = (joe / "rgb.jpg").read_bytes()
    (joe / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (joe / "empty.jpg").write_bytes(b"")
    (joe / "text.jpg").write_text("not a picture")
    huge(joe / "huge.png")
    (joe / "again.jpg").write_bytes(whole)
    (joe / "notes.txt").write_text("")
    os.mkfifo(joe / "pipe.jpg")
    (joe / "gone.jpg").symlink_to("nowhere")
    (tmp_path / "readme.md").write_text("")
    (tmp_path / "nobody").mkdir()
    photo(photos, tmp_path / "joseph" / "same.jpg", quality=95)
    assert (tmp_path / "joseph" / "same.jpg").read_bytes() == whole
    album = read_album(tmp_path)
    assert dict(album.left_out) == {
        "neither JPEG nor PNG": 3, "outside of a person's folder": 1, "person without a picture": 1,
    }  # fmt: skip
    faces, looked = look(album, pipeline)
    assert looked.images == 15
    assert looked.left_out == Counter({extraction.UNREADABLE: 4, extraction.DUPLICATE: 1})
    assert {name: "megapixels" in why for name, why in looked.unreadable.items()} == {
        "joe/cut.jpg": False, "joe/empty.jpg": False, "joe/text.jpg": False, "joe/huge.png": True,
    }  # fmt: skip
    assert len(faces.person) == 10
    assert looked.detected == 7
    assert faces.matchable.sum() == 7
    assert looked.rejected == Counter({extraction.NO_FACE: 3})
    assert looked.two_names == [("joe", "joseph")]
    together = faces.probe[faces.matchable] @ faces.probe[faces.matchable].T
    assert together.min() > 0.6


def test_a_second_look_costs_nothing_and_gives_the_same(tmp_path, photos, pipeline, monkeypatch) -> None:
    for number, name in enumerate(("obama.jpg", "obama2.jpg", "astronaut.png")):
        photo(photos, tmp_path / "album" / f"p{number}" / "a.jpg", name=name)
    Image.new("RGB", (200, 200)).save(tmp_path / "album" / "p0" / "nobody.png")
    album, work = read_album(tmp_path / "album"), tmp_path / "work"
    first, _ = look(album, pipeline, work)
    assert (work / FILE).stat().st_mode & 0o077 == 0
    monkeypatch.setattr(pipeline, "study", lambda _frame: pytest.fail("looked again"))
    again, looked = look(album, pipeline, work)
    assert looked.detected == 3
    for one, other in ((first.probe, again.probe), (first.template, again.template), (first.demand, again.demand)):
        assert np.array_equal(one, other)
    assert np.array_equal(first.matchable, again.matchable)


def test_what_other_models_saw_is_not_taken(tmp_path) -> None:
    with Studies(tmp_path, "one") as studies:
        studies.add("picture", None)
        assert studies.known("picture") == (True, None)
    with Studies(tmp_path, "another") as studies:
        assert studies.known("picture") == (False, None)


def test_a_work_folder_of_no_use_is_refused(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EvaluationError, match="name another"):
        Studies(tmp_path / "file", "m")
    (tmp_path / FILE).write_text("this is no database, and much longer than a header of one would be " * 20)
    with pytest.raises(EvaluationError, match="name another"):
        Studies(tmp_path, "m")


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.mkdir(), lambda p: (p / "ann").mkdir(parents=True)])
def test_a_folder_without_anybody_is_refused(tmp_path, make) -> None:
    make(tmp_path / "album")
    with pytest.raises(EvaluationError, match="folder"):
        read_album(tmp_path / "album")


PEOPLE = ("ann", "bob")


def test_groups_are_told(tmp_path) -> None:
    path = tmp_path / "groups.csv"
    path.write_bytes("\ufeffperson,group,note\nann,a,x\n bob ,b\ncem,a\nann,a\n".encode())
    assert read_groups(path, PEOPLE) == ({"ann": "a", "bob": "b"}, 1)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (b"", "person,group"),
        (b"name,team\nann,a\n", "person,group"),
        (b"person,group\nann\n", "line 2"),
        (b"person,group\nann,a\nann,b\n", "second group"),
        (b"person,group\n\xff\xfe,a\n", "UTF-8"),
        (b'person,group\n"ann' + b"x" * 200_000, "CSV"),
    ],
)
def test_groups_that_say_nothing_clear_are_refused(tmp_path, text: bytes, word: str) -> None:
    path = tmp_path / "groups.csv"
    path.write_bytes(text)
    with pytest.raises(EvaluationError, match=word):
        read_groups(path, PEOPLE)
    with pytest.raises(EvaluationError, match="cannot be read"):
        read_groups(tmp_path / "none.csv", PEOPLE)
