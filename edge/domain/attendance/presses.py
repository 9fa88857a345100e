"""Presses: what the changes of the terminal's buttons mean. Pure: every instant is given, in milliseconds.

- A button that is held has been pressed once, however long it is held and however its contact bounces.
- Two buttons at once count for nothing: neither a button that is pressed within ALONE_MS of another one, nor one
  that is pressed while another one is held.
- A button that does not come up is stuck. It is ignored until it was up for REST_MS, and so are its presses.
- A press that nobody's punch has used waits for WAITS_MS, and counts for one punch. A later press replaces it.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from edge.domain.vocabulary import Button

BOUNCE_MS = 100
"""A button that goes down so soon after it came up has bounced: nobody presses twice so fast."""
ALONE_MS = 150
"""A press counts after this time, because a finger on two buttons presses the second one a little later."""
REST_MS = 1_000
"""A button that was up for less than this has been held all the while, as far as a stuck button is concerned."""
STUCK_MS = 60_000
"""A button that is held for so long is stuck."""
WAITS_MS = 8_000
"""So long a press waits for a face or badge, and a recognised person for a press where nothing may be guessed."""
AFTER_MS = 3_000
"""So long after a punch, a press changes what the punch means."""


class Contact(StrEnum):
    """The contacts that may be wired to a terminal."""

    IN = "in"
    OUT = "out"
    BREAK = "break"
    TAMPER = "tamper"
    """The switch that notices when the terminal's box is opened."""
    MOTION = "motion"
    """The motion sensor (PIR)."""


BUTTONS = {Contact.IN: Button.IN, Contact.OUT: Button.OUT, Contact.BREAK: Button.BREAK}


@dataclass(frozen=True, slots=True)
class ContactChange:
    """A contact changed, or is told for the first time."""

    contact: Contact
    active: bool
    """A button is pressed, the box is open, or something moves."""
    first: bool = False
    """Told because the contacts were opened: a button that is down then was not pressed now."""


@dataclass(frozen=True, slots=True)
class Press:
    """One button was pressed, alone."""

    button: Button
    at_ms: int


@dataclass(frozen=True, slots=True)
class SeveralPressed:
    """Several buttons were pressed at once: none of them counts."""

    at_ms: int


@dataclass(slots=True)
class _Held:
    """What is remembered of one button."""

    down: bool = False
    since_ms: int = 0
    """When it went down, shorter releases than REST_MS not counted."""
    down_ms: int | None = None
    up_ms: int | None = None

    def is_stuck(self, now_ms: int) -> bool:
        resting = not self.down and (self.up_ms is None or now_ms - self.up_ms >= REST_MS)
        return not resting and now_ms - self.since_ms >= STUCK_MS


@dataclass(slots=True)
class Presses:
    """Makes presses from the changes of the buttons."""

    _held: dict[Button, _Held] = field(default_factory=lambda: {button: _Held() for button in Button})
    _fresh: Press | None = None
    """A press that may turn out not to be alone."""
    _due: list[Press | SeveralPressed] = field(default_factory=list)

    def changed(self, button: Button, down: bool, at_ms: int, *, pressed: bool = True) -> None:
        """Take the change of a button. A change that tells what is known already changes nothing.

        `pressed` is False for a button that went down before anybody looked: it is held, and was not pressed.
        """
        self._settle(at_ms)
        held = self._held[button]
        if held.down is down:
            return
        held.down = down
        if not down:
            held.up_ms = at_ms
            return
        gap_ms = None if held.up_ms is None else at_ms - held.up_ms
        if gap_ms is None or gap_ms >= REST_MS:
            held.since_ms = at_ms
        bounced = gap_ms is not None and gap_ms < BOUNCE_MS
        if bounced or not pressed or held.is_stuck(at_ms):
            return
        held.down_ms = at_ms
        if self._another(button, at_ms):
            self._fresh = None
            self._due.append(SeveralPressed(at_ms))
        elif self._fresh is None or self._fresh.button is not button:  # of one that is hammered, the first counts
            self._fresh = Press(button, at_ms)

    def due(self, now_ms: int) -> list[Press | SeveralPressed]:
        """Everything that counts by now and was not told before, in order."""
        self._settle(now_ms)
        found, self._due = self._due, []
        return found

    @property
    def settling(self) -> bool:
        """Whether a press may turn out not to be alone."""
        return self._fresh is not None

    def stuck(self, now_ms: int) -> tuple[Button, ...]:
        """The buttons that do not come up."""
        return tuple(button for button, held in self._held.items() if held.is_stuck(now_ms))

    def _settle(self, now_ms: int) -> None:
        if self._fresh is not None and now_ms - self._fresh.at_ms >= ALONE_MS:
            self._due.append(self._fresh)
            self._fresh = None

    def _another(self, button: Button, at_ms: int) -> bool:
        """Whether another button is held, or was pressed just before."""
        for other, held in self._held.items():
            if other is button or held.is_stuck(at_ms):
                continue
            if held.down or (held.down_ms is not None and at_ms - held.down_ms < ALONE_MS):
                return True
        return False


class WaitingPress:
    """The press that waits for a face, badge or PIN; it counts for one punch."""

    def __init__(self) -> None:
        self._press: Press | None = None
        self._until_ms = 0

    def hold(self, press: Press) -> int:
        """Keep a press, in place of the one that waits; returns the instant until which it waits."""
        self._press, self._until_ms = press, press.at_ms + WAITS_MS
        return self._until_ms

    def until(self, now_ms: int) -> tuple[Button, int] | None:
        """The button that waits, and until when; None without one."""
        if self._press is not None and now_ms >= self._until_ms:
            self._press = None
        return None if self._press is None else (self._press.button, self._until_ms)

    def extend(self, until_ms: int, now_ms: int) -> None:
        """Let the press wait longer: its person answers a question of the terminal."""
        if self.until(now_ms) is not None:
            self._until_ms = max(self._until_ms, until_ms)

    def take(self, now_ms: int) -> Button | None:
        """The button that waits, for one punch; None without one."""
        found = self.until(now_ms)
        self._press = None
        return None if found is None else found[0]

    def cancel(self) -> None:
        """Forget the press."""
        self._press = None
