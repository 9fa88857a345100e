"""Probes of a person who is to be enrolled, from photographs or the camera. No image is kept."""

from collections.abc import Callable, Iterable

import numpy as np

from edge.domain.attendance.cues import CUES
from edge.domain.attendance.states import Situation, State
from edge.domain.face import Frame, Pixels, Probe
from edge.domain.recognition import lookalikes
from edge.errors import EnrolmentRefused
from edge.ports import Camera
from edge.vision.pipeline import Pipeline


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
    camera: Camera, pipeline: Pipeline, *, wanted: int, frames: int, told: Callable[[str], None]
) -> list[Probe]:
    """`wanted` live, good probes from at most `frames` frames. `told` gets what to change, once for each reason.

    Raises EnrolmentRefused when not enough good frames came, CameraError when the camera fails.
    """
    probes: list[Probe] = []
    said: set[str] = set()
    camera.open()
    try:
        for _ in range(frames):
            frame = camera.read(1.0)
            sight = None if frame is None else pipeline.look(frame)
            if sight is not None and sight.probe is not None:
                probes.append(sight.probe)
                if len(probes) == wanted:
                    if lookalikes.strangers(np.stack([one.embedding for one in probes])) is not None:
                        raise EnrolmentRefused(
                            "more than one person stood before the camera; let only one stand there, and try again"
                        )
                    return probes
            elif sight is not None and sight.reason is not None and sight.reason not in said:
                said.add(sight.reason)
                told(CUES[Situation(State.REFUSED, None, None, sight.reason).cue].text)
    finally:
        camera.close()
    raise EnrolmentRefused(
        f"only {len(probes)} of {wanted} good pictures came; face the camera in good light, try again"
    )
