"""The replay camera of a video file: the film at its own pace, from the beginning again after its end."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from edge.adapters.picture_light import exposed
from edge.adapters.replay.video_file import VideoFrame, frames_of
from edge.domain.camera.identity import REPLAY, CameraIdentity
from edge.domain.face import Frame, Pixels
from edge.errors import CameraError

_NS = 1_000_000_000
_MOST_SKIPPED = 30
"""Most frames that a late reader skips. A machine that decodes too slowly shows the film more slowly instead."""
_BETWEEN_S = 1.0
"""From the last frame to the first one of the next round."""


class FilmCamera:
    """The Camera port on a video file."""

    def __init__(
        self,
        path: Path,
        *,
        size: tuple[int, int] = (640, 480),
        loop: bool = True,
        now_ns: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`size` is (width, height) of the frames: the film covers it, and what goes beyond is cut off."""
        self._path, self._size, self._loop = path, size, loop
        self._now_ns, self._sleep = now_ns, sleep
        self._frames: Iterator[VideoFrame] | None = None
        self._next: VideoFrame | None = None
        self._begun_ns = 0
        self._ev = 0.0

    def identify(self) -> CameraIdentity:
        """A replay of a video file."""
        return CameraIdentity(REPLAY, "video", place=str(self._path))

    def open(self) -> None:
        """Open the file and decode the first frame. Raises CameraError with the cure."""
        if self._frames is None:
            self._begin(self._now_ns())

    def read(self, timeout_s: float) -> Frame | None:
        """The next frame when its time has come; None before, and after the end. Raises CameraError."""
        if self._frames is None:
            raise CameraError("the replay camera is not open; open it first")
        wait_s = timeout_s if self._next is None else (self._due_ns(self._next) - self._now_ns()) / _NS
        if self._next is None or wait_s > timeout_s:
            self._sleep(timeout_s)
            return None
        if wait_s > 0:
            self._sleep(wait_s)
        now_ns = self._now_ns()
        frame, skipped = self._next, 0
        self._go_on()
        while self._next is not None and self._due_ns(self._next) <= now_ns:
            if skipped >= _MOST_SKIPPED:
                self._begun_ns += now_ns - self._due_ns(self._next)
                break
            frame, skipped = self._next, skipped + 1
            self._go_on()
        return Frame(exposed(covering(frame.pixels, self._size), self._ev), now_ns)

    def expose(self, ev: float) -> None:
        """Show the film as if it had been taken with 2**ev the light. Raises CameraError when not open."""
        if self._frames is None:
            raise CameraError("the replay camera is not open; open it first")
        self._ev = ev

    def close(self) -> None:
        """Close the file; safe to call twice, and without open."""
        frames, self._frames, self._next, self._ev = self._frames, None, None, 0.0
        close = getattr(frames, "close", None)
        if close is not None:
            close()

    def _begin(self, at_ns: int) -> None:
        frames = frames_of(self._path)
        self._next = next(frames)  # a film without one frame raises
        self._frames, self._begun_ns = frames, at_ns

    def _go_on(self) -> None:
        assert self._frames is not None  # noqa: S101 - `read` has looked
        shown = self._next
        self._next = next(self._frames, None)
        if self._next is None and self._loop and shown is not None:
            self._begin(self._due_ns(shown) + round(_BETWEEN_S * _NS))

    def _due_ns(self, frame: VideoFrame) -> int:
        return self._begun_ns + round(frame.at_s * _NS)


def covering(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """The middle of a picture, scaled to `size`, (width, height), without stretching it."""
    height, width = pixels.shape[:2]
    if (width, height) == size:
        return pixels
    scale = max(size[0] / width, size[1] / height)
    across, down = min(size[0] / scale, width), min(size[1] / scale, height)
    left, top = (width - across) / 2, (height - down) / 2
    image = Image.fromarray(pixels).resize(
        size, Image.Resampling.BILINEAR, box=(left, top, left + across, top + down), reducing_gap=3.0
    )
    return np.array(image)
