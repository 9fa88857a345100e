"""A frame's way to a probe, and the frames that every benchmark looks at."""

import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from edge.domain.face import Frame, Pixels
from edge.domain.recognition.quality import QualityLimits
from edge.resources import models_directory, photos_directory
from edge.vision.models import ModelStore
from edge.vision.photo import load_photo
from edge.vision.pipeline import Pipeline
from tests.bench.row import Row

_LOOKS = 60


def frame_to_probe() -> Iterator[Row]:
    """One whole look at a frame with a face: detection to embedding, on one thread."""
    pipeline = Pipeline(ModelStore(models_directory()), QualityLimits(), threads=1)
    frame = Frame(scaled(load_photo(photos_directory() / "obama.jpg")), 0)
    if pipeline.look(frame).probe is None:
        raise RuntimeError("the benchmark's photograph gives no probe")
    empty = Frame(np.full((480, 640, 3), 128, np.uint8), 0)
    yield Row("frame → probe, p50", round(_median_ms(lambda: pipeline.look(frame), _LOOKS), 2), "ms, 1 thread")
    yield Row("frame → nobody, p50", round(_median_ms(lambda: pipeline.look(empty), _LOOKS), 2), "ms, 1 thread")


def scaled(photo: Pixels) -> Pixels:
    """A portrait as the camera would see it: 640×480, the face about 180 px tall."""
    image = Image.fromarray(photo)
    image = image.resize((round(image.width * 740 / image.height), 740))
    canvas = Image.new("RGB", (640, 480), (128, 128, 128))
    canvas.paste(image, ((640 - image.width) // 2, 0))
    return np.asarray(canvas)


def _median_ms(act: Callable[[], object], count: int) -> float:
    act()
    return statistics.median(_timed_ms(act) for _ in range(count))


def _timed_ms(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000
