"""Finding faces: BlazeFace short range, decoded here.

The decoding follows MediaPipe's face_detection_short_range graph (SsdAnchors, TensorsToDetections and
NonMaxSuppression calculators); a golden test holds it to MediaPipe's own FaceDetector.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.domain.face import Box, Detection, Floats
from edge.vision.image import FrameImage
from edge.vision.models import LiteModel

_LAYERS = ((8, 2), (16, 6))
"""(stride, anchors a cell). The graph lists strides 8, 16, 16, 16 with two anchors each; SsdAnchorsCalculator
merges neighbours of the same stride cell by cell, so that a cell of stride 16 has six in a row."""
_SCORE_CLIP = 100.0
"""Logits are clipped to ±100 before the sigmoid (`score_clipping_thresh`)."""
_POINTS = 6


class Detector(Protocol):
    """A detector: finds the faces in a frame."""

    def detect(self, image: FrameImage) -> list[Detection]:
        """Every face, best score first."""


class BlazeFaceDetector:
    """MediaPipe's short-range model (faces within about two metres) in LiteRT."""

    def __init__(self, model: LiteModel) -> None:
        """Reads `score` and `suppression` (an IoU) from the manifest's thresholds."""
        self._model = model
        self._size = model.spec.input.size
        self._anchors = anchors(self._size)
        self._score = model.spec.thresholds["score"]
        self._suppression = model.spec.thresholds["suppression"]

    def detect(self, image: FrameImage) -> list[Detection]:
        """Every face with at least the manifest's score, best first, one detection a face."""
        square = image.letterbox(self._size)
        regressors, logits = self._model.run(self._model.prepare(square.pixels))
        scores = sigmoid(np.clip(logits[0, :, 0], -_SCORE_CLIP, _SCORE_CLIP))
        keep = np.flatnonzero(scores >= self._score)
        if not keep.size:
            return []
        corners, points = decode(regressors[0, keep], self._anchors[keep], self._size)
        merged = weighted_nms(corners, points, scores[keep], self._suppression)
        found = []
        for corner, point, score in merged:
            (x0, y0), (x1, y1) = square.to_frame(corner.reshape(2, 2))
            box = Box(float(x0), float(y0), float(x1), float(y1))
            found.append(Detection(box, score, square.to_frame(point)))
        return found


def anchors(size: int) -> Floats:
    """(n, 2) anchor centres in 0..1; anchors have unit size (`fixed_anchor_size`), so only centres matter."""
    layers = []
    for stride, per_cell in _LAYERS:
        cells = size // stride
        centre = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        y, x = np.meshgrid(centre, centre, indexing="ij")
        layers.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), per_cell, axis=0))
    return np.concatenate(layers)


def decode(regressors: Floats, centres: Floats, size: int) -> tuple[Floats, Floats]:
    """Regressors (n, 16) to corners (n, 4: x0 y0 x1 y1) and points (n, 6, 2), pixels from the square's edge.

    A row is x, y, width, height and six points, each in pixels relative to the anchor.
    """
    origin = centres * np.float32(size)
    middle, extent = regressors[:, :2] + origin, regressors[:, 2:4]
    corners = np.concatenate([middle - extent / 2, middle + extent / 2], axis=1)
    points = regressors[:, 4:].reshape(-1, _POINTS, 2) + origin[:, None]
    return corners, points


def weighted_nms(
    corners: Floats, points: Floats, scores: Floats, limit: float
) -> list[tuple[Floats, Floats, float]]:
    """Merge overlapping detections into their score-weighted mean; the best score of each group stands for it.

    MediaPipe's WEIGHTED non-maximum suppression: the best detection takes every other that overlaps it by more
    than `limit` (IoU).
    """
    left = np.argsort(-scores, kind="stable")
    merged = []
    while left.size:
        overlaps = iou(corners[left[0]], corners[left]) > limit
        overlaps[0] = True  # Also when its box is degenerate and overlaps nothing, itself included.
        group = left[overlaps]
        weight = scores[group] / scores[group].sum()
        corner = np.tensordot(weight, corners[group], axes=1)
        point = np.tensordot(weight, points[group], axes=1)
        merged.append((corner, point, float(scores[left[0]])))
        left = left[~overlaps]
    return merged


def iou(one: Floats, many: Floats) -> Floats:
    """Intersection over union of one box (4,) with many (n, 4); 0 for degenerate boxes."""
    low, high = np.maximum(one[:2], many[:, :2]), np.minimum(one[2:], many[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    area = np.clip(many[:, 2:] - many[:, :2], 0, None).prod(axis=1)
    total = np.clip(one[2:] - one[:2], 0, None).prod() + area - shared
    return np.asarray(np.divide(shared, total, out=np.zeros_like(shared), where=total > 0))


def sigmoid(x: NDArray[np.float32]) -> Floats:
    """The logistic function, without overflow for any finite input."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)), np.float32)
