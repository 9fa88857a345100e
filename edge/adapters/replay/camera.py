"""The replay camera: photographs in place of a sensor, at a camera's frame rate. It ships with the product.

Everything behind it is the real terminal, so that a demo, a test and a laptop run the same program as the Pi. No
frame touches the disk.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from edge.adapters.picture_light import exposed
from edge.adapters.replay.scene import Scene
from edge.adapters.replay.strobe import ReplayStrobe
from edge.domain.camera.identity import REPLAY, CameraIdentity
from edge.domain.face import Frame, Pixels
from edge.errors import CameraError, PhotoError
from edge.vision.photo import SUFFIXES, load_photo

__all__ = ["ReplayCamera", "Scene"]

_NS = 1_000_000_000
HOLD_S, AWAY_S = 4.0, 1.5
"""Seconds for which each photograph stands there, and seconds for which nobody does before the next."""
_LONGEST_SIDE = 1600
"""Most pixels that are kept of a photograph: a frame shows fewer."""
_MAX_PHOTOS = 100
"""Most photographs that are kept decoded; they take at most 8 MB each."""


class ReplayCamera:
    """Implements the Camera port on photographs, shown in turn, or on a directed `Scene`."""

    def __init__(
        self,
        source: Path | Sequence[Pixels] | Scene,
        *,
        fps: float = 15,
        size: tuple[int, int] = (640, 480),
        loop: bool = True,
        motion: bool = True,
        hold_s: float = HOLD_S,
        seed: int = 1,
        strobe: ReplayStrobe | None = None,
        now_ns: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`source` is a folder, pictures (height, width, 3) in RGB, or a scene, which has its own size and motion.

        `size` is (width, height); without `loop` the room stays empty after the last photograph; `strobe` lights
        what is shown; `now_ns` is the monotonic clock.
        """
        self._source = source
        self._scene = source if isinstance(source, Scene) else Scene(size, motion=motion, seed=seed)
        self._period_ns = round(_NS / fps)
        self._loop, self._hold_s, self._strobe = loop, hold_s, strobe
        self._now_ns, self._sleep = now_ns, sleep
        self._photos: list[Pixels] = []
        self._ev = 0.0
        self._showing: int | None = None
        self._begun_ns: int | None = None
        self._due_ns = 0

    def identify(self) -> CameraIdentity:
        """A replay, and of what."""
        if isinstance(self._source, Path):
            return CameraIdentity(REPLAY, "folder", place=str(self._source))
        return CameraIdentity(REPLAY, "scene" if isinstance(self._source, Scene) else "pictures")

    def open(self) -> None:
        """Read every photograph. Raises CameraError that names each file which is no whole photograph."""
        if isinstance(self._source, Path):
            self._photos = _load(self._source)
        elif not isinstance(self._source, Scene):
            self._photos = [_kept(photo) for photo in self._source]
            if not self._photos:
                raise CameraError("the replay camera has no pictures to show; give it at least one")
        self._begun_ns = self._due_ns = self._now_ns()

    def read(self, timeout_s: float) -> Frame | None:
        """The next frame when its time has come; None when the scene stalls. Raises CameraError when not open."""
        if self._begun_ns is None:
            raise CameraError("the replay camera is not open; open it first")
        wait_s = (self._due_ns - self._now_ns()) / _NS
        if self._scene.stalled or wait_s > timeout_s:
            self._sleep(timeout_s)
            return None
        if wait_s > 0:
            self._sleep(wait_s)
        now_ns = self._now_ns()
        # A reader that was late gets the newest frame next, as from a sensor, not a backlog.
        self._due_ns += (max(now_ns - self._due_ns, 0) // self._period_ns + 1) * self._period_ns
        at_s = (now_ns - self._begun_ns) / _NS
        if self._photos:
            self._direct(at_s)
        pixels = exposed(self._scene.render(at_s), self._ev)
        return Frame(pixels if self._strobe is None else self._strobe.falls_on(pixels), now_ns)

    def expose(self, ev: float) -> None:
        """Take pictures as a sensor would with 2**ev the light. Raises CameraError when not open."""
        if self._begun_ns is None:
            raise CameraError("the replay camera is not open; open it first")
        self._ev = ev

    def close(self) -> None:
        """Forget the photographs; safe to call twice."""
        if self._showing is not None:
            self._scene.clear()
        self._photos, self._ev = [], 0.0
        self._begun_ns = self._showing = None

    def _direct(self, at_s: float) -> None:
        turn, within_s = divmod(at_s, self._hold_s + AWAY_S)
        wanted: int | None = int(turn)
        if within_s < AWAY_S or (int(turn) >= len(self._photos) and not self._loop):
            wanted = None
        if wanted == self._showing:
            return
        self._showing = wanted
        if wanted is None:
            self._scene.clear()
        else:
            self._scene.show(self._photos[wanted % len(self._photos)])


def _load(folder: Path) -> list[Pixels]:
    try:
        files = sorted(
            path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
        )
    except OSError as error:
        raise CameraError(f"{folder}: cannot be read ({error.strerror}); name a folder with photographs") from error
    if not files:
        raise CameraError(f"{folder}: has no photographs; put JPEG or PNG files there")
    if len(files) > _MAX_PHOTOS:
        raise CameraError(f"{folder}: has {len(files)} photographs; leave at most {_MAX_PHOTOS} there")
    photos, problems = [], []
    for path in files:
        try:
            photos.append(_kept(load_photo(path)))
        except PhotoError as error:
            problems.append(f"  {error}")
    if problems:
        raise CameraError(f"{folder}: mend or remove these, then start again\n" + "\n".join(problems))
    return photos


def _kept(photo: Pixels) -> Pixels:
    """The photograph, no larger than a frame can show."""
    if max(photo.shape[:2]) <= _LONGEST_SIDE:
        return photo
    image = Image.fromarray(photo)
    image.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(image)
