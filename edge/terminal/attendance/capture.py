"""The loops that only fetch: frames from the camera into the slot, badges from the reader into a queue.

How fast frames are read, and with how much light, the loop that looks at them says.
"""

import queue
import threading

from edge.domain.face import Frame
from edge.domain.people.credentials import Read
from edge.ports import Camera, Reader
from edge.terminal.runtime.workers import LatestSlot

READ_TIMEOUT_S = 0.5
"""A camera that has no frame for so long has stalled for this round; it bounds the stop as well."""
WAITING = 4
"""Reads that may wait for the attending thread: who holds a card to the reader ten times is heard four times."""
CALM_S = 0.2
"""Between two frames of an empty room: the most by which somebody is seen later, and they take longer to stop
walking. Five frames a second keep a terminal under a thirtieth of a core."""


class Pace:
    """How fast frames are read, and with how much light: set by who looks at them, kept by who reads."""

    def __init__(self) -> None:
        self._hurry = threading.Event()
        self._hurry.set()
        self.ev = 0.0
        """Exposure compensation in stops; one float, so that no lock is needed."""

    def calm(self, calm: bool) -> None:
        """Whether the room is empty; waking takes effect at once, in the middle of a wait."""
        if calm:
            self._hurry.clear()
        else:
            self._hurry.set()

    def wait(self) -> None:
        """Before the next frame is read."""
        if not self._hurry.is_set():
            self._hurry.wait(CALM_S)


class Capture:
    """The body of the capture worker. The camera lives and dies on its thread."""

    def __init__(self, camera: Camera, slot: LatestSlot[Frame], pace: Pace, *, needed: bool = True) -> None:
        """`needed`: False where the terminal goes on without frames, and must not be restarted for want of them."""
        self._camera, self._slot, self._pace, self._needed = camera, slot, pace, needed
        self.frames = 0
        self._ev = 0.0

    def open(self) -> None:
        """Start the camera. Raises CameraError."""
        self._camera.open()

    def run_once(self) -> bool:
        """Move one frame; False when none came that was needed: a stalled camera counts as a stale loop (I8)."""
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
        """None: missing frames are seen by whoever takes them."""
        return ()

    def counters(self) -> dict[str, int]:
        """For the status; dropped are those that were replaced before anybody looked at them."""
        return {"frames": self.frames, "frames_dropped": self._slot.drops}

    def close(self) -> None:
        """Release the camera."""
        self._camera.close()


class BadgeReading:
    """The body of the reading worker; the reader lives and dies on its thread."""

    def __init__(self, reader: Reader, reads: "queue.SimpleQueue[Read]") -> None:
        self._reader, self._reads = reader, reads

    def open(self) -> None:
        """Take hold of the devices. Raises ReaderError."""
        self._reader.open()

    def run_once(self) -> bool:
        """Hand on what was read; a reader that nobody uses is as fresh as one that is used."""
        read = self._reader.read(READ_TIMEOUT_S)
        if read is not None and self._reads.qsize() < WAITING:
            self._reads.put(read)
        return True

    def close(self) -> None:
        """Let go of the devices."""
        self._reader.close()
