"""One approach: everything that is remembered of the person before the camera, from their first frame until
they go.
"""

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from edge.domain.face import Box, Floats, Probe
from edge.domain.recognition.gallery import Candidate
from edge.domain.recognition.lookalikes import strangers
from edge.domain.vocabulary import RefusalReason


@dataclass(frozen=True, slots=True, eq=False)
class GoodFrame:
    """One good frame."""

    at_ms: int
    probe: Probe
    best: Candidate | None


@dataclass(slots=True, eq=False)
class Approach:
    """Everything that is remembered of the person before the camera; forgotten when they go."""

    looks: deque[GoodFrame] = field(default_factory=deque)
    """Good frames, within the span."""
    poor: deque[tuple[int, RefusalReason]] = field(default_factory=deque)
    """Poor frames since the last good one: when and why."""
    first_good_ms: int | None = None
    """End of the current spell without a new good frame: `give_up_ms` later it is over."""
    seen_ms: int | None = None
    advised_ms: int | None = None
    box: Box | None = None
    settled: str | None = None
    """The person who has had an answer."""
    face: Floats | None = None
    """Mean embedding of the first frames, or of the frames that were accepted. None before there are enough frames.
    Later frames are not added: they may show another person.
    """
    told: bool = False
    """The terminal has said that it does not recognise the face. It says so once."""
    tried: bool = False
    """The first spell is over. A person who stays is accepted only if surely recognised."""
    usual: bool = False
    """A guess was spent on this face: until this instant the usual threshold counts."""
    compared: bool = False
    """Comparisons in this spell, each with everybody enrolled."""
    lifeless: bool = False
    """In this spell the face was like an enrolled person, and was judged not alive."""
    waiting: bool = False
    """The face is paused."""
    told_waiting: bool = False


def fuse(probes: list[Probe]) -> Probe:
    """The mean direction of several probes of one model, with the mean of their other values. Raises ValueError."""
    if len({probe.model_id for probe in probes}) != 1:
        raise ValueError("probes of different models cannot be fused")
    mean = np.mean([probe.embedding for probe in probes], axis=0)
    length = float(np.linalg.norm(mean))
    return Probe(
        embedding=(mean / length if length > 0 else mean).astype(np.float32),
        model_id=probes[0].model_id,
        liveness=float(np.mean([probe.liveness for probe in probes])),
        quality=float(np.mean([probe.quality for probe in probes])),
        demand=float(np.mean([probe.demand for probe in probes])),
    )


def one_face(probes: list[Probe]) -> bool:
    """Whether all probes may show one person. A mean over two people would be nobody's face."""
    return strangers(np.stack([probe.embedding for probe in probes])) is None


def overlap(a: Box, b: Box) -> float:
    """Intersection over union, 0..1."""
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (a.width * a.height + b.width * b.height - shared)
