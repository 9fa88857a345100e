"""Five-point alignment: the similarity transform that puts a face where the embedder was trained to see it."""

import numpy as np
from numpy.typing import NDArray

from edge.domain.face import Floats
from edge.vision.image import Matrix

ALIGNED_SIZE = 112
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""(5, 2) ArcFace reference points in a 112×112 picture: right eye, left eye, nose tip, mouth corners (the subject's
right first). From the InsightFace alignment that MobileFaceNet was trained with (Deng et al., 2019)."""

RIGHT_EYE, LEFT_EYE = (33, 133), (362, 263)
"""Mesh indices of the corners of each eye; their mean is taken as its centre."""
NOSE_TIP = 4
MOUTH = (61, 291)


def five_points(mesh: Floats) -> NDArray[np.float64]:
    """(468, 2 or 3) mesh points to the (5, 2) that `TEMPLATE` is of."""
    flat = mesh[:, :2].astype(np.float64)
    return np.stack(
        [
            flat[list(RIGHT_EYE)].mean(0),
            flat[list(LEFT_EYE)].mean(0),
            flat[NOSE_TIP],
            flat[MOUTH[0]],
            flat[MOUTH[1]],
        ]
    )


def similarity(source: NDArray[np.float64], target: NDArray[np.float64]) -> Matrix:
    """The 2×3 rotation, uniform scale and shift that takes `source` (n, 2) nearest to `target` (n, 2).

    Least squares, without reflection: S. Umeyama, IEEE PAMI 13(4), 1991, equations 40 to 42. Raises ValueError when
    the source points coincide.
    """
    mean_s, mean_t = source.mean(0), target.mean(0)
    centred_s, centred_t = source - mean_s, target - mean_t
    variance = (centred_s**2).sum() / len(source)
    if not variance > 0:
        raise ValueError("a similarity needs points that do not coincide")
    u, singular, vt = np.linalg.svd(centred_t.T @ centred_s / len(source))
    sign = np.array([1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    scale = (singular * sign).sum() / variance
    return np.column_stack([scale * rotation, mean_t - scale * rotation @ mean_s])


def alignment(mesh: Floats) -> Matrix:
    """The 2×3 matrix from the aligned 112×112 picture to the frame, for `FrameImage.warp`."""
    return similarity(TEMPLATE, five_points(mesh))
