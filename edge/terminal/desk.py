"""What becomes of a badge or of what was typed: somebody, a question, or a refusal. One thread uses it."""

from collections.abc import Callable
from dataclasses import dataclass

from edge.domain.badge import FIRST_PAUSE_MS, FREE_FAILURES, Read, Token, pause_ms
from edge.domain.states import DEADLINES_MS, State
from edge.domain.types import Method
from edge.roster.means import Means


@dataclass(frozen=True, slots=True)
class Known:
    """This person, for sure enough."""

    person: str
    method: Method


@dataclass(frozen=True, slots=True)
class WantsFace:
    """This person, if their face says so, too."""

    person: str


class WantsPin:
    """A staff number; its PIN is to follow, whether the number is anybody's or not."""


class Unknown:
    """Nobody, or not proven; from outside they look the same."""


Answer = Known | WantsFace | WantsPin | Unknown


class Desk:
    """Answers a reader."""

    def __init__(self, means: Means, needs_face: Callable[[str], bool]) -> None:
        """`needs_face` says whether somebody's badge alone is not enough."""
        self._means, self._needs_face = means, needs_face
        self._asked: tuple[str | None, int] | None = None
        """Whose PIN was asked for (None: the number is nobody's), and until when."""
        self._not_before: dict[str, int] = {}
        self._failures, self._keypad_from = 0, 0

    def answer(self, read: Read, now_ms: int) -> Answer:
        """Raises PeopleError when the people file cannot be used."""
        asked, self._asked = self._asked, None
        if read.source is Token.BADGE:
            return self._badge(read.text)
        if now_ms < self._keypad_from:
            return Unknown()
        if asked is not None and now_ms < asked[1]:
            return self._pin(asked[0], read.text, now_ms)
        self._asked = (self._means.whose(Token.NUMBER, read.text), now_ms + DEADLINES_MS[State.ASKING])
        return WantsPin()

    def _badge(self, text: str) -> Answer:
        person = self._means.whose(Token.BADGE, text)
        if person is None:
            return Unknown()
        return WantsFace(person) if self._needs_face(person) else Known(person, Method.BADGE)

    def _pin(self, person: str | None, pin: str, now_ms: int) -> Answer:
        if person is not None:
            # After a restart nobody knows when the last one was: the pause begins anew.
            waiting = self._not_before.setdefault(person, now_ms + pause_ms(self._means.failures(person)))
            if now_ms < waiting:
                return Unknown()
        if self._means.proves(person, pin) and person is not None:
            self._failures = 0
            return Known(person, Method.PIN)
        self._failures += 1
        if self._failures >= FREE_FAILURES:
            self._failures, self._keypad_from = 0, now_ms + FIRST_PAUSE_MS
        if person is not None:
            self._not_before[person] = now_ms + pause_ms(self._means.failures(person))
        return Unknown()
