"""The quality gate: is this picture of a face good enough to match, and if not, what should the person change?

Pure: arrays in, numbers and a `RefusalReason` out. The source of each default stands beside it: measurements on LFW
pictures that were degraded step by step (Gaussian and motion blur, dimming, shrinking), observing how far the
embedding moved from that of the original picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import atan2, degrees, hypot

import numpy as np
from numpy.typing import NDArray

from edge.domain.face import Box, Floats, Pixels
from edge.domain.vocabulary import Band, RefusalReason

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""ITU-R BT.601: the brightness of JPEG and video cameras."""
_CLIPPED = 250
"""Luminance (0..255) from which a pixel counts as burnt out."""
_FEATURES = (slice(28, 104), slice(22, 90))
"""Rows and columns of the aligned 112×112 face from the brows to the chin: no hair, no background."""
_RIGHT_EYE, _LEFT_EYE, _FOREHEAD, _CHIN = (33, 133), (362, 263), 10, 152
_LEVEL_PITCH = 0.0
_STEP = 3
"""Pixels over which detail is measured. Of the strides and smoothings that were tried, this one best separated
pictures whose embedding had moved (cosine under 0.7 to the original one) from pictures whose embedding had not
(over 0.9): AUC 0.965, against 0.53 at stride 1 without smoothing, over blur, motion, two light levels and three of
noise.
"""


@dataclass(frozen=True, slots=True)
class Pose:
    """Direction of a head, in degrees; all are 0 for a head that looks straight into the camera."""

    yaw: float
    """Positive: towards the subject's own left."""
    pitch: float
    """Positive: down."""
    roll: float
    """Positive: clockwise in the picture."""


@dataclass(frozen=True, slots=True)
class QualityMeasures:
    """Measures of a face that the gate judges."""

    face_height_px: float
    """Height of the detector's box, which reaches from the forehead to the chin."""
    face_share: float
    """The same height as a share of the frame's shorter side."""
    margin: float
    """Least distance from the box to a border of the frame, in face heights; negative beyond the border."""
    eyes_px: float
    """Distance between the centres of the eyes."""
    sharpness: float
    """The result of `sharpness`; a good picture has 0.09 to 0.5."""
    luminance: float
    """Mean over the features, 0..255."""
    clipped: float
    """Share of the features' pixels that are burnt out."""
    pose: Pose


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """Limits for matching. A measure beyond its limit refuses the picture; up to its `good` value it lowers the
    score.
    """

    face_height_px: float = 80.0
    """Below it somebody passes by rather than clocks in; at 640×480 and 60° it is about 1.5 m."""
    good_height_px: float = 130.0
    eyes_px: float = 26.0
    """The embedder was trained at 35 px between the eyes; enlarging a picture a little does no harm."""
    good_eyes_px: float = 40.0
    face_share: float = 0.8
    """Above it the lens distorts, and nothing around the face is left for the antispoof model."""
    margin: float = 0.0
    """The whole box must be inside the frame."""
    sharpness: float = 0.06
    good_sharpness: float = 0.15
    luminance_min: float = 40.0
    luminance_max: float = 240.0
    good_luminance: float = 70.0
    clipped: float = 0.5
    """Half of the face may be burnt out. Up to there, brightened pictures miss little more often than others, and
    strangers come no closer; beyond it, misses double and prints begin to pass
    (edge.evaluation.recognition.overexposure).
    """
    yaw: float = 45.0
    pitch: float = 35.0
    roll: float = 30.0
    """Degrees either way. On LFW nothing was gained by a lower limit (35 and 25 missed the same share of the people
    who were accepted, and accepted 136 pictures fewer), and nothing lost; docs/facts.md.
    """
    good_angle: float = 15.0
    rival: float = 0.6
    """A second face of at least this share of the first one's height, standing where it could punch, is a rival:
    nobody can tell whose punch it would be.
    """


@dataclass(frozen=True, slots=True)
class Assessment:
    """Verdict of the gate."""

    reason: RefusalReason | None
    """What the person should change; None when the picture is good enough."""
    score: float
    """0..1: 0 at any limit, 1 where every measure is good."""


ENROLMENT_LIMITS = replace(
    QualityLimits(),
    face_height_px=90.0,
    eyes_px=34.0,
    sharpness=0.09,
    luminance_min=50.0,
    luminance_max=220.0,
    clipped=0.15,
    yaw=25.0,
    pitch=20.0,
    roll=20.0,
)
"""Stricter limits for enrolment: a template is used for months."""


def face_of(boxes: Sequence[Box], width: int, height: int, limits: QualityLimits) -> tuple[Box, bool]:
    """The largest of at least one face in a frame of width×height pixels, and whether another one is a rival.

    A face that is too far away, or partly outside of the frame, would not be accepted and is no rival.
    """
    first, *others = sorted(boxes, key=lambda box: box.height, reverse=True)
    rivals = [box for box in others if box.height >= limits.rival * first.height]
    return first, any(placed(*placement(box, width, height), limits) is None for box in rivals)


def placement(box: Box, width: int, height: int) -> tuple[float, float, float]:
    """`face_height_px`, `face_share` and `margin` of a box in a frame of width×height pixels."""
    edge = min(box.x0 + 0.5, box.y0 + 0.5, width - 0.5 - box.x1, height - 0.5 - box.y1)
    return box.height, box.height / min(width, height), edge / box.height


def placed(height_px: float, share: float, margin: float, limits: QualityLimits) -> RefusalReason | None:
    """What to change about the place where the person stands; known before anything costly is computed."""
    if height_px < limits.face_height_px:
        return RefusalReason.TOO_FAR
    if share > limits.face_share:
        return RefusalReason.TOO_CLOSE
    return RefusalReason.OFF_CENTRE if margin < limits.margin else None


def grey(pixels: Pixels) -> Floats:
    """(..., 3) RGB to (...) luminance, 0..255."""
    return np.asarray(pixels @ _LUMA, np.float32)


def sharpness(aligned: Floats) -> float:
    """Amount of detail in an aligned (112, 112) grey face; light, contrast and sensor noise hardly change it.

    It is the variance of the second difference over the features, divided by their own variance. The smaller one of
    the two directions counts, because motion blurs only its own direction. The face is smoothed first and
    differenced over three pixels: at one pixel, the noise that a camera adds after the blur would count as detail.
    """
    smooth = _binomial(_binomial(aligned.astype(np.float64)))[_FEATURES]
    across = smooth[:, 2 * _STEP :] - 2 * smooth[:, _STEP:-_STEP] + smooth[:, : -2 * _STEP]
    down = smooth[2 * _STEP :] - 2 * smooth[_STEP:-_STEP] + smooth[: -2 * _STEP]
    return float(min(across.var(), down.var()) / (smooth.var() + 1.0))


def exposure(aligned: Floats) -> tuple[float, float]:
    """Mean luminance and share of burnt-out pixels over the features of an aligned (112, 112) grey face."""
    features = aligned[_FEATURES]
    return float(features.mean()), float((features >= _CLIPPED).mean())


def pose(mesh: Floats) -> Pose:
    """Angles of a (468, 3) mesh: yaw and roll from the line between the eyes, pitch from forehead to chin."""
    points = mesh.astype(np.float64)
    eyes = points[list(_LEFT_EYE)].mean(0) - points[list(_RIGHT_EYE)].mean(0)
    face = points[_CHIN] - points[_FOREHEAD]
    return Pose(
        yaw=degrees(atan2(eyes[2], hypot(eyes[0], eyes[1]))),
        pitch=degrees(atan2(face[2], hypot(face[0], face[1]))) - _LEVEL_PITCH,
        roll=degrees(atan2(eyes[1], eyes[0])),
    )


def eye_distance(mesh: Floats) -> float:
    """Pixels between the centres of the eyes of a (468, 3) mesh, as seen in the picture."""
    eyes: NDArray[np.float32] = mesh[list(_LEFT_EYE), :2].mean(0) - mesh[list(_RIGHT_EYE), :2].mean(0)
    return hypot(float(eyes[0]), float(eyes[1]))


def assess(measures: QualityMeasures, limits: QualityLimits) -> Assessment:
    """The first thing to change, in this order: place, light, pose, holding still."""
    reason = placed(measures.face_height_px, measures.face_share, measures.margin, limits)
    if reason is None:
        reason = _seen(measures, limits)
    return Assessment(reason, 0.0 if reason else _score(measures, limits))


def band(score: float) -> Band:
    """The coarse grade that a record may hold: HIGH from 2/3, MEDIUM from 1/3, otherwise LOW, also for NaN."""
    if score >= 2 / 3:
        return Band.HIGH
    return Band.MEDIUM if score >= 1 / 3 else Band.LOW


def _binomial(picture: NDArray[np.float64]) -> NDArray[np.float64]:
    """The array smoothed with 1-2-1 both ways, in the same shape: the outermost pixels stay as they are."""
    smooth = picture.copy()
    smooth[:, 1:-1] = (picture[:, :-2] + 2 * picture[:, 1:-1] + picture[:, 2:]) / 4
    across = smooth.copy()
    smooth[1:-1] = (across[:-2] + 2 * across[1:-1] + across[2:]) / 4
    return smooth


def _seen(measures: QualityMeasures, limits: QualityLimits) -> RefusalReason | None:
    turned = measures.pose
    checks = (
        (measures.eyes_px >= limits.eyes_px or abs(turned.yaw) > limits.yaw, RefusalReason.TOO_FAR),
        (measures.luminance >= limits.luminance_min, RefusalReason.DARK),
        (measures.luminance <= limits.luminance_max and measures.clipped <= limits.clipped, RefusalReason.BRIGHT),
        (abs(turned.yaw) <= limits.yaw, RefusalReason.TURNED),
        (abs(turned.pitch) <= limits.pitch, RefusalReason.TURNED),
        (abs(turned.roll) <= limits.roll, RefusalReason.TURNED),
        (measures.sharpness >= limits.sharpness, RefusalReason.BLURRED),
    )
    return next((reason for passed, reason in checks if not passed), None)


def _score(measures: QualityMeasures, limits: QualityLimits) -> float:
    turned = measures.pose
    return min(
        _ramp(measures.face_height_px, limits.face_height_px, limits.good_height_px),
        _ramp(measures.eyes_px, limits.eyes_px, limits.good_eyes_px),
        _ramp(measures.sharpness, limits.sharpness, limits.good_sharpness),
        _ramp(measures.luminance, limits.luminance_min, limits.good_luminance),
        _ramp(measures.clipped, limits.clipped, 0.0),
        _ramp(abs(turned.yaw), limits.yaw, limits.good_angle),
        _ramp(abs(turned.pitch), limits.pitch, limits.good_angle),
        _ramp(abs(turned.roll), limits.roll, limits.good_angle),
    )


def _ramp(value: float, limit: float, good: float) -> float:
    """0 at the limit, 1 at the good value and beyond it; the good value may be above or below the limit."""
    return min(1.0, max(0.0, (value - limit) / (good - limit)))
