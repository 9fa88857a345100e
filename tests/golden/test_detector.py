"""Our decoding of BlazeFace against MediaPipe's own, on real photographs.

Given the model's own 128×128 pixels nobody resamples, and what is compared is the decoding. At a camera's size
MediaPipe samples without a filter and we with one, so that the model itself sees other pixels.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.domain.face import Frame
from edge.vision.detector import BlazeFaceDetector
from edge.vision.image import FrameImage
from edge.vision.manifest import Role
from edge.vision.models import ModelStore
from edge.vision.photo import load_photo

DECODING_PX = 2.0
"""Of 128: MediaPipe truncates a box's corner and its size to whole pixels, so a corner may be off by nearly two."""
POINTS_PX = 0.05
"""Of 128; points are not rounded. MediaPipe counts from the picture's edge, we from a pixel's centre: 0.5."""
SAMPLING = 2 * 480 / 128
"""Two pixels of the model, in those of a frame 480 tall."""
NAMES = ["astronaut.png", "biden.jpg", "obama.jpg", "obama2.jpg", "obama3.jpg"]
MODELS = Path(__file__).resolve().parents[2] / "models"


def saved(folder: Path, photo: Path, side: int) -> Path:
    """The photograph in a square of that side, without loss; its lower part is cut where it is tall."""
    image = Image.fromarray(load_photo(photo))
    height = min(image.height, image.width)
    top = image.crop((0, 0, image.width, height)).resize((side, side), Image.Resampling.BOX)
    top.save(folder / f"{photo.name}.{side}.png")
    return folder / f"{photo.name}.{side}.png"


def reference(pictures: list[Path]) -> list[dict[str, list[float]]]:
    script = Path(__file__).with_name("reference_detector.py")
    model = MODELS / "blazeface_short_range.tflite"
    done = subprocess.run(
        [sys.executable, script, model, *pictures], text=True, capture_output=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: list[dict[str, list[float]]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(("side", "corners", "points"), [(128, DECODING_PX, POINTS_PX), (480, SAMPLING, SAMPLING)])
def test_boxes_and_points_are_mediapipes(photos, tmp_path: Path, side: int, corners: float, points: float) -> None:
    pictures = [saved(tmp_path, photos / name, side) for name in NAMES]
    detector = BlazeFaceDetector(ModelStore(MODELS).load(Role.DETECTOR))
    for path, theirs in zip(pictures, reference(pictures), strict=True):
        ours = detector.detect(FrameImage(Frame(load_photo(path), 0).pixels))[0]
        box = [ours.box.x0, ours.box.y0, ours.box.x1, ours.box.y1]
        assert np.abs(np.subtract(box, theirs["box"])).max() <= corners, path.name
        # Beyond the decoding, the ears are where the model itself is least sure: other pixels move them most.
        compared = slice(6 if side == 128 else 4)
        apart = np.abs(ours.points + 0.5 - np.array(theirs["points"]))[compared]
        assert apart.max() <= points, path.name
