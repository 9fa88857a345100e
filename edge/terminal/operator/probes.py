"""Probes of a person who is to be enrolled, from photographs or the camera. No image is kept."""

from collections.abc import Callable, Iterable, Mapping
from time import monotonic

import numpy as np

from edge.domain.attendance.cues import CUES, CueName
from edge.domain.attendance.states import Situation, State
from edge.domain.face import Frame, Pixels, Probe
from edge.domain.recognition import lookalikes
from edge.domain.recognition.guided_enrolment import TEMPLATES, Advice, EnrolmentEnd, GuidedEnrolment
from edge.domain.recognition.head_turn import Side
from edge.errors import EnrolmentRefused
from edge.ports import Camera
from edge.terminal.runtime.look_timer import LookTimer
from edge.vision.pipeline import Pipeline

WITHIN_S = 120.0
"""Longest guided enrolment."""
ENDS: Mapping[EnrolmentEnd, str] = {
    EnrolmentEnd.LEFT: "the person left; try again, and stay before the camera until it is done",
    EnrolmentEnd.ANOTHER_PERSON: "another person stood before the camera; try again, one person alone",
    EnrolmentEnd.NOT_LIVE: (
        "no living face was seen; face a lamp or a window, with nothing held before the camera, and try again. "
        "Photographs are the other way"
    ),
}
"""By the end of a guided enrolment, what to do about it."""


def probes_from_photographs(photographs: Iterable[tuple[str, Pixels]], pipeline: Pipeline) -> list[Probe]:
    """One probe for each photograph, given as (name, RGB pixels). Raises EnrolmentRefused, which lists every
    photograph that fails.

    The photographs are taken one after another: if the iterable reads each when it is asked for, only one of them
    is in memory at a time.
    """
    probes, names, problems = [], [], []
    for name, pixels in photographs:
        names.append(name)
        sight = pipeline.look(Frame(pixels, 0))
        turned = "" if sight.probe is not None else _turned(pixels, pipeline)
        if sight.probe is not None:
            probes.append(sight.probe)
        elif turned:
            problems.append(f"{name}: the picture lies on its side or head; turn it {turned}, and save it so")
        elif sight.box is None:
            problems.append(f"{name}: no face was found; use a photograph that shows the whole face, upright")
        else:
            reason = sight.reason or "refused"
            cue = Situation(State.REFUSED, None, None, sight.reason).cue
            problems.append(f"{name}: {reason}: {CUES[cue].text}; take the photograph again")
    if problems:
        raise EnrolmentRefused("nobody was enrolled:\n" + "\n".join(f"  {line}" for line in problems))
    if not probes:
        raise EnrolmentRefused("nobody was enrolled: give at least one photograph")
    apart = lookalikes.strangers(np.stack([probe.embedding for probe in probes]))
    if apart is not None:
        one, other = (names[n] for n in apart)
        raise EnrolmentRefused(
            f"nobody was enrolled: {one} and {other} do not show the same person, or one of them shows too little; "
            "look at them, and remove the wrong one"
        )
    return probes


def _turned(pixels: Pixels, pipeline: Pipeline) -> str:
    """The turn after which a picture shows a good face, in words; empty when no turn helps."""
    for quarters, words in ((1, "by 90° to the left"), (3, "by 90° to the right"), (2, "upside down")):
        if pipeline.look(Frame(np.ascontiguousarray(np.rot90(pixels, quarters)), 0)).probe is not None:
            return words
    return ""


def probes_from_camera(
    camera: Camera, pipeline: Pipeline, first_side: Side, told: Callable[[str], None]
) -> list[Probe]:
    """Varied probes of the living person before a camera that no service uses, by the rules of guided enrolment.

    `pipeline` has the limits of enrolment. `told` gets what to do, once for each change. Raises EnrolmentRefused,
    and CameraError when the camera fails.
    """
    enrolment, advice, timer = GuidedEnrolment(first_side), None, LookTimer()
    camera.open()
    try:
        give_up = monotonic() + WITHIN_S
        while monotonic() < give_up:
            frame = camera.read(1.0)
            end = None if frame is None else enrolment.observe(timer.sight(pipeline.look, frame))
            if end is not None:
                raise EnrolmentRefused(f"nobody was enrolled: {ENDS[end]}")
            if enrolment.complete:
                return enrolment.templates()
            if enrolment.advice != advice:
                advice = enrolment.advice
                told(words(advice))
    finally:
        camera.close()
    raise EnrolmentRefused(
        f"only {enrolment.taken} of {TEMPLATES} good pictures came within {WITHIN_S:.0f} s; face the camera in "
        "good light, follow the advice, and try again"
    )


def cue_of(advice: Advice) -> CueName:
    """The cue that shows an advice at the terminal."""
    if advice.side is not None:
        return CueName.TURN_LEFT if advice.side is Side.LEFT else CueName.TURN_RIGHT
    if advice.reason is not None:
        return Situation(State.REFUSED, None, None, advice.reason).cue
    return CueName.ENROLLING


def words(advice: Advice) -> str:
    """An advice in words."""
    cue = cue_of(advice)
    return "look into the camera" if cue is CueName.ENROLLING else CUES[cue].text
