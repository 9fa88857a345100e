"""Displays held before the camera, drawn of the photographs here: what texture lets pass, the fusion refuses."""

from pathlib import Path

import numpy as np
import pytest

from edge.domain.face import Box, Frame, Pixels
from edge.domain.pad.verdict import Layer, PadVerdict, Vote, pad_verdict
from edge.domain.recognition.quality import QualityLimits
from edge.evaluation.pad.held_display import held_display
from edge.resources import models_directory
from edge.vision.models import ModelStore
from edge.vision.photo import load_photo
from edge.vision.pipeline import Pipeline


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline(ModelStore(models_directory()), QualityLimits(), wide_every=1)


def face(pipeline: Pipeline, pixels: Pixels) -> Box:
    return max((one.box for one in pipeline.detect(Frame(pixels, 0))), key=lambda box: box.height)


def judged(pipeline: Pipeline, pixels: Pixels) -> PadVerdict:
    probe = pipeline.look(Frame(pixels, 0)).probe
    assert probe is not None
    return pad_verdict([probe] * 3)


@pytest.mark.parametrize("name", ["obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg", "astronaut.png"])
def test_a_genuine_photograph_is_refused_by_no_layer(pipeline: Pipeline, photos: Path, name: str) -> None:
    verdict = judged(pipeline, load_photo(photos / name))
    assert verdict.live
    assert Vote.ATTACK not in {opinion.vote for opinion in verdict.opinions.values()}


@pytest.mark.parametrize(
    ("name", "seed"), [("obama2.jpg", 1), ("obama2.jpg", 7), ("obama3.jpg", 2), ("obama3.jpg", 6), ("biden.jpg", 1)]
)
def test_a_display_that_texture_lets_pass_is_refused(
    pipeline: Pipeline, photos: Path, name: str, seed: int
) -> None:
    pixels, room = load_photo(photos / name), load_photo(photos / "astronaut.png")
    shown = held_display(pixels, face(pipeline, pixels), room, np.random.default_rng(seed))
    verdict = judged(pipeline, shown)
    assert verdict.opinions[Layer.TEXTURE].vote is Vote.LIVE
    assert verdict.opinions[Layer.FUSION].vote is Vote.ATTACK
    assert not verdict.live


def test_the_sides_of_a_display_enclose_the_face(pipeline: Pipeline, photos: Path) -> None:
    pixels, room = load_photo(photos / "biden.jpg"), load_photo(photos / "astronaut.png")
    shown = held_display(pixels, face(pipeline, pixels), room, np.random.default_rng(1))
    assert judged(pipeline, shown).opinions[Layer.ENCLOSURE].vote is Vote.ATTACK


def test_a_seed_draws_the_same_display(photos: Path) -> None:
    pixels = load_photo(photos / "astronaut.png")
    first, again, other = (
        held_display(pixels, Box(180, 60, 280, 160), pixels, np.random.default_rng(seed)) for seed in (4, 4, 5)
    )
    assert np.array_equal(first, again)
    assert first.shape[:2] in {(480, 640), (640, 480)}
    assert first.shape != other.shape or not np.array_equal(first, other)
