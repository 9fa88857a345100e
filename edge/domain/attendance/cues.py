"""Cues: a cue is a rhythm of lights and tones with an end.

Cues differ by rhythm and by sound, so that people can tell them apart without seeing colour, and without hearing. A
cue that does not repeat ends dark; one that repeats runs until its state's deadline (I6).
"""

from dataclasses import dataclass, replace
from enum import StrEnum

HIGH_HZ, MID_HZ, LOW_HZ = 1760, 880, 220
"""Frequencies of the tones, in hertz, that a small piezo can play; an octave or more apart, for a noisy hall."""


class CueName(StrEnum):
    """Every cue; docs/wiring.md describes each to staff."""

    STARTING = "starting"
    IDLE = "idle"
    LOOKING = "looking"
    IN = "in"
    OUT = "out"
    ALREADY_IN = "already-in"
    ALREADY_OUT = "already-out"
    BREAK_BEGINS = "break-begins"
    BREAK_ENDS = "break-ends"
    ALREADY_ON_BREAK = "already-on-break"
    REFUSED = "refused"
    TOO_FAR = "too-far"
    TOO_CLOSE = "too-close"
    LIGHT = "light"
    HOLD_STILL = "hold-still"
    FACE_CAMERA = "face-camera"
    ONE_AT_A_TIME = "one-at-a-time"
    UNCOVER = "uncover"
    ENROLLING = "enrolling"
    EMPLOYER_AGREES = "employer-agrees"
    CONSENT = "consent"
    ENROLLED = "enrolled"
    NOT_ENROLLED = "not-enrolled"
    COOLDOWN = "cooldown"
    BADGE_ONLY = "badge-only"
    OUT_OF_SERVICE = "out-of-service"
    RECORDS_FULL = "records-full"
    SHOW_BADGE = "show-badge"
    LOOK_HERE = "look-here"
    ENTER_PIN = "enter-pin"
    TURN_LEFT = "turn-left"
    TURN_RIGHT = "turn-right"
    PRESSED_IN = "pressed-in"
    PRESSED_OUT = "pressed-out"
    PRESSED_BREAK = "pressed-break"
    PRESS_BUTTON = "press-button"
    ONE_BUTTON = "one-button"


@dataclass(frozen=True, slots=True)
class Lights:
    """The state of every output at one instant."""

    green: bool = False
    amber: bool = False
    red: bool = False
    tone_hz: int = 0
    """0 is silence."""


DARK = Lights()


@dataclass(frozen=True, slots=True)
class CueStep:
    """Hold these lights for this long."""

    lights: Lights
    ms: int


@dataclass(frozen=True, slots=True)
class Cue:
    """A rhythm, and the words that a screen or a console shows with it."""

    name: CueName
    text: str
    steps: tuple[CueStep, ...]
    repeat: bool = False


def _step(colours: str, ms: int, tone_hz: int = 0) -> CueStep:
    return CueStep(Lights("g" in colours, "a" in colours, "r" in colours, tone_hz), ms)


def _advice(name: CueName, text: str, pulses: int) -> Cue:
    """Amber pulses, each with a short middle tone; people count them by eye or by ear."""
    return Cue(name, text, (_step("a", 140, MID_HZ), _step("", 160)) * pulses + (_step("a", 600),))


CUES: dict[CueName, Cue] = {
    cue.name: cue
    for cue in (
        Cue(CueName.STARTING, "starting", (_step("a", 500), _step("", 500)), repeat=True),
        Cue(CueName.IDLE, "ready", (_step("", 1000),), repeat=True),
        Cue(CueName.LOOKING, "looking", (_step("a", 200), _step("", 100)), repeat=True),
        Cue(CueName.IN, "IN", (_step("g", 150, MID_HZ), _step("g", 250, HIGH_HZ), _step("g", 1200))),
        Cue(CueName.OUT, "OUT", (_step("g", 150, HIGH_HZ), _step("g", 250, MID_HZ), _step("g", 1200))),
        Cue(CueName.ALREADY_IN, "ALREADY IN", (_step("g", 150, MID_HZ), _step("", 150)) * 3),
        Cue(CueName.ALREADY_OUT, "ALREADY OUT", (_step("g", 150, HIGH_HZ), _step("", 150)) * 3),
        Cue(
            CueName.BREAK_BEGINS,
            "BREAK BEGINS",
            (
                *(_step("g", 150, HIGH_HZ), _step("g", 250, MID_HZ), _step("", 200)),
                *(_step("g", 300, LOW_HZ), _step("g", 700)),
            ),
        ),
        Cue(
            CueName.BREAK_ENDS,
            "BREAK ENDS: IN",
            (
                *(_step("g", 400, LOW_HZ), _step("", 200)),
                *(_step("g", 150, MID_HZ), _step("", 100), _step("g", 250, HIGH_HZ), _step("g", 500)),
            ),
        ),
        Cue(CueName.ALREADY_ON_BREAK, "ALREADY ON BREAK", (_step("g", 150, LOW_HZ), _step("", 150)) * 3),
        Cue(CueName.REFUSED, "not recognised: badge or PIN", (_step("r", 700, LOW_HZ), _step("r", 800))),
        _advice(CueName.TOO_FAR, "come closer", 1),
        _advice(CueName.TOO_CLOSE, "step back", 2),
        _advice(CueName.LIGHT, "the light is wrong: face a lamp or window", 3),
        _advice(CueName.HOLD_STILL, "hold still", 4),
        _advice(CueName.FACE_CAMERA, "look into the camera", 5),
        _advice(CueName.ONE_AT_A_TIME, "one at a time", 6),
        _advice(CueName.UNCOVER, "uncover your face: mask, hand, scarf", 7),
        Cue(
            CueName.SHOW_BADGE,
            "show your badge",
            (_step("a", 300, HIGH_HZ), _step("", 150), _step("a", 1100, LOW_HZ)),
        ),
        Cue(CueName.LOOK_HERE, "now look into the camera", (_step("a", 100, HIGH_HZ), _step("", 700)), repeat=True),
        Cue(
            CueName.ENTER_PIN,
            "enter your PIN",
            (_step("a", 100), _step("", 100), _step("a", 100), _step("", 500)),
            repeat=True,
        ),
        Cue(
            CueName.TURN_LEFT,
            "turn your head to your left, and back",
            (_step("a", 450, LOW_HZ), _step("", 450)),
            repeat=True,
        ),
        Cue(
            CueName.TURN_RIGHT,
            "turn your head to your right, and back",
            (_step("a", 150, HIGH_HZ), _step("", 150), _step("a", 150, HIGH_HZ), _step("", 450)),
            repeat=True,
        ),
        Cue(
            CueName.PRESSED_IN,
            "IN: now your face, badge or PIN",
            (_step("a", 100, MID_HZ), _step("a", 100, HIGH_HZ), _step("a", 700), _step("", 300)),
            repeat=True,
        ),
        Cue(
            CueName.PRESSED_OUT,
            "OUT: now your face, badge or PIN",
            (_step("a", 100, HIGH_HZ), _step("a", 300, MID_HZ), _step("", 150), _step("a", 400), _step("", 300)),
            repeat=True,
        ),
        Cue(
            CueName.PRESSED_BREAK,
            "BREAK: now your face, badge or PIN",
            (
                _step("a", 100, HIGH_HZ),
                _step("a", 150, LOW_HZ),
                *(_step("", 150), _step("a", 200)) * 2,
                _step("", 300),
            ),
            repeat=True,
        ),
        Cue(
            CueName.PRESS_BUTTON,
            "press IN, OUT or BREAK",
            (_step("a", 150, MID_HZ), _step("", 150), _step("a", 150, HIGH_HZ), _step("", 900)),
            repeat=True,
        ),
        Cue(
            CueName.ONE_BUTTON,
            "press one button alone",
            (_step("r", 150, LOW_HZ), _step("", 150), _step("r", 150, LOW_HZ), _step("", 150), _step("r", 900)),
        ),
        Cue(CueName.ENROLLING, "enrolling", (_step("ga", 300), _step("", 300)), repeat=True),
        Cue(
            CueName.EMPLOYER_AGREES,
            "does the employer agree? IN: yes, OUT or BREAK: no",
            (_step("ga", 150, LOW_HZ), _step("", 150), _step("ga", 150, HIGH_HZ), _step("", 1200)),
            repeat=True,
        ),
        Cue(
            CueName.CONSENT,
            "do you agree to the use of your face? IN: yes, OUT or BREAK: no",
            (*(_step("ga", 150, MID_HZ), _step("", 150)) * 2, _step("ga", 150, HIGH_HZ), _step("", 1200)),
            repeat=True,
        ),
        Cue(
            CueName.ENROLLED,
            "enrolled",
            (_step("ga", 150, LOW_HZ), _step("ga", 150, MID_HZ), _step("ga", 150, HIGH_HZ), _step("ga", 1500)),
        ),
        Cue(
            CueName.NOT_ENROLLED,
            "nobody was enrolled, and nothing was kept",
            (*(_step("r", 250, MID_HZ), _step("r", 250, LOW_HZ), _step("", 200)) * 2, _step("r", 600)),
        ),
        Cue(CueName.COOLDOWN, "your face is paused: badge or PIN", (_step("ra", 300), _step("", 900)), repeat=True),
        Cue(
            CueName.BADGE_ONLY,
            "the camera is out of order: badge or PIN",
            (_step("r", 300), _step("", 300), _step("a", 300), _step("", 1500)),
            repeat=True,
        ),
        Cue(
            CueName.OUT_OF_SERVICE,
            "OUT OF SERVICE: nothing is recorded",
            (_step("r", 250), _step("", 250), _step("r", 250), _step("", 1250)),
            repeat=True,
        ),
        Cue(
            CueName.RECORDS_FULL,
            "RECORDS FULL: nothing is recorded, call whoever looks after it",
            (_step("r", 250), _step("", 250), _step("a", 250), _step("", 250), _step("r", 250), _step("", 1250)),
            repeat=True,
        ),
    )
}


def as_example(cue: Cue) -> Cue:
    """The cue as it is shown when nobody clocked in: amber is lit wherever green is, because green alone says that
    a punch is on the disk (I1).
    """
    steps = tuple(
        CueStep(replace(step.lights, amber=True), step.ms) if step.lights.green else step for step in cue.steps
    )
    return replace(cue, steps=steps)


def held(cue: Cue, ms: int) -> Cue:
    """The cue with its last step so long that all of it lasts `ms`; one that repeats, or lasts longer, as it is."""
    short = ms - sum(step.ms for step in cue.steps)
    if cue.repeat or short <= 0:
        return cue
    *before, last = cue.steps
    return replace(cue, steps=(*before, CueStep(last.lights, last.ms + short)))
