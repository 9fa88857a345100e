"""Presentation attack detection measured on the product's own way: its pipeline, its gate, its verdict."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edge.domain.decision import DecisionPolicy
from edge.domain.pad_fusion import Verdict, judge
from edge.domain.types import Frame, Probe
from edge.errors import PhotoError
from edge.evaluation.pad_folder import REAL, Folder
from edge.evaluation.pad_simulated import DISPLAY, PICTURE, held_up, on_display
from edge.vision.photo import load_photo
from edge.vision.pipeline import Pipeline

NOBODY = "no-face"
TOO_FEW = "too-few-frames"
"""Of a video: good frames that do not make an attempt."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the terminal would have judged at once: the frames of a decision, or one picture."""

    kind: str
    files: tuple[Path, ...]
    verdict: Verdict


@dataclass(slots=True)
class Tried:
    """Everything that was looked at, by kind."""

    images: Counter[str] = field(default_factory=Counter)
    detected: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    """The quality gate let them through."""
    rejected: dict[str, Counter[str]] = field(default_factory=dict)
    """Why the others did not come so far as a verdict, by kind."""
    unreadable: dict[Path, str] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)

    def reject(self, kind: str, reason: str, count: int = 1) -> None:
        """Count pictures that get no verdict."""
        self.rejected.setdefault(kind, Counter())[reason] += count


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
) -> Tried:
    """Look at every picture; one that cannot be read is named in the result, never fatal.

    `progress` hears how many of how many are done. With `simulate`, each genuine picture that the gate lets through
    is tried as two attacks as well (edge.evaluation.pad_simulated), each frame an attempt of its own.
    """
    tried, done = Tried(), 0
    # A fixed seed: the same pictures give the same attacks.
    rng = np.random.default_rng(1) if simulate else None
    for clip in folder.clips:
        looks = []
        for file, at_ms in zip(clip.files, clip.at_ms, strict=True):
            probe = _look(tried, clip.kind, file, at_ms, pipeline)
            if probe is not None and rng is not None and clip.kind == REAL:
                _simulate(tried, file, probe, pipeline, policy, rng)
            looks += [] if probe is None else [_Look(file, at_ms, probe)]
            done += 1
            progress(done, folder.images)
        for attempt in _attempts(looks, policy):
            if len(attempt) < min(policy.frames, len(clip.files)):
                tried.reject(clip.kind, TOO_FEW, len(attempt))
                continue
            verdict = judge([look.probe for look in attempt], live=policy.liveness)
            tried.attempts.append(Attempt(clip.kind, tuple(look.file for look in attempt), verdict))
    return tried


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
            tried.attempts.append(Attempt(kind, (file,), judge([probe], live=policy.liveness)))


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
