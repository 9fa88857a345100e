"""The simulator's events, held at one state of one door, so that the page stands still for a picture."""

import threading
from collections.abc import Collection, Mapping
from typing import Any

from edge.simulate.events import PageEvents

_LAMPS = ("green", "amber", "red")


class HeldEvents(PageEvents):
    """Tells everything at once, until `until` is used."""

    def __init__(self) -> None:
        super().__init__()
        self._gate = threading.RLock()
        self._wanted: tuple[str, str, Collection[str]] | None = None
        self._caught = False
        self._held = threading.Event()
        self._waiting: list[tuple[str, Mapping[str, object], str]] = []

    def tell(self, topic: str, message: Mapping[str, Any], subject: str = "") -> None:
        """Tell the pages, or keep it until it is let go."""
        with self._gate:
            if self._caught and topic == "cue" and subject == (self._wanted or ("",))[0]:
                self._held.set()  # the state is over, whatever its lights did
            if self._held.is_set():
                self._waiting.append((topic, message, subject))
                return
            super().tell(topic, message, subject)
            if self._wanted is None or subject != self._wanted[0]:
                return
            if topic == "cue" and message["state"] == self._wanted[1]:
                self._caught = not self._wanted[2] or message["name"] in self._wanted[2]
                if self._caught and not any(step[lamp] for step in message["steps"] for lamp in _LAMPS):
                    self._held.set()
            elif topic == "lights" and self._caught and any(message[lamp] for lamp in _LAMPS):
                self._held.set()

    def until(self, door: str, state: str, cues: Collection[str] = ()) -> None:
        """Go on, and hold when a door comes to a state, with one of these cues if any are named, and the
        first lights of it; `come` waits for that.
        """
        self._go((door, state, cues))

    def go(self) -> None:
        """Go on, and hold no more."""
        self._go(None)

    def _go(self, wanted: tuple[str, str, Collection[str]] | None) -> None:
        with self._gate:
            self._wanted, self._caught = wanted, False
            self._held.clear()
            waiting, self._waiting = self._waiting, []
            for one in waiting:
                self.tell(*one)

    def come(self, seconds: float = 120) -> bool:
        """Wait until it is held; False when that took too long."""
        return self._held.wait(seconds)
