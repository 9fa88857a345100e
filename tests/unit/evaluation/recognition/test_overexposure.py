"""What brightens pictures to see what over-exposure costs."""

from pathlib import Path

import numpy as np

from edge.domain.face import Frame
from edge.domain.recognition.quality import ENROLMENT_LIMITS, QualityLimits
from edge.domain.vocabulary import RefusalReason
from edge.evaluation.recognition.overexposure import brighten
from edge.resources import models_directory
from edge.vision.models import ModelStore
from edge.vision.photo import load_photo
from edge.vision.pipeline import Pipeline


def test_a_gain_of_one_changes_nothing_and_more_clips() -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    assert (brighten(ramp, 1.0) == ramp).all()
    brighter = brighten(ramp, 4.0)
    assert (brighter >= ramp).all()
    assert (brighter == 255).mean() > 0.4
    assert brighter[0, 0, 0] == 0


def test_a_third_burnt_out_is_still_matched_and_most_of_a_face_is_too_bright(photos: Path) -> None:
    pipeline = Pipeline(ModelStore(models_directory()), QualityLimits())
    pixels = load_photo(photos / "obama2.jpg")
    own = pipeline.study(Frame(load_photo(photos / "obama3.jpg"), 0))
    assert own is not None
    told = {}
    for gain in (1.0, 2.0, 3.0, 4.0, 6.0, 10.0, 20.0):
        study = pipeline.study(Frame(brighten(pixels, gain), 0))
        assert study is not None
        reason = pipeline.gate(study, QualityLimits())
        told[gain] = reason
        if reason is None:
            assert float(own.template.vector @ study.probe.vector) > 0.53
        if 0.25 < study.measures.clipped <= 0.5:
            assert reason is None
            assert pipeline.gate(study, ENROLMENT_LIMITS) is RefusalReason.BRIGHT, "a template is not made of it"
    assert told[1.0] is None
    assert told[20.0] is RefusalReason.BRIGHT
