"""The loops that only fetch: frames from the camera go into the slot, badges from the reader into a queue.

The attending loop, which looks at the frames, sets how fast they are read and with how much light.
"""

import queue
import threading

from edge.domain.face import Frame
from edge.domain.people.credentials import Read
from edge.ports import Camera, Reader
from edge.terminal.runtime.workers import LatestSlot

READ_TIMEOUT_S = 0.5
"""A camera without a frame for so long has stalled for this round. A stop waits no longer than this, either."""
WAITING = 4
"""Number of reads that may wait for the attending thread: a card that is held to the reader ten times is read four
times.
"""
CALM_S = 0.2
"""Pause between two frames of an empty room. Somebody is seen later by at most this much, which is less than they
need to stop walking. Five frames a second keep a terminal under a thirtieth of a core.
"""


class Pace:
    """How fast frames are read, and with how much light: set by the attending thread, kept by the capture
    thread.
    """

    def __init__(self) -> None:
        self._hurry = threading.Event()
        self._hurry.set()
        self.ev = 0.0
        """Exposure compensation in stops; one float, so that no lock is needed."""

    def calm(self, calm: bool) -> None:
        """Set whether the room is empty. If it is not, a wait that is under way ends at once."""
        if calm:
            self._hurry.clear()
        else:
            self._hurry.set()

    def wait(self) -> None:
        """Wait before the next frame is read; only in an empty room."""
        if not self._hurry.is_set():
            self._hurry.wait(CALM_S)


class Capture:
    """The body of the capture worker. The camera is opened, used and closed on its thread."""

    def __init__(self, camera: Camera, slot: LatestSlot[Frame], pace: Pace, *, needed: bool = True) -> None:
        """`needed`: False if the terminal goes on without frames, and must not be restarted for that."""
        self._camera, self._slot, self._pace, self._needed = camera, slot, pace, needed
        self.frames = 0
        self._ev = 0.0

    def open(self) -> None:
        """Start the camera. Raises CameraError."""
        self._camera.open()

    def run_once(self) -> bool:
        """Move one frame; False when a needed frame did not come: a stalled camera counts as a stale loop (I8)."""
        self._pace.wait()
        if self._pace.ev != self._ev:
            self._ev = self._pace.ev
            self._camera.expose(self._ev)
        frame = self._camera.read(READ_TIMEOUT_S)
        if frame is None:
            return not self._needed
        self.frames += 1
        self._slot.put(frame)
        return True

    @property
    def alarms(self) -> tuple[str, ...]:
        """Empty: the attending thread notices missing frames."""
        return ()

    def counters(self) -> dict[str, int]:
        """Counters for the status. A dropped frame was replaced by a newer one before it was looked at."""
        return {"frames": self.frames, "frames_dropped": self._slot.drops}

    def close(self) -> None:
        """Release the camera."""
        self._camera.close()


class BadgeReading:
    """The body of the reading worker. The reader is opened, used and closed on its thread."""

    def __init__(self, reader: Reader, reads: "queue.SimpleQueue[Read]") -> None:
        self._reader, self._reads = reader, reads

    def open(self) -> None:
        """Open the devices. Raises ReaderError."""
        self._reader.open()

    def run_once(self) -> bool:
        """Put the next read into the queue. Always progress, because a reader that nobody uses is not stale."""
        read = self._reader.read(READ_TIMEOUT_S)
        if read is not None and self._reads.qsize() < WAITING:
            self._reads.put(read)
        return True

    def close(self) -> None:
        """Close the devices."""
        self._reader.close()
