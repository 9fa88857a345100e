"""The face mesh: 468 points in 3-D by MediaPipe's face_landmark model, in LiteRT.

The region follows MediaPipe's face_landmark_front graph: the detection box, turned so that the eyes are level,
widened by half, squared on its long side. A golden test holds the points to MediaPipe's own FaceMesh.
"""

from dataclasses import dataclass
from math import atan2, cos, sin

import numpy as np

from edge.domain.face import Detection, Floats
from edge.vision.detector import sigmoid
from edge.vision.image import FrameImage, Matrix
from edge.vision.models import LiteModel

_SCALE = 1.5
"""Region over box (`RectTransformationCalculator` scale_x, scale_y)."""
_RIGHT_EYE, _LEFT_EYE = 0, 1
"""Of a detection's points."""


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """Where the parts of a face are."""

    points: Floats
    """(468, 3): x, y in frame pixels; z in about the same scale, smaller is nearer the camera."""
    presence: float
    """0..1: whether there is a face in the region at all."""


class FaceMesh:
    """The landmark model."""

    def __init__(self, model: LiteModel) -> None:
        """`model` serves the landmarks role."""
        self._model = model
        self._size = model.spec.input.size

    def locate(self, image: FrameImage, face: Detection) -> Mesh:
        """The mesh of a detected face."""
        to_frame = region(face, self._size)
        mesh, presence = self._model.run(self._model.prepare(image.warp(to_frame, self._size)))
        points = mesh.reshape(-1, 3).astype(np.float64)
        # The model counts from the edge of the picture; the matrix maps centres.
        flat = (points[:, :2] - 0.5) @ to_frame[:, :2].T + to_frame[:, 2]
        depth = points[:, 2:] * np.hypot(*to_frame[:, 0][:2])
        located = np.concatenate([flat, depth], axis=1).astype(np.float32)
        return Mesh(located, float(sigmoid(presence.ravel())[0]))


def region(face: Detection, size: int) -> Matrix:
    """The 2×3 matrix from a size×size picture to the frame: level eyes, 1.5 × the box, square."""
    right, left = face.points[_RIGHT_EYE], face.points[_LEFT_EYE]
    angle = atan2(float(left[1] - right[1]), float(left[0] - right[0]))
    side = max(face.box.width, face.box.height) * _SCALE
    scale = side / size
    linear = np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]]) * scale
    middle = np.array([(size - 1) / 2] * 2)
    return np.column_stack([linear, np.array(face.box.centre) - linear @ middle])
