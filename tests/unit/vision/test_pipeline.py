"""The gate and the pipeline on real photographs in front of the replay camera's scene."""

from pathlib import Path

import numpy as np
import pytest

from edge.adapters.replay.scene import Scene
from edge.domain.face import Frame
from edge.domain.pad import verdict
from edge.domain.recognition import quality
from edge.domain.recognition.quality import QualityLimits
from edge.domain.vocabulary import Band, RefusalReason
from edge.resources import models_directory
from edge.vision.models import ModelStore
from edge.vision.photo import load_photo
from edge.vision.pipeline import Pipeline

STORE = ModelStore(models_directory())


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline(STORE, QualityLimits(), threads=1)


def looks(pipeline: Pipeline, photo: Path, face_height: float = 180, **how: float):
    pixels = load_photo(photo)
    aim = pipeline.detect(Frame(pixels, 0))[0].box
    scene = Scene()
    scene.show(pixels, aim=aim, face_height=face_height, **how)
    return [pipeline.look(Frame(scene.render(at), 0)) for at in np.arange(0, 3, 0.5)]


@pytest.mark.parametrize("name", ["astronaut.png", "biden.jpg", "obama.jpg", "obama2.jpg", "obama3.jpg"])
@pytest.mark.parametrize("face_height", [130, 180, 240])
def test_good_pictures_pass_the_gate(pipeline, photos: Path, name: str, face_height: float) -> None:
    assert [sight.reason for sight in looks(pipeline, photos / name, face_height)] == [None] * 6


@pytest.mark.parametrize(
    ("name", "how", "reason"),
    [
        ("biden.jpg", {"blur": 9.0}, RefusalReason.BLURRED),
        ("biden.jpg", {"gain": 0.1}, RefusalReason.DARK),
        # Of the photographs, the only one that the detector still finds this small in every frame.
        ("obama2.jpg", {"face_height": 52}, RefusalReason.TOO_FAR),
        ("biden.jpg", {"face_height": 430}, RefusalReason.TOO_CLOSE),
    ],
)
def test_bad_pictures_are_refused_with_what_to_change(pipeline, photos: Path, name: str, how, reason) -> None:
    assert [sight.reason for sight in looks(pipeline, photos / name, **how)] == [reason] * 6


def test_an_empty_room_and_a_black_frame_show_nobody(pipeline) -> None:
    assert pipeline.look(Frame(Scene().render(0), 7)).box is None
    assert pipeline.look(Frame(np.zeros((480, 640, 3), np.uint8), 7)).box is None


def test_one_person_is_alike_and_two_are_not(pipeline, photos: Path) -> None:
    ana, again, other = (
        looks(pipeline, photos / n)[0].probe.embedding for n in ("obama.jpg", "obama3.jpg", "biden.jpg")
    )
    assert ana @ again > 0.6 > 0.3 > ana @ other


def test_liveness_fails_closed_and_is_the_manifests() -> None:
    assert STORE.spec("antispoof").thresholds["live"] == verdict.LIVE
    assert not any(verdict.is_live(p) for p in (float("nan"), -0.1, 1.1, float("inf"), 0.49))
    assert [verdict.liveness_band(p) for p in (0.95, 0.6, 0.1, float("nan"))] == [
        Band.HIGH,
        Band.MEDIUM,
        Band.LOW,
        Band.LOW,
    ]
    assert [quality.band(s) for s in (0.9, 0.5, 0.1, float("nan"))] == [Band.HIGH, Band.MEDIUM, Band.LOW, Band.LOW]
