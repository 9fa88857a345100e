"""Two embedders joined: what a template is made of, what is asked of a weak face, and manifests that do not fit."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from edge.domain.face import Box, Frame, Pixels
from edge.domain.recognition.quality import ENROLMENT_LIMITS, QualityLimits, face_of
from edge.errors import ModelError
from edge.resources import models_directory
from edge.vision.embedder import Embedder
from edge.vision.manifest import FILE, Role, read_manifest
from edge.vision.models import ModelStore
from edge.vision.photo import load_photo
from edge.vision.pipeline import Pipeline
from tests.support.tolerance import SINGLE

STORE = ModelStore(models_directory())
EMBEDDERS = [STORE.load(role) for role in (Role.EMBEDDER, Role.COMPANION)]
LIMITS = QualityLimits()


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder(EMBEDDERS, STORE.template)


@pytest.fixture(scope="module")
def aligned(photos: Path) -> Pixels:
    """A face of the size at which the embedders look; good enough for them without a mesh."""
    pixels = load_photo(photos / "obama.jpg")
    box = Pipeline(STORE, LIMITS).detect(Frame(pixels, 0))[0].box
    face = Image.fromarray(pixels).resize((112, 112), box=(box.x0, box.y0, box.x1, box.y1))
    return np.asarray(face)


def test_a_template_is_both_vectors_by_their_weights(embedder, aligned: Pixels) -> None:
    vector = embedder.embed(aligned).vector
    assert vector.shape == (192 + 512,)
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=SINGLE)
    weights = [part.weight for part in STORE.template.part]
    assert np.linalg.norm(vector[:192]) ** 2 == pytest.approx(weights[0] / sum(weights), abs=SINGLE)
    for model, mine in zip(EMBEDDERS, (vector[:192], vector[192:]), strict=True):
        raw = model.run(model.prepare(aligned))[0][0]
        assert mine @ raw / np.linalg.norm(mine) / np.linalg.norm(raw) == pytest.approx(1.0, abs=SINGLE)


def test_a_mirrored_template_does_not_know_left_from_right(embedder, aligned: Pixels) -> None:
    mirror = np.ascontiguousarray(aligned[:, ::-1])
    one, other = (embedder.embed(face, mirrored=True) for face in (aligned, mirror))
    assert one.vector == pytest.approx(other.vector, abs=SINGLE)
    assert embedder.embed(aligned).vector @ embedder.embed(mirror).vector < 0.99
    assert one.demand == embedder.embed(aligned).demand


def test_less_is_asked_of_a_weak_face_and_never_much_less(embedder, aligned: Pixels) -> None:
    sharp = embedder.embed(aligned).demand
    blurred = [
        embedder.embed(np.asarray(Image.fromarray(aligned).filter(ImageFilter.GaussianBlur(radius)))).demand
        for radius in (3, 40)
    ]
    assert sharp > blurred[0] >= blurred[1] == -0.25 * STORE.template.demand


def test_a_model_without_a_direction_is_broken(embedder, aligned: Pixels, monkeypatch) -> None:
    for broken in (np.zeros((1, 192), np.float32), np.full((1, 192), np.nan, np.float32)):
        monkeypatch.setattr(EMBEDDERS[0], "run", lambda _tensor, broken=broken: (broken,))
        with pytest.raises(ArithmeticError, match="broken"):
            embedder.embed(aligned)


@pytest.mark.parametrize("limits", [LIMITS, ENROLMENT_LIMITS], ids=["matching", "enrolment"])
def test_a_study_under_a_gate_is_what_a_look_says(photos: Path, limits: QualityLimits) -> None:
    pipeline = Pipeline(STORE, limits, mirrored=limits is ENROLMENT_LIMITS)
    for path in sorted(photos.glob("*.[jp]*")):
        pixels = load_photo(path)
        scaled = [pixels, np.asarray(Image.fromarray(pixels).resize((90, 120))), pixels // 8]
        for frame in (Frame(one, 0) for one in scaled):
            sight, study = pipeline.look(frame), pipeline.study(frame)
            assert (study is None) == (sight.box is None)
            if study is None:
                continue
            assert pipeline.gate(study, limits) is sight.reason
            if sight.probe is not None:
                mine = study.template if limits is ENROLMENT_LIMITS else study.probe
                assert mine.vector == pytest.approx(sight.probe.embedding, abs=SINGLE)
                assert mine.demand == pytest.approx(sight.probe.demand, abs=SINGLE)


def test_a_rival_is_a_face_that_could_punch() -> None:
    first = Box(200, 150, 340, 290)
    beside, cut_off, far = Box(400, 150, 510, 260), Box(560, 150, 670, 260), Box(20, 20, 95, 95)
    assert face_of([beside, first], 640, 480, LIMITS) == (first, True)
    assert face_of([cut_off, first], 640, 480, LIMITS) == (first, False)
    assert face_of([far, first], 640, 480, LIMITS) == (first, False)
    assert face_of([first], 640, 480, LIMITS) == (first, False)


@pytest.mark.parametrize(
    ("was", "becomes", "word"),
    [
        ('{ model = "fr-feature-512", weight', '{ model = "facenet-9", weight', "embedders are"),
        ('{ model = "mobilefacenet-192", weight = 0.5', '{ model = "mobilefacenet-192", weight = 0.0', "weight"),
        ('role = "companion"', 'role = "detector"', "role"),
        ("demand = 0.1", "demand = -1", "demand"),
        ("[template]", "[templates]", "template"),
        ('id = "mobilefacenet-192+fr-feature-512"', 'id = "../up"', "template.id"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(tmp_path: Path, was: str, becomes: str, word: str) -> None:
    shutil.copy(models_directory() / FILE, tmp_path)
    text = (tmp_path / FILE).read_text()
    assert was in text
    (tmp_path / FILE).write_text(text.replace(was, becomes, 1))
    with pytest.raises(ModelError, match=word):
        read_manifest(tmp_path)
