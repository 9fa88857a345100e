"""The loops that only fetch: frames from the camera go into the slot, badges and presses into queues.

The attending loop, which looks at the frames, sets how fast they are read and with how much light.
"""

import queue
import threading
import time
from collections.abc import Callable

from edge.domain.attendance.presses import Contact, ContactChange
from edge.domain.face import Frame
from edge.domain.people.credentials import Read
from edge.ports import Buttons, Camera, Reader
from edge.terminal.runtime.workers import LatestSlot

READ_TIMEOUT_S = 0.5
"""A camera without a frame for so long has stalled for this round. A stop waits no longer than this, either."""
WAITING = 4
"""Number of reads that may wait for the attending thread: a card that is held to the reader ten times is read four
times.
"""
CHANGES_WAITING = 64
"""Number of changes of buttons and switches that may wait for the attending thread."""
AWAKE_S = 10.0
"""After the motion sensor saw something, frames are read fast for this long."""
CALM_S = 0.2
"""Pause between two frames of an empty room. Somebody is seen later by at most this much, which is less than they
need to stop walking. Five frames a second keep a terminal under a thirtieth of a core.
"""


class Pace:
    """How fast frames are read, and with how much light: set by the attending thread, kept by the capture
    thread. The motion sensor's thread may wake it.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._hurry = threading.Event()
        self._hurry.set()
        self._now_s, self._awake_until_s = now_s, float("-inf")
        self.ev = 0.0
        """Exposure compensation in stops; one float, so that no lock is needed."""

    def calm(self, calm: bool) -> None:
        """Set whether the room is empty. If it is not, a wait that is under way ends at once."""
        if not calm:
            self._hurry.set()
        elif self._now_s() >= self._awake_until_s:
            self._hurry.clear()

    def wake(self) -> None:
        """Something moves near the terminal: for AWAKE_S the room does not count as empty."""
        self._awake_until_s = self._now_s() + AWAKE_S
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


class ButtonReading:
    """The body of the buttons worker. They are opened, used and closed on its thread."""

    def __init__(
        self,
        buttons: Buttons,
        changes: "queue.SimpleQueue[tuple[ContactChange, int]]",
        pace: Pace,
        now_ns: Callable[[], int],
    ) -> None:
        """Each change goes into `changes` with its instant in ms of the monotonic clock `now_ns`.

        The motion sensor only wakes `pace`; nothing of it goes further.
        """
        self._buttons, self._changes, self._pace, self._now_ns = buttons, changes, pace, now_ns
        self._late: dict[Contact, tuple[ContactChange, int]] = {}
        """The last change of each contact that found no room."""

    def open(self) -> None:
        """Open the buttons. Raises ButtonsError."""
        self._buttons.open()

    def run_once(self) -> bool:
        """Put the next change into the queue. Always progress: buttons that nobody presses are not stale."""
        change = self._buttons.read(READ_TIMEOUT_S)
        if change is not None and change.contact is Contact.MOTION:
            if change.active:
                self._pace.wake()
        elif change is not None:
            self._late.pop(change.contact, None)
            self._late[change.contact] = change, self._now_ns() // 1_000_000
        while self._late and self._changes.qsize() < CHANGES_WAITING:
            self._changes.put(self._late.pop(next(iter(self._late))))
        return True

    def close(self) -> None:
        """Close the buttons."""
        self._buttons.close()
