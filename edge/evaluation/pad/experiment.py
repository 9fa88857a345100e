"""Presentation attack detection measured on the product's own way: its pipeline, its gate, its verdict."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from edge.domain.face import Frame, Pixels, Probe
from edge.domain.pad.verdict import pad_verdict
from edge.domain.recognition.decision import DecisionPolicy
from edge.evaluation.pad.attempts import Attempt, TakenFor, Tried
from edge.evaluation.pad.dataset import REAL, Clip, Folder
from edge.evaluation.pad.enrolment import AttackedPeople
from edge.evaluation.pad.footage import Sampling, Shot, expected, shots
from edge.evaluation.pad.judging import Judging, Look
from edge.evaluation.pad.simulated_attacks import DISPLAY, PICTURE, held_up, on_display
from edge.evaluation.pad.verdict_cache import Clips
from edge.vision.pipeline import Pipeline

NOBODY = "no-face"
TOO_FEW = "too-few-frames"
"""Reason for the good frames of a video that are too few for an attempt."""


@dataclass(frozen=True, slots=True, eq=False)
class PadTrial:
    """How a folder is measured."""

    pipeline: Pipeline
    policy: DecisionPolicy
    stills: Pipeline | None = None
    """For pictures that are each a whole attempt; None for the same as for videos."""
    sampling: Sampling = field(default_factory=Sampling)
    people: AttackedPeople | None = None
    """For whom the attacks may be taken; None when nobody is enrolled."""
    simulate: bool = False
    """Each genuine picture that the gate lets through is tried as two attacks as well
    (edge.evaluation.pad.simulated_attacks), each frame an attempt of its own.
    """


def measure(
    folder: Folder, trial: PadTrial, progress: Callable[[int, int], None], kept: Clips | None = None
) -> Tried:
    """Look at every picture and film; one that cannot be read is named in the result, never fatal.

    `progress` hears how many of how many are done; of films it is an estimate. What `kept` holds is not looked at
    again. Raises EvaluationError when it can keep nothing.
    """
    tried, done = Tried(), 0
    # A fixed seed: the same pictures give the same attacks.
    rng = np.random.default_rng(1) if trial.simulate else None
    sizes = [expected(clip, trial.sampling.rate) for clip in folder.clips]
    total = sum(sizes)
    for clip, size in zip(folder.clips, sizes, strict=True):
        key = "" if kept is None else kept.key(clip, trial.sampling, trial.people)
        found = None if kept is None else kept.known(key, clip)
        if found is None:
            found = Tried()
            for number, _ in enumerate(_clip(found, clip, trial, rng), 1):
                progress(done + min(number, size), total)
            if kept is not None:
                kept.add(key, clip, found)
        done += size
        progress(done, total)
        tried.add(found)
    return tried


def _clip(tried: Tried, clip: Clip, trial: PadTrial, rng: np.random.Generator | None) -> Iterator[Shot]:
    """Look at a clip's pictures one by one, and judge its attempts."""

    def identify(probes: list[Probe]) -> TakenFor | None:
        return None if trial.people is None else trial.people.identify(clip.recording, probes)

    pipeline = trial.stills if clip.alone and trial.stills is not None else trial.pipeline
    pipeline.begin()  # so that what is found of a clip does not hang on the one before it
    judging, count = Judging(clip.kind, clip.recording, trial.policy, identify), 0
    for shot in shots(clip, trial.sampling):
        if shot.pixels is None:
            tried.unreadable[shot.file] = shot.problem
            if clip.film and count:
                continue  # it broke off: what there is of it counts
            tried.images[clip.kind] += 1
            tried.reject(clip.kind, "unreadable")
        elif (
            probe := _look_at(tried, clip.kind, Frame(shot.pixels, shot.at_ms * 1_000_000), pipeline)
        ) is not None:
            if rng is not None and clip.kind == REAL:
                _simulate(tried, shot, shot.pixels, probe, trial, rng)
            judging.add(Look(shot.file, shot.at_ms, probe))
        count += 1
        yield shot
    judging.end(count)
    if judging.too_few:
        tried.reject(clip.kind, TOO_FEW, judging.too_few)
    tried.attempts += judging.attempts
    if not clip.alone:
        tried.approaches += judging.approaches


def _look_at(tried: Tried, kind: str, frame: Frame, pipeline: Pipeline) -> Probe | None:
    tried.images[kind] += 1
    sight = pipeline.look(frame)
    if sight.box is None:
        tried.reject(kind, NOBODY)
        return None
    tried.detected[kind] += 1
    if sight.probe is None:
        tried.reject(kind, str(sight.reason))
        return None
    tried.accepted[kind] += 1
    return sight.probe


def _simulate(
    tried: Tried, shot: Shot, pixels: Pixels, genuine: Probe, trial: PadTrial, rng: np.random.Generator
) -> None:
    if genuine.traces is None:
        return
    picture = held_up(pixels, genuine.traces.box, rng)
    for kind, drawn in ((PICTURE, picture), (DISPLAY, on_display(pixels, rng))):
        probe = _look_at(tried, kind, Frame(drawn, 0), trial.stills or trial.pipeline)
        if probe is not None:
            verdict = pad_verdict([probe], live=trial.policy.liveness)
            tried.attempts.append(Attempt(kind, kind, shot.file, shot.at_ms, 1, verdict))
