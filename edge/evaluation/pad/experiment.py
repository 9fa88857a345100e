"""Presentation attack detection measured on the product's own way: its pipeline, its gate, its verdict."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.domain.face import Frame, Probe
from edge.domain.pad.verdict import pad_verdict
from edge.domain.recognition.decision import DecisionPolicy
from edge.errors import PhotoError
from edge.evaluation.pad.attempts import Attempt, Tried
from edge.evaluation.pad.dataset import REAL, Clip, Folder
from edge.evaluation.pad.simulated_attacks import DISPLAY, PICTURE, held_up, on_display
from edge.evaluation.pad.verdict_cache import Clips
from edge.vision.photo import load_photo
from edge.vision.pipeline import Pipeline

NOBODY = "no-face"
TOO_FEW = "too-few-frames"
"""Reason for the good frames of a video that are too few for an attempt."""


@dataclass(frozen=True, slots=True)
class _Look:
    file: Path
    at_ms: int
    probe: Probe


def measure(
    folder: Folder,
    pipeline: Pipeline,
    policy: DecisionPolicy,
    progress: Callable[[int, int], None],
    *,
    simulate: bool = False,
    kept: Clips | None = None,
) -> Tried:
    """Look at every picture; one that cannot be read is named in the result, never fatal.

    `progress` hears how many of how many are done. With `simulate`, each genuine picture that the gate lets through
    is tried as two attacks as well (edge.evaluation.pad.simulated_attacks), each frame an attempt of its own. What
    `kept`
    holds is not looked at again. Raises EvaluationError when it can keep nothing.
    """
    tried, done = Tried(), 0
    # A fixed seed: the same pictures give the same attacks.
    rng = np.random.default_rng(1) if simulate else None
    for clip in folder.clips:
        before = done
        found = None if kept is None else kept.known(clip)
        if found is None:
            found = Tried()
            pipeline.begin()  # so that what is found of a clip does not hang on the one before it
            for _ in _clip(found, clip, pipeline, policy, rng):
                done += 1
                progress(done, folder.images)
            if kept is not None:
                kept.add(clip, found)
        done = before + len(clip.files)
        progress(done, folder.images)
        tried.add(found)
    return tried


def _clip(
    tried: Tried, clip: Clip, pipeline: Pipeline, policy: DecisionPolicy, rng: np.random.Generator | None
) -> Iterator[Path]:
    """Look at a clip's pictures one by one, and judge its attempts at the end."""
    looks = []
    for file, at_ms in zip(clip.files, clip.at_ms, strict=True):
        probe = _look(tried, clip.kind, file, at_ms, pipeline)
        if probe is not None and rng is not None and clip.kind == REAL:
            _simulate(tried, file, probe, pipeline, policy, rng)
        looks += [] if probe is None else [_Look(file, at_ms, probe)]
        yield file
    for attempt in _attempts(looks, policy):
        if len(attempt) < min(policy.frames, len(clip.files)):
            tried.reject(clip.kind, TOO_FEW, len(attempt))
            continue
        verdict = pad_verdict([look.probe for look in attempt], live=policy.liveness)
        tried.attempts.append(Attempt(clip.kind, tuple(look.file for look in attempt), verdict))


def _look(tried: Tried, kind: str, file: Path, at_ms: int, pipeline: Pipeline) -> Probe | None:
    try:
        pixels = load_photo(file)
    except PhotoError as error:
        tried.images[kind] += 1
        tried.unreadable[file] = str(error)
        tried.reject(kind, "unreadable")
        return None
    return _look_at(tried, kind, Frame(pixels, at_ms * 1_000_000), pipeline)


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
    tried: Tried, file: Path, genuine: Probe, pipeline: Pipeline, policy: DecisionPolicy, rng: np.random.Generator
) -> None:
    if genuine.traces is None:
        return
    picture = held_up(load_photo(file), genuine.traces.box, rng)
    for kind, pixels in ((PICTURE, picture), (DISPLAY, on_display(load_photo(file), rng))):
        probe = _look_at(tried, kind, Frame(pixels, 0), pipeline)
        if probe is not None:
            tried.attempts.append(Attempt(kind, (file,), pad_verdict([probe], live=policy.liveness)))


def _attempts(looks: list[_Look], policy: DecisionPolicy) -> Iterator[list[_Look]]:
    """As many frames as a decision takes, none further from the one before it than a decision reaches back."""
    attempt: list[_Look] = []
    for look in looks:
        if attempt and (len(attempt) == policy.frames or look.at_ms - attempt[-1].at_ms > policy.span_ms):
            yield attempt
            attempt = []
        attempt.append(look)
    if attempt:
        yield attempt
