"""What MediaPipe itself says of photographs, with our model file: a JSON list a photograph of (box, points).

Run in a process of its own: MediaPipe's imports and threads stay out of the tests.
"""

import json
import sys
from pathlib import Path

import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision
from PIL import Image

model, *photographs = sys.argv[1:]
options = vision.FaceDetectorOptions(
    base_options=BaseOptions(model_asset_buffer=Path(model).read_bytes()), min_detection_confidence=0.5
)
found = []
with vision.FaceDetector.create_from_options(options) as detector:
    for path in photographs:
        with Image.open(path) as image:
            pixels = np.ascontiguousarray(image.convert("RGB"))
        height, width = pixels.shape[:2]
        faces = detector.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=pixels)).detections
        box = faces[0].bounding_box
        points = [[point.x * width, point.y * height] for point in faces[0].keypoints]
        found.append(
            {
                "box": [box.origin_x, box.origin_y, box.origin_x + box.width, box.origin_y + box.height],
                "points": points,
            }
        )
print(json.dumps(found))
