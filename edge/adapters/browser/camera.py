"""The simulator's camera: the frames that a page sends, and a directed scene while it sends none.

Everything behind it is the real terminal. No frame touches the disk.
"""

import threading
import time
from collections.abc import Callable

from edge.adapters.picture_light import exposed
from edge.adapters.replay.camera import ReplayCamera
from edge.adapters.replay.scene import Scene
from edge.domain.camera.identity import REPLAY, CameraIdentity
from edge.domain.face import Frame, Pixels
from edge.errors import CameraError

SILENT_S = 2.0
"""After so long without a frame of the page, the scene is filmed again: the page was closed, or its webcam."""


class BrowserCamera:
    """The Camera port on what a page sends. Any thread may offer a frame."""

    def __init__(self, scene: Scene, *, fps: float = 15, now_s: Callable[[], float] = time.monotonic) -> None:
        """`scene` stands before the camera while no frames come. While it stalls, the page's frames stall, too."""
        self._scene, self._now_s = scene, now_s
        self._replay = ReplayCamera(scene, fps=fps)
        self._arrived = threading.Condition()
        self._newest: Frame | None = None
        self._offered_s = float("-inf")
        self._last_ns = 0
        self._ev = 0.0
        self._open = False

    def open(self) -> None:
        """Start it."""
        self._replay.open()
        with self._arrived:
            self._open, self._newest = True, None

    def offer(self, pixels: Pixels) -> None:
        """Put a picture, (height, width, 3) RGB of the scene's size, before the camera. It replaces one that was
        not read.
        """
        with self._arrived:
            self._newest, self._offered_s = Frame(pixels, time.monotonic_ns()), self._now_s()
            self._arrived.notify()

    def end_offers(self) -> None:
        """Film the scene again at once: the page has switched its webcam off."""
        with self._arrived:
            self._newest, self._offered_s = None, float("-inf")
            self._arrived.notify()

    def read(self, timeout_s: float) -> Frame | None:
        """The newest picture of the page, or the scene. Raises CameraError when not open."""
        with self._arrived:
            if not self._open:
                raise CameraError("the browser's camera is not open; open it first")
            live = self._is_live() and not self._scene.stalled
            if live:
                self._arrived.wait_for(lambda: self._newest is not None or not self._is_live(), timeout_s)
                frame, self._newest = self._newest, None
                ev = self._ev
        if not live:
            frame = self._replay.read(timeout_s)
        elif frame is not None:
            # One that was offered while the scene was filmed would be older than the scene's last frame.
            frame = Frame(exposed(frame.pixels, ev), max(frame.captured_ns, self._last_ns))
        if frame is not None:
            self._last_ns = frame.captured_ns
        return frame

    def expose(self, ev: float) -> None:
        """Make pictures lighter or darker, as a sensor would. Raises CameraError when not open."""
        self._replay.expose(ev)
        self._ev = ev

    def identify(self) -> CameraIdentity:
        """A page in a browser, which is no camera of a terminal."""
        return CameraIdentity(REPLAY, "browser")

    def close(self) -> None:
        """Forget what was offered; safe to call twice, and without open."""
        self._replay.close()
        with self._arrived:
            self._open, self._newest = False, None
            self._arrived.notify()

    def _is_live(self) -> bool:
        return self._now_s() - self._offered_s < SILENT_S
