"""A face in bad light on the whole way from camera to answer: metered, it is recognised; unmetered, refused."""

from pathlib import Path

import pytest

from edge.adapters.replay.camera import ReplayCamera
from edge.adapters.replay.scene import Scene
from edge.domain.face import Frame
from edge.domain.recognition.calibration import Scorebook
from edge.domain.recognition.decision import DecisionPolicy, Refused
from edge.domain.recognition.gallery import Gallery
from edge.domain.recognition.quality import QualityLimits
from edge.domain.vocabulary import RefusalReason
from edge.resources import models_directory
from edge.terminal.attendance.capture import Capture, Pace
from edge.terminal.attendance.face_recognition import FaceRecognition, FaceRules
from edge.terminal.attendance.punch_recorder import Identified
from edge.terminal.attendance.sights import Sights
from edge.terminal.runtime.workers import LatestSlot
from edge.vision.models import ModelStore
from edge.vision.photo import load_photo
from edge.vision.pipeline import Pipeline

DIM = 0.26
"""Of the light: a face before it has a luminance of about 35, and 40 is the least that passes."""


class Blind(Pace):
    """A camera that cannot be asked for more light."""

    @property
    def ev(self) -> float:
        return 0.0

    @ev.setter
    def ev(self, value: float) -> None:
        pass


@pytest.mark.parametrize(("pace", "recognised"), [(Pace(), True), (Blind(), False)])
def test_a_dark_face_is_metered_until_it_is_recognised(pace, recognised: bool, photos: Path) -> None:
    store = ModelStore(models_directory())
    pipeline = Pipeline(store, QualityLimits())
    photo = load_photo(photos / "obama3.jpg")
    (face,) = pipeline.detect(Frame(photo, 0))
    enrolled = pipeline.study(Frame(load_photo(photos / "obama2.jpg"), 0))
    assert enrolled is not None
    fmr = {float(rate): cosine for rate, cosine in store.template.fmr.items()}
    rules, scores = FaceRules(DecisionPolicy(), 0.001, fmr), Scorebook(pipeline.embedder_id)
    sights, faces = Sights(pipeline, pace), FaceRecognition(rules, pipeline.model_ids, scores)
    gallery = Gallery.of(pipeline.embedder_id, [("a" * 26, enrolled.template.vector[None])])
    faces.enrolled.replace(gallery, 0.0)
    scene, slot, now_ms = Scene(), LatestSlot[Frame](), [0]

    def sleep(seconds: float) -> None:
        now_ms[0] += max(round(seconds * 1000), 1)

    camera = ReplayCamera(scene, fps=15, now_ns=lambda: now_ms[0] * 1_000_000, sleep=sleep)
    capture = Capture(camera, slot, pace)
    capture.open()
    scene.show(photo, aim=face.box, gain=DIM)
    outcomes = []
    for _ in range(60):
        capture.run_once()
        frame = slot.take(0)
        assert frame is not None
        outcomes.append(faces.observe(sights.of(frame), now_ms[0]))
    capture.close()
    assert any(isinstance(one, Identified) for one in outcomes) == recognised
    assert any(isinstance(one, Refused) and one.reason is RefusalReason.DARK for one in outcomes) != recognised
