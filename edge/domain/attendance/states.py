"""The terminal as a typed table: states, events, deadlines, and the cue that each situation shows.

Pure: `step` takes a situation and an event and gives the next one. A pair that the table does not hold changes
nothing, so that an event nobody foresaw can never crash the terminal (I6). ACCEPTED is entered by COMMITTED
alone (I1), which only the call that has just made a record durable sends.

                READY            FACE              COMMITTED
    STARTING ──────────► IDLE ─────────► LOOKING ────────────► ACCEPTED ─┐
                          ▲ ▲ FACE_GONE  │   │ SUPPRESSED                │
                          │ └────────────┘   ├────────────► DUPLICATE ───┤ DEADLINE
                          │                  │ REFUSED                   │
                          │                  └────────────► REFUSED ─────┤
                          └──────────────────────────────────────────────┘
    BADGE ──► VERIFYING, NUMBER ──► ASKING: then as from LOOKING; either ends by DEADLINE. A face that is paused is
    refused: there is no state in which everybody's face pauses.
    PRESSED ──► PRESSED, and CHOOSE ──► CHOOSING: then as from LOOKING; either ends by DEADLINE.
    any ── FAULT ──► OUT_OF_SERVICE ── MENDED ──► IDLE
    Where badges are read, a lost or exchanged camera is no fault: FACES_LOST ──► BADGE_ONLY ── MENDED ──► IDLE
    IDLE, LOOKING, BADGE_ONLY ── LEND ──► LENT ── RETURNED or DEADLINE ──► IDLE; each LEND shows the next cue
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from edge.domain.attendance.cues import CueName
from edge.domain.attendance.presses import WAITS_MS
from edge.domain.recognition.head_turn import WITHIN_MS, Side
from edge.domain.vocabulary import Activity, Button, Direction, RefusalReason


class State(StrEnum):
    """States of the terminal."""

    STARTING = "starting"
    IDLE = "idle"
    LOOKING = "looking"
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    VERIFYING = "verifying"
    """A badge was shown; the face of its person must follow."""
    ASKING = "asking"
    """A staff number was typed; its PIN must follow."""
    CHALLENGED = "challenged"
    """A person was recognised, and is asked to turn their head."""
    PRESSED = "pressed"
    """A button was pressed; a face, badge or PIN must follow."""
    CHOOSING = "choosing"
    """A known person must press a button."""
    BADGE_ONLY = "badge-only"
    """The camera is lost, and there is a reader."""
    LENT = "lent"
    """Camera, reader or lights are lent to an action of the command line, for example an enrolment."""
    OUT_OF_SERVICE = "out-of-service"


class Event(StrEnum):
    """Events that can change the state."""

    READY = "ready"
    FACE = "face"
    FACE_GONE = "face-gone"
    COMMITTED = "committed"
    """A punch is signed, chained, committed and on the disk."""
    SUPPRESSED = "suppressed"
    """A duplicate was recorded as evidence."""
    REFUSED = "refused"
    BADGE = "badge"
    """A badge that needs a face beside it."""
    NUMBER = "number"
    """A staff number that needs a PIN."""
    CHALLENGE = "challenge"
    LEND = "lend"
    """An action to which the terminal is lent asks for a cue."""
    RETURNED = "returned"
    """The action is over."""
    PRESSED = "pressed"
    """A button was pressed and waits for its person."""
    CHOOSE = "choose"
    """A person is known, and what their punch means is not."""
    DEADLINE = "deadline"
    FAULT = "fault"
    FACES_LOST = "faces-lost"
    MENDED = "mended"


class Fault(StrEnum):
    """Reasons why the terminal is out of service, worst first; the words are the status's alarms."""

    JOURNAL_FULL = "journal-full"
    """The journal is full of records that no receipt covers: nothing may be removed."""
    JOURNAL_UNWRITABLE = "journal-unwritable"
    """The disk is full, read-only or failing."""
    CAMERA_CHANGED = "camera-changed"
    """Another camera than the accepted one films, or a stream that is not live."""
    CAMERA_STALLED = "camera-stalled"


CAMERA_FAULTS = frozenset({Fault.CAMERA_CHANGED, Fault.CAMERA_STALLED})
"""With a reader, badge and PIN go on under these."""


DEADLINES_MS: Mapping[State, int] = {
    State.STARTING: 60_000,
    State.LOOKING: 10_000,
    State.ACCEPTED: 1_600,
    State.DUPLICATE: 1_200,
    State.REFUSED: 2_000,
    State.VERIFYING: 8_000,
    State.ASKING: 15_000,
    State.CHALLENGED: WITHIN_MS,
    State.LENT: 5_000,
    State.PRESSED: WAITS_MS,
    State.CHOOSING: WAITS_MS,
}
"""Longest time in a busy state, in milliseconds; from ACCEPTED to REFUSED it is the length of their cues."""

_ATTENDING = (
    State.IDLE,
    State.LOOKING,
    State.ACCEPTED,
    State.DUPLICATE,
    State.REFUSED,
    State.VERIFYING,
    State.ASKING,
    State.CHALLENGED,
    State.PRESSED,
    State.CHOOSING,
)
"""States in which the terminal looks at a face: the next person in a queue need not wait for the lights of the one
before.
"""
_READING = (*_ATTENDING, State.BADGE_ONLY, State.LENT)
"""States in which the terminal takes a badge, also while faces cannot be seen, or the camera is lent."""
_WITHOUT_ANSWER = (
    State.IDLE,
    State.LOOKING,
    State.VERIFYING,
    State.CHALLENGED,
    State.LENT,
    State.OUT_OF_SERVICE,
)
"""States that FACES_LOST may interrupt. Answers and prompts are shown to their end."""
QUESTIONS = (State.ASKING, State.CHALLENGED)
"""States whose question a press does not replace: it counts all the same."""

TABLE: Mapping[tuple[State, Event], State] = {
    (State.STARTING, Event.READY): State.IDLE,
    (State.STARTING, Event.DEADLINE): State.OUT_OF_SERVICE,
    (State.IDLE, Event.FACE): State.LOOKING,
    (State.LOOKING, Event.FACE_GONE): State.IDLE,
    (State.LOOKING, Event.DEADLINE): State.IDLE,
    (State.ACCEPTED, Event.DEADLINE): State.IDLE,
    (State.DUPLICATE, Event.DEADLINE): State.IDLE,
    (State.REFUSED, Event.DEADLINE): State.IDLE,
    (State.VERIFYING, Event.DEADLINE): State.IDLE,
    (State.ASKING, Event.DEADLINE): State.IDLE,
    (State.CHALLENGED, Event.DEADLINE): State.IDLE,
    (State.LENT, Event.DEADLINE): State.IDLE,
    (State.LENT, Event.RETURNED): State.IDLE,
    **{(state, Event.LEND): State.LENT for state in (State.IDLE, State.LOOKING, State.BADGE_ONLY, State.LENT)},
    (State.PRESSED, Event.DEADLINE): State.IDLE,
    (State.CHOOSING, Event.DEADLINE): State.IDLE,
    (State.CHOOSING, Event.FACE_GONE): State.IDLE,
    **{(state, Event.CHALLENGE): State.CHALLENGED for state in _ATTENDING},
    (State.OUT_OF_SERVICE, Event.MENDED): State.IDLE,
    (State.BADGE_ONLY, Event.MENDED): State.IDLE,
    **{(state, Event.FACES_LOST): State.BADGE_ONLY for state in _WITHOUT_ANSWER},
    **{(state, Event.COMMITTED): State.ACCEPTED for state in _READING},
    **{(state, Event.SUPPRESSED): State.DUPLICATE for state in _READING},
    **{(state, Event.REFUSED): State.REFUSED for state in _READING},
    **{(state, Event.NUMBER): State.ASKING for state in _READING},
    **{(state, Event.CHOOSE): State.CHOOSING for state in _READING},
    **{(state, Event.PRESSED): State.PRESSED for state in _READING if state not in QUESTIONS},
    **{(state, Event.BADGE): State.VERIFYING for state in _ATTENDING},
    **{(state, Event.FAULT): State.OUT_OF_SERVICE for state in State},
}


@dataclass(frozen=True, slots=True)
class Happening:
    """An event, with what the cue needs to know about it."""

    event: Event
    direction: Direction | None = None
    """With COMMITTED and SUPPRESSED."""
    reason: RefusalReason | None = None
    """With REFUSED."""
    fault: Fault | None = None
    """With FAULT."""
    side: Side | None = None
    """With CHALLENGE."""
    shown: CueName | None = None
    """With LEND: the cue that the action asks for."""
    activity: Activity | None = None
    """With COMMITTED and SUPPRESSED."""
    button: Button | None = None
    """With PRESSED."""
    until_ms: int | None = None
    """The deadline of the state that it leads to, where that is not the usual one; on the monotonic clock."""


@dataclass(frozen=True, slots=True)
class Situation:
    """A state, the instant at which it ends by itself, and its subject."""

    state: State
    deadline_ms: int | None
    """Deadline on the monotonic clock; None for the states that wait: IDLE, BADGE_ONLY and OUT_OF_SERVICE."""
    direction: Direction | None = None
    reason: RefusalReason | None = None
    fault: Fault | None = None
    side: Side | None = None
    shown: CueName | None = None
    activity: Activity | None = None
    button: Button | None = None

    @property
    def cue(self) -> CueName:
        """The cue of the situation."""
        return _cue(self)


def begin(now_ms: int) -> Situation:
    """The situation at power-on."""
    return Situation(State.STARTING, now_ms + DEADLINES_MS[State.STARTING])


def step(situation: Situation, happening: Happening, now_ms: int) -> Situation:
    """The next situation; the same one when the table has no row for the event in this state."""
    target = TABLE.get((situation.state, happening.event))
    if target is None:
        return situation
    if target is situation.state is State.OUT_OF_SERVICE and happening.fault is situation.fault:
        return situation
    limit = DEADLINES_MS.get(target)
    usual = None if limit is None else now_ms + limit
    told = (happening.direction, happening.reason, happening.fault, happening.side, happening.shown)
    deadline = usual if usual is None or happening.until_ms is None else happening.until_ms
    return Situation(target, deadline, *told, happening.activity, happening.button)


def tick(situation: Situation, now_ms: int) -> Situation:
    """Apply DEADLINE when its time has come."""
    if situation.deadline_ms is None or now_ms < situation.deadline_ms:
        return situation
    return step(situation, Happening(Event.DEADLINE), now_ms)


_PLAIN: Mapping[State, CueName] = {
    State.STARTING: CueName.STARTING,
    State.IDLE: CueName.IDLE,
    State.LOOKING: CueName.LOOKING,
    State.VERIFYING: CueName.LOOK_HERE,
    State.ASKING: CueName.ENTER_PIN,
    State.CHOOSING: CueName.PRESS_BUTTON,
    State.BADGE_ONLY: CueName.BADGE_ONLY,
    State.LENT: CueName.LOOK_HERE,
    State.OUT_OF_SERVICE: CueName.OUT_OF_SERVICE,
}
_ADVICE: Mapping[RefusalReason, CueName] = {
    RefusalReason.TOO_FAR: CueName.TOO_FAR,
    RefusalReason.TOO_CLOSE: CueName.TOO_CLOSE,
    RefusalReason.OFF_CENTRE: CueName.FACE_CAMERA,
    RefusalReason.DARK: CueName.LIGHT,
    RefusalReason.BRIGHT: CueName.LIGHT,
    RefusalReason.BLURRED: CueName.HOLD_STILL,
    RefusalReason.TURNED: CueName.FACE_CAMERA,
    RefusalReason.COVERED: CueName.UNCOVER,
    RefusalReason.SEVERAL_FACES: CueName.ONE_AT_A_TIME,
    RefusalReason.BADGE_NEEDED: CueName.SHOW_BADGE,
    RefusalReason.SEVERAL_BUTTONS: CueName.ONE_BUTTON,
    RefusalReason.PAUSED: CueName.COOLDOWN,
    RefusalReason.NOT_RECOGNISED: CueName.REFUSED,
}


_PRESSED: Mapping[Button | None, CueName] = {
    None: CueName.PRESSED_IN,
    Button.IN: CueName.PRESSED_IN,
    Button.OUT: CueName.PRESSED_OUT,
    Button.BREAK: CueName.PRESSED_BREAK,
}
_PUNCHED: Mapping[tuple[Direction, Activity | None], tuple[CueName, CueName]] = {
    (Direction.IN, None): (CueName.IN, CueName.ALREADY_IN),
    (Direction.IN, Activity.BREAK): (CueName.BREAK_ENDS, CueName.ALREADY_IN),
    (Direction.OUT, None): (CueName.OUT, CueName.ALREADY_OUT),
    (Direction.OUT, Activity.BREAK): (CueName.BREAK_BEGINS, CueName.ALREADY_ON_BREAK),
}
"""The cue of a punch, and of its repetition."""


def _cue(situation: Situation) -> CueName:
    if situation.state in {State.ACCEPTED, State.DUPLICATE}:
        made, again = _PUNCHED[situation.direction or Direction.IN, situation.activity]
        return made if situation.state is State.ACCEPTED else again
    if situation.state is State.PRESSED:
        return _PRESSED[situation.button]
    if situation.state is State.CHALLENGED:
        return CueName.TURN_LEFT if situation.side is Side.LEFT else CueName.TURN_RIGHT
    if situation.state is State.REFUSED:
        return _ADVICE.get(situation.reason or RefusalReason.NOT_RECOGNISED, CueName.REFUSED)
    if situation.fault is Fault.JOURNAL_FULL:
        return CueName.RECORDS_FULL
    asked_for = situation.shown if situation.state is State.LENT else None
    return asked_for or _PLAIN[situation.state]
