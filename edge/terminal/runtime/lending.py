"""Lending: camera, reader and lights of the attending loop, lent to one action of the command line at a time.

The control thread offers a loan through a queue with one place, and waits a bounded time until it is taken. From
then on the attending thread alone calls the loan's methods. The two threads share the loan's queue and its flags::

    offer() ──► taken ──► turn() … ──► ended by the action, by either thread, or by its time ──► returned
"""

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edge.domain.attendance.cues import CueName
from edge.domain.attendance.states import Event, Happening, Situation, State
from edge.domain.face import Frame, Sight
from edge.domain.people.credentials import Read
from edge.domain.vocabulary import Button

TAKEN_WITHIN_S = 3.0
"""Longest wait until the attending thread takes a loan; it turns ten times a second."""
AGAIN_MS = 3_000
"""A cue is asked for again after so long: longer than any cue that ends by itself, shorter than the state LENT."""
AWAY_MS, LINGER_MS = 1_000, 10_000
"""After an enrolment the camera stays lent until nobody has stood there for AWAY_MS, or for LINGER_MS: the person
who was enrolled did not come to clock in.
"""
_WAITING = 64
"""Most messages that wait for the control thread."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Opening:
    """An enrolment that was opened at the terminal itself, by badge and PIN."""

    person: str
    supervisor: str | None
    """The id of the supervisor who opened it; None where the person has a ticket of the centre."""
    at_ms: int
    """When, on the monotonic clock."""


class Loan:
    """One action that uses camera, reader or lights. Subclasses say what it does."""

    films = False
    """Whether the frames go to the action instead of to the recognition."""
    lingers = False
    """Whether the camera stays lent until the person has left."""

    def __init__(self, longest_ms: int) -> None:
        """`longest_ms` is the time after which the loan ends, whatever else happens."""
        self.longest_ms = longest_ms
        self.cue: CueName | None = None
        """The cue that the action asks for now."""
        self.told: queue.Queue[dict[str, Any]] = queue.Queue(_WAITING)
        """Messages about the progress, for the control thread."""
        self.taken, self.over = threading.Event(), threading.Event()
        self._ending = threading.Lock()
        self.why: str | None = None
        """Why the loan ended before the action was done; None when it is done, or goes on."""

    def turn(self, frame: Frame | None, look: Callable[[Frame], Sight], now_ms: int) -> None:
        """Take one turn of the attending loop; `look` makes the sight of a frame as enrolment needs it."""

    def reads(self, read: Read) -> bool:  # noqa: ARG002 - a loan that does not ask for cards takes none
        """Whether the action takes this badge, so that it is no punch."""
        return False

    def pressed(self, button: Button) -> None:
        """Take a press while the terminal is lent. A loan that asks nothing passes it over."""

    def tell(self, **message: object) -> None:
        """Send a message about the progress. It is dropped when too many wait."""
        try:
            self.told.put_nowait(message)
        except queue.Full:
            _log.debug("a message about the progress of an action was dropped")

    def end(self, why: str | None = None) -> None:
        """End the loan, from either thread; the first reason counts."""
        with self._ending:
            if not self.over.is_set():
                self.why = why
                self.over.set()

    def forget(self) -> None:
        """Drop everything that the action learnt of a person.

        The attending thread calls it when the action ended without being done, and the control thread when it is
        done.
        """


class Lending:
    """At most one loan at a time. Only `offer`, `situation`, `lent` and `opening` may be used by other threads."""

    def __init__(self) -> None:
        self.situation: Situation | None = None
        """The terminal's situation at the last turn; an immutable value, which any thread may read."""
        self._offered: queue.Queue[Loan] = queue.Queue(1)
        self._openings: queue.Queue[Opening] = queue.Queue(1)
        self._loan: Loan | None = None
        self._until_ms = self._asked_ms = 0
        self._leaving: tuple[int, int] | None = None
        """Until when somebody who was enrolled may stay, and when somebody was last seen there."""

    @property
    def lent(self) -> bool:
        """Whether a loan stands or waits."""
        return self._loan is not None or not self._offered.empty()

    @property
    def filming(self) -> bool:
        """Whether the frames are lent, so that no face counts."""
        return self._leaving is not None or (self._loan is not None and self._loan.films)

    def offer(self, loan: Loan, within_s: float = TAKEN_WITHIN_S) -> bool:
        """Hand a loan to the attending thread; False when it took none in time. Then the loan is over."""
        try:
            self._offered.put_nowait(loan)
        except queue.Full:
            loan.end("not-taken")
            return False
        if loan.taken.wait(within_s):
            return True
        loan.end("not-taken")
        return False

    def open(self, opening: Opening) -> bool:
        """Ask the control thread for an enrolment that was opened at the terminal; False when one waits already."""
        try:
            self._openings.put_nowait(opening)
        except queue.Full:
            return False
        return True

    def opening(self) -> Opening | None:
        """The enrolment that was opened at the terminal and that nobody took yet; the control thread asks."""
        try:
            return self._openings.get_nowait()
        except queue.Empty:
            return None

    def turn(
        self, frame: Frame | None, look: Callable[[Frame], Sight], situation: Situation, now_ms: int
    ) -> Happening | None:
        """One turn of the attending loop. Returns what happens to the terminal's state; never raises."""
        self.situation = situation
        self._take(now_ms)
        loan = self._loan
        if loan is None or not loan.films:  # a cue may be shown while whoever was enrolled still stands there
            self._leaving = self._still_there(frame, look, now_ms)
        if loan is None:
            return None
        if now_ms >= self._until_ms:
            loan.end("time")
        if situation.state is State.OUT_OF_SERVICE:
            loan.end("out-of-service")
        if not loan.over.is_set():
            self._guarded(loan, lambda: loan.turn(frame, look, now_ms))
        return self._returned(loan, now_ms) if loan.over.is_set() else self._cue(loan, situation, now_ms)

    def reads(self, read: Read) -> bool:
        """Whether the loan takes this badge, so that it is no punch; never raises."""
        loan = self._loan
        if loan is None or loan.over.is_set():
            return False
        return self._guarded(loan, lambda: loan.reads(read)) is True

    def pressed(self, button: Button) -> None:
        """Hand a press to the loan; never raises."""
        loan = self._loan
        if loan is not None and not loan.over.is_set():
            self._guarded(loan, lambda: loan.pressed(button))

    def _take(self, now_ms: int) -> None:
        if self._loan is not None:
            return
        try:
            loan = self._offered.get_nowait()
        except queue.Empty:
            return
        if loan.over.is_set():
            return
        self._loan, self._until_ms = loan, now_ms + loan.longest_ms
        if loan.films:
            self._leaving = None
        loan.taken.set()

    def _cue(self, loan: Loan, situation: Situation, now_ms: int) -> Happening | None:
        """Ask for the loan's cue until it is shown: somebody's answer comes first, and is shown to its end."""
        wanted = loan.cue
        shown = situation.state is State.LENT and situation.shown is wanted
        if wanted is None or (shown and now_ms - self._asked_ms < AGAIN_MS):
            return None
        self._asked_ms = now_ms
        return Happening(Event.LEND, shown=wanted)

    def _returned(self, loan: Loan, now_ms: int) -> Happening:
        self._loan = None
        if loan.why is not None:
            self._guarded(loan, loan.forget)  # here, because this thread may have used it until now
        elif loan.films and loan.lingers:
            self._leaving = now_ms + LINGER_MS, now_ms
        return Happening(Event.RETURNED)

    def _still_there(
        self, frame: Frame | None, look: Callable[[Frame], Sight], now_ms: int
    ) -> tuple[int, int] | None:
        if self._leaving is None:
            return None
        until_ms, seen_ms = self._leaving
        if frame is not None and look(frame).box is not None:
            seen_ms = now_ms
        return None if now_ms >= until_ms or now_ms - seen_ms >= AWAY_MS else (until_ms, seen_ms)

    @staticmethod
    def _guarded(loan: Loan, act: Callable[[], object]) -> object:
        """An error of an action ends the action, and not the terminal."""
        try:
            return act()
        except Exception:  # noqa: BLE001 - whatever it is, punching goes on
            _log.exception("an action of the command line failed")
            loan.end("failed")
            return None
