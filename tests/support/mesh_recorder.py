"""Record what MediaPipe 0.10.18's own FaceMesh says of the photographs: run in an environment of its own.

    python3.11 -m venv /tmp/mesh && /tmp/mesh/bin/pip install mediapipe==0.10.18 pillow
    /tmp/mesh/bin/python tests/support/mesh_recorder.py > tests/golden/mesh.json

The photographs' upper square, 480 pixels a side; a list of 468 [x, y] a file, in pixels from the picture's edge.
"""

import json
from pathlib import Path

import mediapipe as mp
import numpy as np
from PIL import Image

SIDE = 480
PHOTOS = Path(__file__).resolve().parents[1] / "photos"


def main() -> None:
    """Print the JSON."""
    found = {}
    with mp.solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=1) as mesh:
        for path in sorted(PHOTOS.glob("*.[jp]*")):
            with Image.open(path) as image:
                whole = image.convert("RGB")
            side = min(whole.size)
            top = whole.crop((0, 0, whole.width, side)).resize((SIDE, SIDE), Image.Resampling.BOX)
            result = mesh.process(np.ascontiguousarray(top))
            points = result.multi_face_landmarks[0].landmark
            found[path.name] = [[round(p.x * SIDE, 2), round(p.y * SIDE, 2)] for p in points]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
