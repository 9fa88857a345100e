"""The strobe of the replay camera: there is no lamp, and photographs have no depth. It ships with the product."""

from collections.abc import Callable

from edge.domain.face import Pixels
from edge.errors import SignalsError


def filtered(pixels: Pixels) -> Pixels:
    """The frame of a camera with an infrared filter: nothing changes."""
    return pixels


class ReplayStrobe:
    """The Strobe port; it lights the frames of the replay camera that it is given to."""

    def __init__(self, falling: Callable[[Pixels], Pixels] = filtered) -> None:
        """`falling` gives the frame (height, width, 3) as it looks under the lamp."""
        self._falling, self._closed = falling, False
        self.lit = False

    def light(self, lit: bool) -> None:
        """On or off. Raises SignalsError."""
        if self._closed:
            raise SignalsError("the simulated strobe is closed: open a new one")
        self.lit = lit

    def falls_on(self, pixels: Pixels) -> Pixels:
        """A frame under the lamp as it is now."""
        return self._falling(pixels) if self.lit else pixels

    def close(self) -> None:
        """Switch it off; safe to call twice."""
        self._closed, self.lit = True, False
