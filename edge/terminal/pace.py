"""How fast the camera is read: all its frames while somebody is there, a few a second before an empty room."""

import threading

CALM_S = 0.2
"""Between two frames of an empty room: the most by which somebody is seen later, and they take longer to stop
walking. Five frames a second keep a terminal under a thirtieth of a core."""


class Pace:
    """Set by the loop that looks, kept by the loop that reads."""

    def __init__(self) -> None:
        self._hurry = threading.Event()
        self._hurry.set()

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
