"""The presses at one terminal, whose punch each of them belongs to, and the tamper switch. One thread uses it.

A press belongs to the person who has just had an answer, if it comes within the time of that answer, a camera saw
the person, and no other face came since. Otherwise it waits for the next face, badge or PIN, and counts for that
one punch. If that is the same person again, it changes the punch that they have just made.
"""

import logging
import queue
from dataclasses import dataclass, replace

from edge.domain.attendance.presses import (
    AFTER_MS,
    BUTTONS,
    WAITS_MS,
    Contact,
    ContactChange,
    Press,
    Presses,
    SeveralPressed,
    WaitingPress,
)
from edge.domain.attendance.punch_direction import DirectionPolicy, NewPunch, Unpressed, direction_of
from edge.domain.attendance.states import Event, Happening
from edge.domain.attendance.tamper import TamperSwitch
from edge.domain.face import Frame, Sight
from edge.domain.protocol.record_kinds import CorrectionAction, CorrectionReason, CorrectionSide, Kind, TamperState
from edge.domain.recognition.approach import Approach
from edge.domain.vocabulary import Button, Method
from edge.errors import JournalAltered, JournalDamaged, JournalError, RecordError
from edge.journal.journal import Journal
from edge.terminal.attendance.punch_recorder import Identified, Punched, Recorder
from edge.terminal.runtime.alarms import Alarm, Alarms

_log = logging.getLogger(__name__)
LATE_MS = 1_000
"""A press is told a moment after it was made: its person is remembered for as long."""
TAMPER_BACK = 10_000
"""Records in which a start looks for the last one of the tamper switch."""
_FACE = frozenset({Method.FACE, Method.BADGE_FACE})


@dataclass(frozen=True, slots=True)
class Answered:
    """A person who has just had an answer, or who is asked for a press."""

    who: Identified
    answer: Punched | Unpressed
    at_ms: int
    approach: Approach | None
    """The approach of the face that stood there; None without one."""
    seen: tuple[Frame, Sight] | None
    """Where a press may still make a punch of it: the frame and sight of the face. They are in memory only."""

    @property
    def until_ms(self) -> int:
        """The instant until which a press belongs to this person."""
        return self.at_ms + (WAITS_MS if isinstance(self.answer, Unpressed) else AFTER_MS)

    @property
    def is_punched(self) -> bool:
        """Whether there is a punch that a press can change. Without one, a press makes a punch."""
        return isinstance(self.answer, Punched) and self.answer.kind is Kind.PUNCH

    @property
    def is_unseen(self) -> bool:
        """Whether no face stood there at a badge or PIN: then anybody may be the one who presses next."""
        return isinstance(self.answer, Punched) and self.approach is None

    def is_there(self, standing: Approach | None) -> bool:
        """Whether nobody else can be the one who presses. A face that looks down at the buttons may be lost; it is
        not missed where there is a punch already, or where the person was known by a badge.
        """
        if standing is None:
            return not (isinstance(self.answer, Unpressed) and self.who.method in _FACE)
        return standing is self.approach


class ButtonPresses:
    """Presses and the tamper switch. Any thread may read `alarms` and `counters`."""

    def __init__(self, changes: "queue.SimpleQueue[tuple[ContactChange, int]]", policy: DirectionPolicy) -> None:
        """`changes` is the queue of what changed, each with its instant in ms of the monotonic clock."""
        self._changes = changes
        self._policy = replace(policy, window_s=float("-inf"))  # a punch that is there already is no repetition
        self._presses, self._waiting, self._tamper = Presses(), WaitingPress(), TamperSwitch()
        self._box_known = False
        """Whether the switch has told its first level."""
        self._answered: Answered | None = None
        self._unseen: Answered | None = None
        """The answer after which the waiting press came, if nobody can know whose press it is."""
        self._alarms, self._pressed, self._corrected = Alarms(), 0, 0

    @property
    def alarms(self) -> tuple[str, ...]:
        """Alarm words for the status."""
        return tuple(self._alarms.words)

    def counters(self) -> dict[str, int]:
        """Counters for the status: presses that counted, and punches that a press changed."""
        return {"presses": self._pressed, "presses_changing": self._corrected}

    def open(self, journal: Journal, recorder: Recorder, now_ms: int) -> None:
        """Begin; presses from before `now_ms` do not count."""
        self._journal, self._recorder, self._begun_ms = journal, recorder, now_ms

    def take(self, now_ms: int, standing: Approach | None, *, ignored: bool) -> list[Press | SeveralPressed]:
        """All presses that count by now.

        `standing` is the approach of the face that is there. `ignored`: no press belongs to a punch, because
        nothing can be recorded or the terminal is lent; the tamper switch is heard all the same.
        """
        while True:
            try:
                change, at_ms = self._changes.get_nowait()
            except queue.Empty:
                break
            if change.contact is Contact.TAMPER:
                if not self._box_known and not change.active:
                    self._remember_box()
                self._box_known = True
                self._tamper.changed(change.active, at_ms)
            elif change.contact in BUTTONS:
                button = BUTTONS[change.contact]
                self._presses.changed(button, change.active, at_ms, pressed=not change.first)
        self._look_at_box(now_ms)
        self._look_for_stuck(now_ms)
        due = [one for one in self._presses.due(now_ms) if one.at_ms >= self._begun_ms]
        if ignored:
            self.forget()
            self._cancel()
            return due
        one = self._answered
        if one is not None and (now_ms >= one.until_ms + LATE_MS or not one.is_there(standing)):
            self._answered = None
        self._pressed += sum(isinstance(one, Press) for one in due)
        return due

    def whose(self, press: Press, standing: Approach | None) -> Answered | None:
        """The person whom a press belongs to; None for the next one."""
        one = self._just_answered(press)
        return one if one is not None and one.is_there(standing) and not one.is_unseen else None

    def wait(self, press: Press) -> Happening:
        """Let a press wait for its person. Whether it was of an unseen person who has just had an answer shows when
        somebody comes.
        """
        self._unseen = self._just_answered(press)
        return Happening(Event.PRESSED, button=press.button, until_ms=self._waiting.hold(press))

    def pressed(self, now_ms: int) -> Button | None:
        """The button that waited, for the punch that is made now; None without one."""
        return self._waiting.take(now_ms)

    @property
    def in_doubt(self) -> bool:
        """Whether the press that waits may be of the unseen person who was answered last."""
        return self._unseen is not None

    def meant(self, person: str) -> Answered | None:
        """The punch that the press before this person changes: their own, made a moment ago. None for another
        person. The doubt is over.
        """
        one, self._unseen = self._unseen, None
        return one if one is not None and one.is_punched and one.who.person == person else None

    def questioned(self, within_ms: int, now_ms: int) -> None:
        """The terminal asks something before the punch is made, for `within_ms`: the press waits as long."""
        self._waiting.extend(now_ms + within_ms, now_ms)

    def several(self) -> None:
        """Several buttons were pressed: the press that waited does not count, either."""
        self._cancel()

    @property
    def settling(self) -> bool:
        """Whether a press was made a moment ago and may turn out not to be alone."""
        return self._presses.settling

    def answered(
        self,
        who: Identified,
        answer: Punched | Unpressed,
        standing: Approach | None,
        seen: tuple[Frame, Sight] | None,
        now_ms: int,
    ) -> None:
        """Note an answer: a press that follows belongs to it."""
        self._answered = Answered(who, answer, now_ms, standing, seen)
        if self._answered.is_punched:
            self._answered = replace(self._answered, seen=None)  # no frame is kept without need

    def forget(self) -> None:
        """Forget who was answered: somebody else is being looked at."""
        self._answered = None

    def asking(self, now_ms: int) -> bool:
        """Whether a known person is asked for a press."""
        one = self._answered
        return one is not None and isinstance(one.answer, Unpressed) and now_ms < one.until_ms

    def unanswered(self, now_ms: int) -> Happening | None:
        """What the lights should show when nothing else is shown: a question, or the press that waits."""
        if self._answered is not None and self.asking(now_ms):
            return Happening(Event.CHOOSE, until_ms=self._answered.until_ms)
        found = self._waiting.until(now_ms)
        return None if found is None else Happening(Event.PRESSED, button=found[0], until_ms=found[1])

    def correct(self, one: Answered, button: Button) -> Punched | None:
        """The punch as the press means it, durable on return; None when the disk cannot be written.

        A press that says what counts already makes no record. Raises JournalDamaged.
        """
        made = one.answer
        if not isinstance(made, Punched) or made.stored is None or made.made is None:
            raise ValueError("only a punch can be corrected")
        self._answered = one
        found = direction_of(made.last, made.made, self._policy, button)
        if not isinstance(found, NewPunch) or (found.direction, found.activity) == (made.direction, made.activity):
            return made
        data: dict[str, object] = {
            "person": one.who.person,
            "change": str(CorrectionAction.AMENDED),
            "corrects": f"{self._journal.origin.terminal}/{self._journal.epoch}/{made.stored.seq}",
            "direction": str(found.direction),
            "at": None,
            "reason": str(CorrectionReason.WRONG_DIRECTION),
            "worker": str(CorrectionSide.ASKED),
            "employer": str(CorrectionSide.NOT_HEARD),
        }
        if found.activity is not None:
            data["activity"] = str(found.activity)
        if self._recorder.append(Kind.CORRECTION, data, self._recorder.now()) is None:
            return None
        self._corrected += 1
        changed = replace(made, direction=found.direction, activity=found.activity)
        self._answered = replace(one, answer=changed)
        return changed

    def _just_answered(self, press: Press) -> Answered | None:
        one = self._answered
        return one if one is not None and press.at_ms < one.until_ms else None

    def _cancel(self) -> None:
        self._waiting.cancel()
        self._unseen = None

    def _remember_box(self) -> None:
        """Who opens a box pulls its plug, too: an opening that was recorded is told on, until the switch was closed
        for a while. Raises JournalDamaged.
        """
        try:
            last = self._journal.last_of_kind(Kind.TAMPER, TAMPER_BACK)
        except (JournalDamaged, JournalAltered):
            raise
        except (JournalError, RecordError) as error:
            _log.warning("whether the box was opened before this start is not known: %s", error)
            return
        if last is not None and last.data["state"] == TamperState.OPENED:
            self._tamper.was_opened()
            words = "%s: the box was opened before this start, and no closing was recorded"
            self._alarms.begin(Alarm.TAMPER_OPEN, logging.ERROR, words, Alarm.TAMPER_OPEN)

    def _look_at_box(self, now_ms: int) -> None:
        state = self._tamper.due(now_ms)
        if state is None:
            return
        if state is TamperState.OPENED:
            self._alarms.begin(Alarm.TAMPER_OPEN, logging.ERROR, "%s: the box was opened", Alarm.TAMPER_OPEN)
        else:
            self._alarms.end(Alarm.TAMPER_OPEN, "the box is closed again")
        self._recorder.owe(Kind.TAMPER, {"state": str(state)})

    def _look_for_stuck(self, now_ms: int) -> None:
        stuck = self._presses.stuck(now_ms)
        if stuck:
            words = "%s: %s is held for a minute already; its presses do not count until it comes up"
            self._alarms.begin(Alarm.BUTTON_STUCK, logging.WARNING, words, Alarm.BUTTON_STUCK, " and ".join(stuck))
        else:
            self._alarms.end(Alarm.BUTTON_STUCK, "no button is stuck any more")
