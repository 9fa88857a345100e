"""What the loop that looks asks of the camera: how fast it is read, and how much light it lets in."""

import threading

CALM_S = 0.2
"""Between two frames of an empty room: the most by which somebody is seen later, and they take longer to stop
walking. Five frames a second keep a terminal under a thirtieth of a core."""


class Pace:
    """Set by the loop that looks, kept by the loop that reads."""

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
