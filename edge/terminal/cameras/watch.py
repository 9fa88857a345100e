"""Watching the camera: is it the accepted one, and is its stream live?

The capture thread asks at each opening and looks at each frame; the attending thread reads `changed`, and counts no
face while it is set. Where a replay is configured, nothing is watched: nobody takes that terminal for a real one.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from edge.domain.camera.identity import REPLAY, CameraIdentity, refusal
from edge.domain.camera.repeated_frames import RepeatedFrames
from edge.domain.face import Frame
from edge.errors import CameraError, RecordError, TransferError
from edge.ports import Camera
from edge.terminal.cameras import pin
from edge.terminal.cameras.pin import PIN, CameraPin

LOG = logging.getLogger(__name__)
_LOOK_MS = 2_000
"""How often the file is looked at, so that an accepted camera counts without a restart."""
_CURE = "`smartclocker camera show` says more, `smartclocker camera accept` accepts it"


class WatchedCamera:
    """The Camera port around a real camera. It films on whatever it finds: only `changed` says that it does not
    count.
    """

    def __init__(self, camera: Camera, state: Path, utc: Callable[[], str]) -> None:
        """`state` is the state directory; `utc` is the time in RFC 3339, for the file."""
        self._camera, self._state, self._utc = camera, state, utc
        self._frames = RepeatedFrames()
        self._found: CameraIdentity | None = None
        self._other: str | None = None
        """Why this camera does not count."""
        self._repeated: str | None = None
        self._said: str | None = None
        self._seen: tuple[int, int] | None = None
        self._unremembered: CameraIdentity | None = None
        """The first camera, while the disk does not take it."""
        self._looked_ms: int | None = None

    @property
    def changed(self) -> bool:
        """Whether no face may count; any thread may ask."""
        return self._other is not None or self._repeated is not None

    def open(self) -> None:
        """Start the camera, and see which one it is. Raises CameraError."""
        self._camera.open()
        try:
            self._found = self._camera.identify()
        except CameraError:
            self._camera.close()
            raise
        self._compare()

    def read(self, timeout_s: float) -> Frame | None:
        """The next frame, looked at; None when none came in time. Raises CameraError."""
        frame = self._camera.read(timeout_s)
        if frame is None:
            return None
        now_ms = frame.captured_ns // 1_000_000
        found = self._frames.observe(frame.pixels, now_ms)
        self._repeated = None if found is None else f"the stream is not live: {found}"
        if self._looked_ms is None or now_ms - self._looked_ms >= _LOOK_MS:
            self._looked_ms = now_ms
            if _stamp(self._state) != self._seen or self._unremembered is not None:
                self._compare()
        self._say()
        return frame

    def expose(self, ev: float) -> None:
        """As the camera does. Raises CameraError."""
        self._camera.expose(ev)

    def identify(self) -> CameraIdentity:
        """Which camera it is. Raises CameraError."""
        return self._camera.identify()

    def close(self) -> None:
        """Stop the camera; what was found of it stays until another is opened."""
        self._camera.close()

    def _compare(self) -> None:
        if self._found is None:
            return
        self._seen = _stamp(self._state)
        try:
            held = pin.read(self._state)
        except RecordError as error:
            self._other = f"{error}, so that nobody knows which camera was accepted ({self._found} is here)"
        else:
            accepted = self._unremembered if held is None else held.accepted
            self._other = refusal(accepted, self._found)
            if held is not None:
                self._unremembered = None
            elif self._other is None:
                self._accept_first(self._found)
        self._say()

    def _accept_first(self, found: CameraIdentity) -> None:
        before, self._unremembered = self._unremembered, None
        try:
            pin.write(self._state, CameraPin(found, self._utc()))
        except TransferError as error:
            self._unremembered = found
            if before is None:
                text = "the camera is not remembered yet, and after a restart another one would not be noticed: %s"
                LOG.warning(text, error)
            return
        LOG.info("this camera is the one of this terminal from now on (%s): %s", PIN, found)
        self._seen = _stamp(self._state)

    def _say(self) -> None:
        """Once for each cause: the alarm itself is the attending thread's."""
        why = self._other or self._repeated
        if why == self._said:
            return
        self._said = why
        if why is None:
            LOG.warning("the camera is the accepted one, and its stream is live again")
        else:
            LOG.error("no face counts: %s; %s", why, _CURE if why is self._other else "look at camera and cable")


def unless_replay(kind: str, camera: Camera, state: Path, utc: Callable[[], str]) -> WatchedCamera | None:
    """The watched camera; None where a replay is configured."""
    return None if kind == REPLAY else WatchedCamera(camera, state, utc)


def refuse_changed(kind: str, found: CameraIdentity, state: Path) -> None:
    """Raises CameraError when `found` is not the accepted camera; nothing where a replay is configured."""
    if kind == REPLAY:
        return
    try:
        held = pin.read(state)
    except RecordError as error:
        raise CameraError(f"{error}, so that nobody knows which camera was accepted; {_CURE}") from error
    why = refusal(None if held is None else held.accepted, found)
    if why is not None:
        raise CameraError(f"{why}; {_CURE}")


def _stamp(state: Path) -> tuple[int, int] | None:
    """A value that changes when the file does; None without one."""
    try:
        found = (state / PIN).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
