"""A camera that may be lost while the terminal goes on: it is opened again by itself until it gives frames."""

import logging
import time

from edge.domain.camera.identity import CameraIdentity
from edge.domain.face import Frame
from edge.errors import CameraError
from edge.ports import Camera

LOG = logging.getLogger(__name__)
SILENT_S = 5.0
"""Without a frame for so long it is closed and opened again."""
RETRIES_S = (2.0, 5.0, 10.0)
"""Seconds to wait before the first, the second and every further attempt to open it again."""
STEADY_S = 30.0
"""After frames for so long it counts as mended, and the waiting begins with the shortest again."""


class ReopeningCamera:
    """The Camera port around another one, for a terminal that also reads badges: no failure of it raises.

    Alone, a camera that fails ends the process, and systemd starts a clean one: the better cure, but it would take
    badge and PIN along again and again. A call that hangs is still the watchdog's to end.
    """

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._open = False
        self._ev = 0.0
        self._try_at = self._heard = self._since = time.monotonic()
        self._said = ""
        self._failures = 0
        self.restarts = 0
        """Number of times that it was lost or could not be opened."""

    @property
    def alarms(self) -> tuple[str, ...]:
        """Empty: the attending thread notices missing frames."""
        return ()

    def counters(self) -> dict[str, int]:
        """Counters for the status."""
        return {"camera_restarts": self.restarts}

    def open(self) -> None:
        """Start it, now or later."""
        self._try_at = time.monotonic()
        self._attempt()

    def read(self, timeout_s: float) -> Frame | None:
        """The next frame; None while there is none."""
        if not self._open and not self._attempt():
            time.sleep(timeout_s)
            return None
        try:
            frame = self._camera.read(timeout_s)
        except Exception as error:  # noqa: BLE001 - a driver's library raises whatever it likes
            self._lose(error)
            return None
        now = time.monotonic()
        if frame is not None:
            self._heard, self._said = now, ""
            if now - self._since >= STEADY_S:
                self._failures = 0
        elif now - self._heard > SILENT_S:
            self._lose(CameraError(f"no frame for {SILENT_S:g} s: check its cable; it is opened again"))
        return frame

    def expose(self, ev: float) -> None:
        """Kept, and said again to a camera that is opened again."""
        self._ev = ev
        if self._open:
            try:
                self._camera.expose(ev)
            except Exception as error:  # noqa: BLE001 - as above
                self._lose(error)

    def identify(self) -> CameraIdentity:
        """Which camera it is. Raises CameraError."""
        return self._camera.identify()

    def close(self) -> None:
        """Stop it."""
        self._open = False
        self._camera.close()

    def _attempt(self) -> bool:
        now = time.monotonic()
        if now < self._try_at:
            return False
        try:
            self._camera.open()
            self._open, self._heard = True, time.monotonic()
            self._since = self._heard
            if self._ev:
                self._camera.expose(self._ev)
        except Exception as error:  # noqa: BLE001 - as above
            self._lose(error)
        return self._open

    def _lose(self, error: Exception) -> None:
        wait_s = RETRIES_S[min(self._failures, len(RETRIES_S) - 1)]
        self._failures += 1
        self.restarts += 1
        # Each cause once, until a frame comes: it may last for a weekend.
        said = str(error) or type(error).__name__
        if said != self._said:
            self._said = said
            unforeseen = None if isinstance(error, CameraError) else error
            LOG.error(
                "%s (tried again after %g s, then every %g s)", said, wait_s, RETRIES_S[-1], exc_info=unforeseen
            )
        self._open, self._try_at = False, time.monotonic() + wait_s
        try:
            self._camera.close()
        except Exception as problem:  # noqa: BLE001 - as above
            LOG.debug("it could not be closed: %s", problem)
