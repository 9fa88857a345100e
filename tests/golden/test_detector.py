"""Our decoding of BlazeFace against MediaPipe's own, on real photographs at a camera's size."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.domain.types import Frame
from edge.vision.detector import BlazeFaceDetector
from edge.vision.image import FrameImage
from edge.vision.manifest import Role
from edge.vision.models import ModelStore
from edge.vision.photo import load_photo

TOLERANCE_PX = 2.0
"""At 480 pixels of height; MediaPipe rounds boxes to whole pixels and resamples with another filter."""
NAMES = ["astronaut.png", "biden.jpg", "obama.jpg", "obama2.jpg", "obama3.jpg"]
MODELS = Path(__file__).resolve().parents[2] / "models"


@pytest.fixture(scope="module")
def pictures(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The photographs, 480 pixels tall, without loss."""
    folder = tmp_path_factory.mktemp("pictures")
    for name in NAMES:
        image = Image.fromarray(load_photo(photos / name))
        image.resize((round(image.width * 480 / image.height), 480)).save(folder / f"{name}.png")
    return [folder / f"{name}.png" for name in NAMES]


@pytest.fixture(scope="module")
def reference(pictures: list[Path]) -> list[dict[str, list[float]]]:
    script = Path(__file__).with_name("reference_detector.py")
    model = MODELS / "blazeface_short_range.tflite"
    done = subprocess.run(
        [sys.executable, script, model, *pictures], text=True, capture_output=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("number", range(len(NAMES)), ids=NAMES)
def test_box_and_points_are_mediapipes_within_two_pixels(pictures, reference, number: int) -> None:
    detector = BlazeFaceDetector(ModelStore(MODELS).load(Role.DETECTOR))
    frame = Frame(load_photo(pictures[number]), 0)
    ours = detector.detect(FrameImage(frame.pixels))[0]
    theirs = reference[number]
    box = [ours.box.x0, ours.box.y0, ours.box.x1, ours.box.y1]
    assert np.abs(np.subtract(box, theirs["box"])).max() <= TOLERANCE_PX
    assert np.abs(ours.points - np.array(theirs["points"])).max() <= TOLERANCE_PX
