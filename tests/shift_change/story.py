"""The change of shifts itself: a thread for each door lets people come in the order of the plan."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from edge.domain.attendance.cues import CueName
from tests.shift_change.doors import Door, Message
from tests.shift_change.plan import Person, Plan, Stranger, Visit, Way

ACCEPTED = frozenset({CueName.IN, CueName.OUT})
ALREADY = frozenset({CueName.ALREADY_IN, CueName.ALREADY_OUT})
_FINAL = frozenset({CueName.REFUSED, CueName.SHOW_BADGE, CueName.COOLDOWN, *ALREADY})
"""After these, somebody who came by face does not wait for another answer."""
_ADVISED_S = 3.0
"""After so long without success, somebody who was told what to change takes the badge."""
_DWELL_S = {Way.FACE: 0.8, Way.BADGE: 0.6, Way.PIN: 0.6}
"""How long somebody stays after the answer."""
_TYPING_S = 1.0
"""How long the digits of a PIN take."""
_STAY_S = 20.0
"""After so long, another of a door's strangers stands before the camera, where there are several."""
_LOOK_S = 0.1


@dataclass
class Outcome:
    """What became of one visit."""

    visit: Visit
    by: Way | None = None
    """How the punch was accepted; None without a punch."""
    cue: CueName | None = None
    """The cue of the punch."""
    wait_ms: float | None = None
    """From the first usable frame, or the last read, to the lights of that cue."""
    told: list[CueName] = field(default_factory=list)
    """Every other answer, in order."""
    unanswered: list[Way] = field(default_factory=list)
    """Ways that got no answer at all."""
    right_refused: int = 0
    """Times that a right badge or PIN was refused."""

    @property
    def lost(self) -> bool:
        """Whether somebody got no answer, or neither a punch nor a reason."""
        return bool(self.unanswered) or (self.by is None and not self.told)


class Story:
    """All visits. `run` returns when everybody has come and gone."""

    def __init__(self, plan: Plan, doors: dict[str, Door], patience_s: float) -> None:
        self._plan, self._doors, self._patience_s = plan, doors, patience_s
        self._lock = threading.Lock()
        self._outcomes: list[Outcome] = []
        self._came = {visit.who.key: threading.Event() for visit in plan.visits}
        self._accepted_s: dict[str, float] = {}
        self._error: BaseException | None = None
        self._stop = threading.Event()
        self.took_s = 0.0
        """From the first visit to the last answer of those who come."""

    def run(self, progress: Callable[[int, int], None]) -> list[Outcome]:
        """Play it. Raises what a door raised."""
        self._began_s = time.monotonic()
        threads = [
            threading.Thread(target=self._play, args=(door,), name=door.name) for door in self._doors.values()
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            threads[0].join(0.2)
            with self._lock:
                progress(len(self._outcomes), len(self._plan.visits))
        if self._error is not None:
            raise self._error
        return self._outcomes

    def _play(self, door: Door) -> None:
        try:
            for visit in [one for one in self._plan.visits if one.door == door.name]:
                self._wait(door, visit.at_s)
                if visit.leaving and not self._may_leave(door, visit):
                    continue
                outcome = self._visit(door, visit)
                with self._lock:
                    self._outcomes.append(outcome)
                    if not visit.leaving:
                        self.took_s = max(self.took_s, time.monotonic() - self._began_s)
                        if outcome.by is not None:
                            self._accepted_s[visit.who.key] = time.monotonic()
                        self._came[visit.who.key].set()
        except BaseException as error:  # noqa: BLE001 - it is raised where the story was begun
            self._error = error
            self._stop.set()

    def _wait(self, door: Door, at_s: float) -> None:
        """Until it is time; meanwhile a stranger stands there."""
        while not self._stop.is_set() and (left := self._began_s + at_s - time.monotonic()) > 0:
            self._nobody(door)
            time.sleep(min(left, _LOOK_S))

    def _nobody(self, door: Door) -> None:
        """Nobody of the staff stands there: a stranger does, where there is one."""
        here = self._plan.strangers_at(door.name)
        if not here:
            door.stand("", None)
            return
        turn = int((time.monotonic() - self._began_s) / _STAY_S) % len(here)
        door.stand(here[turn].key, here[turn].face)

    def _may_leave(self, door: Door, visit: Visit) -> bool:
        """Whether somebody who came may leave now; it is waited for. A second punch within the window is none."""
        while not self._came[visit.who.key].wait(_LOOK_S):
            self._nobody(door)
            if self._stop.is_set():
                return False
        accepted_s = self._accepted_s.get(visit.who.key)
        if accepted_s is None:
            return False
        self._wait(door, accepted_s - self._began_s + self._plan.window_s + 1.0)
        return True

    def _visit(self, door: Door, visit: Visit) -> Outcome:
        outcome, who = Outcome(visit), visit.who
        if isinstance(who, Stranger):
            self._nobody(door)
            self._reads(door, outcome, _reads_of_stranger(who, visit.way))
        elif visit.way is Way.FACE:
            self._face(door, outcome, who)
        else:
            self._nobody(door)
            reads = [f"badge {who.badge}"] if visit.way is Way.BADGE else [f"keys {who.number}", f"keys {who.pin}"]
            self._reads(door, outcome, reads)
        if outcome.by is not None:
            time.sleep(_DWELL_S[outcome.by])
        self._nobody(door)
        return outcome

    def _face(self, door: Door, outcome: Outcome, who: Person) -> None:
        """Stand before the camera; who is refused takes the badge, still standing there."""
        mark = door.mark()
        door.stand(who.key, who.face)
        until = time.monotonic() + self._patience_s
        while (left := until - time.monotonic()) > 0:
            answer = door.wait(mark, lambda one: "answer" in one and one["who"] == who.key, left)
            if answer is None:
                break
            if self._noted(door, outcome, answer, mark, Way.FACE):
                return
            if outcome.told[-1] in _FINAL:
                break
            mark = answer["number"] + 1
            until = min(until, time.monotonic() + _ADVISED_S)
        if not outcome.told:
            outcome.unanswered.append(Way.FACE)
        self._reads(door, outcome, [f"badge {who.badge}"])

    def _reads(self, door: Door, outcome: Outcome, lines: Sequence[str]) -> None:
        """Hold a badge to the reader, or type a number and its PIN."""
        way = Way.BADGE if len(lines) == 1 else Way.PIN
        for line in lines[:-1]:
            mark = door.mark()
            door.read(line)
            if door.wait(mark, lambda one: one.get("begins") == CueName.ENTER_PIN, self._patience_s) is None:
                outcome.unanswered.append(way)
                return
            time.sleep(_TYPING_S)
        mark = door.mark()
        read_ns = door.read(lines[-1])

        def answers(one: Message) -> bool:
            return ("answer" in one and one["who"] is None) or one.get("begins") == CueName.LOOK_HERE

        answer = door.wait(mark, answers, self._patience_s)
        if answer is None:
            outcome.unanswered.append(way)
            return
        if "answer" not in answer:
            self._face_after_badge(door, outcome, mark)
            return
        if self._noted(door, outcome, answer, mark, way, read_ns):
            return
        if isinstance(outcome.visit.who, Person):
            outcome.right_refused += 1

    def _face_after_badge(self, door: Door, outcome: Outcome, mark: int) -> None:
        """Somebody looks alike: the badge asks for the face as well."""
        who = outcome.visit.who
        door.stand(who.key, who.face)
        answer = door.wait(mark, lambda one: "answer" in one and one["who"] == who.key, self._patience_s)
        if answer is None:
            outcome.unanswered.append(Way.BADGE)
        else:
            self._noted(door, outcome, answer, mark, Way.BADGE)

    def _noted(
        self, door: Door, outcome: Outcome, answer: Message, mark: int, way: Way, read_ns: int | None = None
    ) -> bool:
        """Note an answer; True for a punch, whose lights are waited for."""
        cue = CueName(answer["cue"])
        if cue not in ACCEPTED:
            outcome.told.append(cue)
            return False
        shown = door.wait(mark, lambda one: one.get("shown") == answer["answer"], self._patience_s)
        outcome.by, outcome.cue = way, cue
        began_ns = answer["usable_ns"] if read_ns is None else read_ns
        if shown is None:
            outcome.unanswered.append(way)
        elif began_ns is not None:
            outcome.wait_ms = (shown["ns"] - began_ns) / 1e6
        return True


def _reads_of_stranger(who: Stranger, way: Way) -> list[str]:
    return [f"badge {who.badge}"] if way is Way.BADGE else [f"keys {who.number}", "keys 135792"]
