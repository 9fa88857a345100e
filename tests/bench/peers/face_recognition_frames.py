"""face_recognition's way from a frame to a decision: dlib's HOG detector, its encoder, a distance to everyone.

Runs in the peers' own environment, without the product: `face_recognition_frames.py FRAMES.npy LOOKS PEOPLE`.
Prints JSON: ms (median a frame), rss_mb (peak of the process), faces (frames with a face).
"""

import json
import resource
import statistics
import sys
import time

import face_recognition
import numpy as np


def main(path: str, looks: int, people: int) -> None:
    """Measure."""
    frames = np.load(path)
    gallery = list(np.random.default_rng(0).normal(0, 0.1, (people, 128)))

    def decide(frame: np.ndarray) -> bool:
        places = face_recognition.face_locations(frame, model="hog")
        for encoding in face_recognition.face_encodings(frame, places):
            int(np.argmin(face_recognition.face_distance(gallery, encoding)))
        return bool(places)

    faces = sum(decide(frame) for frame in frames)
    times = []
    for n in range(looks):
        frame = frames[n % len(frames)]
        began = time.perf_counter()
        decide(frame)
        times.append(time.perf_counter() - began)
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"ms": statistics.median(times) * 1000, "rss_mb": peak_kib * 1024 / 1e6, "faces": int(faces)}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
