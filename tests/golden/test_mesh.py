"""Our face mesh against MediaPipe 0.10.18's own, recorded by tests/support/mesh_recorder.py."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.vision.detector import BlazeFaceDetector
from edge.vision.image import FrameImage
from edge.vision.landmarks import FaceMesh
from edge.vision.manifest import Role
from edge.vision.models import ModelStore
from edge.vision.photo import load_photo

RECORDED = json.loads(Path(__file__).with_name("mesh.json").read_text())
STORE = ModelStore(Path(__file__).resolve().parents[2] / "models")
MEAN_PX, WORST_SHARE = 1.5, 0.02
"""Pixels, and share of the face's height: the sampling filter differs, and points on the outline move most."""


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_the_mesh_is_mediapipes(photos: Path, name: str) -> None:
    image = Image.fromarray(load_photo(photos / name))
    side = min(image.size)
    top = image.crop((0, 0, image.width, side)).resize((480, 480), Image.Resampling.BOX)
    frame = FrameImage(np.ascontiguousarray(np.asarray(top)))
    face = BlazeFaceDetector(STORE.load(Role.DETECTOR)).detect(frame)[0]
    mesh = FaceMesh(STORE.load(Role.LANDMARKS)).locate(frame, face)
    apart = np.linalg.norm(mesh.points[:, :2] + 0.5 - np.array(RECORDED[name]), axis=1)
    assert apart.mean() <= MEAN_PX
    assert apart.max() <= WORST_SHARE * face.box.height
    assert mesh.presence > 0.5
