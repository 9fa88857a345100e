"""The capture loop: frames from the camera into the slot, and nothing else."""

from edge.domain.types import Frame
from edge.ports import Camera
from edge.terminal.pace import Pace
from edge.terminal.runtime import LatestSlot

READ_TIMEOUT_S = 0.5
"""A camera that has no frame for so long has stalled for this round; it bounds the stop as well."""


class Capture:
    """The body of the capture worker. The camera lives and dies on its thread."""

    def __init__(self, camera: Camera, slot: LatestSlot[Frame], pace: Pace) -> None:
        self._camera, self._slot, self._pace = camera, slot, pace
        self.frames = 0

    def open(self) -> None:
        """Start the camera. Raises CameraError."""
        self._camera.open()

    def run_once(self) -> bool:
        """Move one frame; False when none came, so that a stalled camera counts as a stale loop (I8)."""
        self._pace.wait()
        frame = self._camera.read(READ_TIMEOUT_S)
        if frame is None:
            return False
        self.frames += 1
        self._slot.put(frame)
        return True

    def close(self) -> None:
        """Release the camera."""
        self._camera.close()
