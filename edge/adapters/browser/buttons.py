"""The simulator's buttons, tamper switch and motion sensor: widgets of the page."""

import threading
import time
from collections import deque

from edge.domain.attendance.presses import Contact, ContactChange
from edge.errors import ButtonsError

WAITING = 64
"""Most changes that wait. Of further ones only the last state of each contact is told."""


class BrowserButtons:
    """The Buttons port on a page. Any thread may move a contact, or unplug them all."""

    def __init__(self) -> None:
        self._moved = threading.Condition()
        self._waiting: deque[ContactChange] = deque()
        self._states = dict.fromkeys(Contact, False)
        self._told: dict[Contact, bool] = {}
        self._open = False
        self.unplugged = False
        """Whether the buttons are as if they were away."""

    def open(self) -> None:
        """Start. The state of each contact is told first: what was pressed before was not pressed now."""
        with self._moved:
            self._waiting.clear()
            self._waiting += (ContactChange(one, active, first=True) for one, active in self._states.items())
            self._told = dict(self._states)
            self._open = True

    def move(self, contact: Contact, active: bool) -> bool:
        """Press a button or let it go, open the box or close it, begin or end a motion; False when that is not told
        because the buttons are not open, or unplugged.
        """
        with self._moved:
            self._states[contact] = active
            if not self._open or self.unplugged:
                return False
            if len(self._waiting) < WAITING and self._told[contact] is not active:
                self._tell(contact, active)
            self._moved.notify()
            return True

    def read(self, timeout_s: float) -> ContactChange | None:
        """The next change; None when none came in time. Raises ButtonsError when not open."""
        deadline = time.monotonic() + timeout_s
        with self._moved:
            while True:
                if not self._open:
                    raise ButtonsError("the browser's buttons are not open; open them first")
                if not self.unplugged:
                    self._make_good()
                if self._waiting:
                    return self._waiting.popleft()
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._moved.wait(left)

    @property
    def away(self) -> bool:
        """Whether they are not open, or unplugged."""
        return not self._open or self.unplugged

    def close(self) -> None:
        """Drop what waits; safe to call twice, and without open."""
        with self._moved:
            self._open = False
            self._waiting.clear()
            self._moved.notify()

    def _tell(self, contact: Contact, active: bool) -> None:
        self._waiting.append(ContactChange(contact, active))
        self._told[contact] = active

    def _make_good(self) -> None:
        """Tell the changes that found no room, or came while the buttons were unplugged."""
        if not self._waiting:
            for contact, active in self._states.items():
                if self._told[contact] is not active:
                    self._tell(contact, active)
