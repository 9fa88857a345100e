"""From frames to a decision: several agreeing frames, a fused score over the threshold, a margin, and life.

One approach of one person gives one outcome: somebody who lingers after the green light is not punched again,
while a different person stepping in is. Nothing here knows a clock: time is the frames' own.
"""

from collections import Counter, deque
from dataclasses import dataclass, field

import numpy as np

from edge.domain.liveness import LIVE, SURE
from edge.domain.matching import Candidate, Gallery
from edge.domain.pad_fusion import judge
from edge.domain.types import Box, Probe, Reason, Sight


@dataclass(frozen=True, slots=True)
class DecisionPolicy:
    """The rules of DESIGN §8; the instants are those of the frames."""

    frames: int = 3
    """Good frames that must agree on the person and be alive."""
    span_ms: int = 2_000
    """Only frames this recent count."""
    margin: float = 0.06
    """Cosine by which the fused score must exceed that of the best other person."""
    give_up_ms: int = 2_500
    """Good frames for this long without agreement: not recognised."""
    advice_ms: int = 1_000
    """Poor frames for this long: say what to change."""
    repeat_ms: int = 3_000
    """The same advice is not given more often."""
    gone_ms: int = 700
    """No face for this long ends the approach."""
    liveness: float = LIVE
    """The mean probability of life over the agreeing frames; no single one may be under half of it."""
    unsure_ms: int = 700
    """Under SURE of it, somebody is watched at least so long before they are accepted: motion shows what texture
    does not."""
    strobe: bool = False
    """An infrared lamp flashes: nobody is accepted before a flash showed something, be it that nothing can be said.
    Who moves so that none ever does is not recognised."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """This person, for sure enough."""

    person: str
    quality: float
    """Mean over the agreeing frames, 0..1."""
    liveness: float
    """Mean over the agreeing frames, 0..1."""
    score: float
    """The fused cosine to their own template."""
    runner_up: float
    """The same to the best other person's; -1 when there is none. Neither leaves the terminal."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Not this time, and what may be said about it."""

    reason: Reason


Outcome = Accepted | Refused


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    at_ms: int
    probe: Probe
    best: Candidate | None


@dataclass(slots=True, eq=False)
class _Approach:
    """What is remembered of whoever stands there; forgotten when they go."""

    looks: deque[_Look] = field(default_factory=deque)
    """Good frames, within the span."""
    poor: deque[tuple[int, Reason]] = field(default_factory=deque)
    """Poor frames since the last good one: when and why."""
    first_good_ms: int | None = None
    seen_ms: int | None = None
    advised_ms: int | None = None
    box: Box | None = None
    settled: str | None = None
    """Who has had their answer."""


class Decider:
    """Watches one approach after another."""

    def __init__(self, policy: DecisionPolicy) -> None:
        self._policy = policy
        self._now = _Approach()

    @property
    def present(self) -> bool:
        """Somebody stands there who has had no answer yet."""
        return self._now.seen_ms is not None and self._now.settled is None

    def observe(self, sight: Sight, gallery: Gallery, threshold: float) -> Outcome | None:
        """Take one frame's sight; an Outcome when this frame completes one."""
        now_ms = sight.captured_ns // 1_000_000
        if sight.box is None:
            if self._now.seen_ms is not None and now_ms - self._now.seen_ms >= self._policy.gone_ms:
                self._now = _Approach()
            return None
        if self._now.box is not None and overlap(self._now.box, sight.box) < 0.05:
            self._now = _Approach()  # the face jumped: someone else stepped in
        self._now.box, self._now.seen_ms = sight.box, now_ms
        if sight.probe is None:
            return self._advise(sight.reason or Reason.TURNED, now_ms)
        return self._match(sight.probe, gallery, threshold, now_ms)

    def _match(self, probe: Probe, gallery: Gallery, threshold: float, now_ms: int) -> Outcome | None:
        policy = self._policy
        self._now.poor.clear()
        self._now.looks.append(_Look(now_ms, probe, gallery.best(probe)))
        while now_ms - self._now.looks[0].at_ms > policy.span_ms:
            self._now.looks.popleft()
        if self._now.first_good_ms is None:
            self._now.first_good_ms = now_ms
        accepted = self._agreed(gallery, threshold)
        if accepted is not None:
            lingering = accepted.person == self._now.settled
            self._settle(accepted.person)
            return None if lingering else accepted
        if now_ms - self._now.first_good_ms < policy.give_up_ms or self._now.settled is not None:
            return None
        self._now.looks.clear()
        self._now.first_good_ms = None
        return Refused(Reason.NOT_RECOGNISED)

    def _agreed(self, gallery: Gallery, threshold: float) -> Accepted | None:
        policy = self._policy
        looks = list(self._now.looks)[-policy.frames :]
        if len(looks) < policy.frames:
            return None
        probe = fuse([look.probe for look in looks])
        fused = gallery.best(probe)
        if fused is None or fused.score < threshold + probe.demand + fused.demand:
            return None
        if fused.score - fused.runner_up < policy.margin:
            return None
        alike = all(look.best is not None and look.best.person == fused.person for look in looks)
        if not alike or (policy.strobe and not self._flashed(fused.person, threshold)):
            return None
        # Last, because it costs most: only who would be accepted is looked at so closely.
        verdict = judge([look.probe for look in looks], [look.probe for look in self._now.looks], policy.liveness)
        if not verdict.live or (verdict.liveness < SURE and self._watched_ms() < policy.unsure_ms):
            return None
        seen = float(np.mean([look.probe.quality for look in looks]))
        return Accepted(fused.person, seen, verdict.liveness, fused.score, fused.runner_up)

    def _flashed(self, person: str, threshold: float) -> bool:
        """Whether a flash was compared of a face alike enough to theirs: not of whoever stood there before."""
        for look in self._now.looks:
            traces, best = look.probe.traces, look.best
            alike = best is not None and best.person == person and best.score >= threshold
            if alike and traces is not None and traces.strobe is not None:
                return True
        return False

    def _watched_ms(self) -> int:
        first = self._now.first_good_ms
        return 0 if first is None else self._now.looks[-1].at_ms - first

    def _advise(self, reason: Reason, now_ms: int) -> Outcome | None:
        policy = self._policy
        self._now.poor.append((now_ms, reason))
        while now_ms - self._now.poor[0][0] > policy.span_ms:
            self._now.poor.popleft()
        if self._now.looks and now_ms - self._now.looks[-1].at_ms < policy.advice_ms:
            return None  # good frames are coming in between: no need to nag
        if self._now.settled is not None or now_ms - self._now.poor[0][0] < policy.advice_ms:
            return None
        if self._now.advised_ms is not None and now_ms - self._now.advised_ms < policy.repeat_ms:
            return None
        self._now.advised_ms = now_ms
        return Refused(Counter(reason for _, reason in self._now.poor).most_common(1)[0][0])

    def _settle(self, person: str) -> None:
        self._now.settled = person
        self._now.looks.clear()
        self._now.first_good_ms = None


def fuse(probes: list[Probe]) -> Probe:
    """The mean direction of several probes of one model; the rest is averaged, too. Raises ValueError."""
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


class Lockout:
    """At most `limit` failures in a row, then faces pause (NIST SP 800-63B-4: 5, then at least 30 s)."""

    def __init__(self, limit: int = 5) -> None:
        self._limit = limit
        self._failures = 0

    def failed(self) -> bool:
        """Count one failed attempt; True when the pause begins, which starts the count anew."""
        self._failures += 1
        if self._failures < self._limit:
            return False
        self._failures = 0
        return True

    def succeeded(self) -> None:
        """A recognised person ends the row."""
        self._failures = 0


def overlap(a: Box, b: Box) -> float:
    """Intersection over union, 0..1."""
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (a.width * a.height + b.width * b.height - shared)
