"""Enrolment with a camera that no service uses: the same rules as beside the running terminal."""

from pathlib import Path

import pytest

from edge.domain.recognition.guided_enrolment import TEMPLATES
from edge.domain.recognition.head_turn import Side
from edge.domain.recognition.quality import ENROLMENT_LIMITS
from edge.errors import EnrolmentRefused
from edge.resources import models_directory
from edge.terminal.operator import probes
from edge.terminal.operator.probes import probes_from_camera
from edge.vision.antispoof import AntiSpoof
from edge.vision.models import ModelStore
from edge.vision.pipeline import Pipeline
from tests.support.actor import Actor


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline(ModelStore(Path(models_directory(""))), ENROLMENT_LIMITS, threads=2, mirrored=True)


def test_a_person_who_follows_the_advice_gives_varied_templates(pipeline) -> None:
    actor = Actor()
    actor.stand()
    found = probes_from_camera(actor.camera, pipeline, Side.RIGHT, actor.follow)
    assert len(found) == TEMPLATES
    sides = [text for text in actor.told if "turn your head" in text]
    assert "right" in sides[0]


def test_a_photograph_that_is_only_held_up_gives_none(pipeline, monkeypatch) -> None:
    monkeypatch.setattr(probes, "WITHIN_S", 5.0)
    actor = Actor()
    actor.stand()
    with pytest.raises(EnrolmentRefused, match=r"of 5 good pictures"):
        probes_from_camera(actor.camera, pipeline, Side.LEFT, actor.told.append)


def test_what_is_not_alive_gives_none(pipeline, monkeypatch) -> None:
    monkeypatch.setattr(AntiSpoof, "liveness", lambda *_: 0.1)
    actor = Actor()
    actor.stand()
    with pytest.raises(EnrolmentRefused, match="no living face"):
        probes_from_camera(actor.camera, pipeline, Side.LEFT, actor.follow)
