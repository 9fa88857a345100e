"""Our way from a frame to a decision, PAD and all, on one thread: `python -m tests.bench.peers.our_frames`.

Arguments and output are those of its peer, `face_recognition_frames`; a fourth argument `mediapipe` lets
MediaPipe's FaceDetector task find the faces, with the same model file.
"""

import json
import resource
import statistics
import sys
import time

import numpy as np

from edge.domain.face import Frame
from edge.domain.pad.verdict import pad_verdict
from edge.domain.recognition.decision import DecisionPolicy
from edge.domain.recognition.gallery import Gallery
from edge.domain.recognition.quality import QualityLimits
from edge.resources import models_directory
from edge.vision.detector import Detector
from edge.vision.manifest import Role
from edge.vision.models import ModelStore
from edge.vision.pipeline import Pipeline
from tests.bench.peers.mediapipe_detector import MediapipeDetector


def main(path: str, looks: int, people: int, engine: str = "litert") -> None:
    """Measure."""
    store = ModelStore(models_directory())
    detector: Detector | None = None
    if engine == "mediapipe":
        detector = MediapipeDetector(store.directory / store.spec(Role.DETECTOR).file)
    pipeline = Pipeline(store, QualityLimits(), threads=1, detector=detector)
    frames = [Frame(pixels, 0) for pixels in np.load(path)]
    probes = [pipeline.look(frame).probe for frame in frames]
    dimension = next(len(probe.embedding) for probe in probes if probe is not None)
    rows = np.random.default_rng(0).normal(size=(people, 1, dimension)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=2, keepdims=True)
    gallery = Gallery.of(pipeline.embedder_id, ((f"{n:026d}", row) for n, row in enumerate(rows)))
    live = DecisionPolicy().liveness

    def decide(frame: Frame) -> bool:
        probe = pipeline.look(frame).probe
        if probe is not None:
            gallery.best(probe)
            pad_verdict([probe], live=live)
        return probe is not None

    faces = sum(decide(frame) for frame in frames)
    times = []
    for n in range(looks):
        frame = frames[n % len(frames)]
        began = time.perf_counter()
        decide(frame)
        times.append(time.perf_counter() - began)
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"ms": statistics.median(times) * 1000, "rss_mb": peak_kib * 1024 / 1e6, "faces": faces}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
