"""The second, wider look: the edges of a picture that is held up show in it, where the first look sees none."""

from pathlib import Path

import numpy as np
import pytest

from edge.adapters.replay.scene import Scene
from edge.domain.face import Frame, Pixels, Probe
from edge.domain.pad.verdict import Layer, Vote, pad_verdict
from edge.domain.recognition.quality import QualityLimits
from edge.resources import models_directory
from edge.vision.models import ModelStore
from edge.vision.photo import load_photo
from edge.vision.pipeline import WIDE_EVERY, Pipeline

STORE = ModelStore(models_directory())


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline(STORE, QualityLimits(), wide_every=1)


def shown(pipeline: Pipeline, pixels: Pixels, face_height: float = 130) -> Probe:
    scene = Scene(motion=False)
    scene.show(pixels, aim=pipeline.detect(Frame(pixels, 0))[0].box, face_height=face_height)
    probe = pipeline.look(Frame(scene.render(0), 0)).probe
    assert probe is not None
    return probe


def cut(pipeline: Pipeline, pixels: Pixels, width: float) -> Pixels:
    """A passport photograph: nothing but the face and so much around it."""
    box = pipeline.detect(Frame(pixels, 0))[0].box
    (x, y), across, down = box.centre, box.width * width / 2, box.height * width / 2
    return np.ascontiguousarray(
        pixels[max(0, int(y - down)) : int(y + down), max(0, int(x - across)) : int(x + across)]
    )


@pytest.mark.parametrize("name", ["obama.jpg", "obama2.jpg"])
def test_the_edges_of_a_passport_photograph_refuse_what_the_first_look_lets_pass(pipeline, photos, name) -> None:
    probe = shown(pipeline, cut(pipeline, load_photo(photos / name), 2.2))
    verdict = pad_verdict([probe] * 3)
    assert verdict.opinions[Layer.TEXTURE].vote is Vote.LIVE
    assert verdict.opinions[Layer.BORDER].vote is Vote.ATTACK
    assert not verdict.live


@pytest.mark.parametrize("name", ["obama.jpg", "obama3.jpg", "biden.jpg", "astronaut.png"])
def test_a_portrait_without_edges_in_view_passes_both(pipeline, photos: Path, name: str) -> None:
    verdict = pad_verdict([shown(pipeline, load_photo(photos / name))] * 3)
    assert verdict.live
    assert verdict.opinions[Layer.BORDER].vote is Vote.LIVE


def test_a_frame_that_does_not_hold_the_region_says_nothing(pipeline, photos: Path) -> None:
    probe = shown(pipeline, load_photo(photos / "obama.jpg"), face_height=200)
    assert probe.traces is not None
    assert probe.traces.wide is None
    assert pad_verdict([probe] * 3).opinions[Layer.BORDER].vote is Vote.ABSTAIN


def test_as_many_frames_as_a_decision_takes_hold_one_second_look(photos: Path) -> None:
    shipped = Pipeline(STORE, QualityLimits())
    pixels = load_photo(photos / "obama.jpg")
    looks = [shown(shipped, pixels).traces.wide for _ in range(2 * WIDE_EVERY)]
    assert [look is not None for look in looks] == [False, False, True] * 2
