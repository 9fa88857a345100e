"""Change detection: has anything changed before the camera? A frame of an empty room need not be searched for
faces.

A frame is reduced to the mean green of coarse tiles and compared with the frame that was last searched. It is
searched when a tile changed, and from time to time in any case: that finds a person who stands still or comes very
slowly. No picture is kept, only the tiles: 12×16 numbers that show no face.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.domain.face import Pixels

_STEP = 4
"""Every fourth pixel each way is looked at: 19,200 of a 640×480 frame."""
_TILES = (12, 16)
"""Rows and columns: a face at 1.5 m covers four of them."""


@dataclass(frozen=True, slots=True)
class StillnessPolicy:
    """When to search."""

    change: float = 3.0
    """Change of a tile's mean that counts, 0..255. The mean of a tile's 100 samples moves by 0.5 where a pixel's
    noise is 5.
    """
    search_ms: int = 500
    """The longest time for which a still room is not searched."""
    awake_ms: int = 2_000
    """After the last face, every frame is searched for this long."""


class ChangeDetector:
    """The change detector of one camera; one thread uses it."""

    def __init__(self, policy: StillnessPolicy | None = None) -> None:
        self._policy = policy or StillnessPolicy()
        self._searched_ms: int | None = None
        self._face_ms: int | None = None
        self._before: NDArray[np.float32] | None = None

    def worth_a_search(self, pixels: Pixels, now_ms: int) -> bool:
        """Whether a (height, width, 3) RGB frame is to be searched. If it is, the next frame is compared with
        it.
        """
        seen = tiles(pixels)
        before = self._before
        if (
            self.awake(now_ms)
            or before is None
            or before.shape != seen.shape
            or self._searched_ms is None
            or now_ms - self._searched_ms >= self._policy.search_ms
            or float(np.abs(seen - before).max()) > self._policy.change
        ):
            self._before, self._searched_ms = seen, now_ms
            return True
        return False

    def awake(self, now_ms: int) -> bool:
        """A face was there a moment ago."""
        return self._face_ms is not None and now_ms - self._face_ms < self._policy.awake_ms

    def face_seen(self, now_ms: int) -> None:
        """Note that the search found a face."""
        self._face_ms = now_ms


def tiles(pixels: Pixels) -> NDArray[np.float32]:
    """The mean green of each tile of a (height, width, 3) frame, (12, 16); (1, 1) for a frame that is too small.

    Green is most of the brightness, and one plane of three is a third of the memory to read.
    """
    green = pixels[::_STEP, ::_STEP, 1]
    down, across = green.shape[0] // _TILES[0], green.shape[1] // _TILES[1]
    if not down or not across:
        return np.full((1, 1), green.mean(), np.float32)
    cells = green[: down * _TILES[0], : across * _TILES[1]].reshape(_TILES[0], down, _TILES[1], across)
    return np.asarray(cells.mean(axis=(1, 3), dtype=np.float32))
