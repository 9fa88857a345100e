"""From frames to a decision: several agreeing frames, a fused score over the threshold, a margin, and liveness.

One approach of one person gives one outcome. Somebody who lingers after the green light is not punched again;
somebody who was not recognised is told so once; a different person who steps in is looked at anew. Nothing here
reads a clock: time is the frames' own.
"""

from collections import Counter, deque
from dataclasses import dataclass, replace

import numpy as np

from edge.domain.face import Probe, Sight
from edge.domain.pad.verdict import LIVE, SURE, pad_verdict
from edge.domain.recognition.approach import Approach, GoodFrame, fuse, one_face, overlap
from edge.domain.recognition.attempts import Attempts
from edge.domain.recognition.gallery import NOBODY, Candidate, Gallery
from edge.domain.recognition.look_pace import LookPace
from edge.domain.recognition.lookalikes import ONE_PERSON
from edge.domain.vocabulary import RefusalReason


@dataclass(frozen=True, slots=True)
class DecisionPolicy:
    """The rules by which a face is recognised or refused; the instants are those of the frames.

    On a machine with slow looks, `span_ms` and `give_up_ms` are longer (edge/domain/recognition/look_pace.py).
    """

    frames: int = 3
    """Good frames that must agree on the person and be alive."""
    span_ms: int = 2_000
    """Only frames this recent count."""
    margin: float = 0.06
    """Cosine by which the fused score must exceed the score of the best other person."""
    give_up_ms: int = 2_500
    """A spell: after so long with good frames and without agreement, the face is not recognised."""
    advice_ms: int = 1_000
    """After so long with poor frames only, the terminal says what to change."""
    repeat_ms: int = 3_000
    """The same advice is not given more often than this."""
    gone_ms: int = 700
    """The approach ends when no face was seen for this long."""
    liveness: float = LIVE
    """Least mean probability of liveness over the agreeing frames. No single frame may be under half of it."""
    unsure_ms: int = 700
    """A person whose probability of liveness is under SURE is watched for at least this long before they are
    accepted: motion shows what texture does not.
    """
    strobe: bool = False
    """With an infrared lamp: accept only after at least one flash was evaluated, even if the result was
    inconclusive. A person whose movement spoils every flash is not recognised.
    """


@dataclass(frozen=True, slots=True)
class Accepted:
    """A person was recognised surely enough."""

    person: str
    quality: float
    """Mean over the agreeing frames, 0..1."""
    liveness: float
    """Mean over the agreeing frames, 0..1."""
    score: float
    """The fused cosine to the person's own template."""
    runner_up: float
    """The fused cosine to the best other person; -1 when there is none. Neither cosine leaves the terminal."""
    prove: bool = False
    """So many pictures were held up lately that the person must turn their head as well."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The person was not recognised this time, and what the terminal may say about it."""

    reason: RefusalReason


Outcome = Accepted | Refused


class Decider:
    """Judges one approach after another. An approach is one attempt, and gets one answer."""

    def __init__(
        self, policy: DecisionPolicy, attempts: Attempts | None = None, pace: LookPace | None = None
    ) -> None:
        """`attempts` and `pace` are shared by everything that decides at one door."""
        self._policy = policy
        self._attempts, self._pace = attempts or Attempts(), pace or LookPace()
        self._now = Approach()

    @property
    def present(self) -> bool:
        """Whether somebody stands there who is being looked at and has not been recognised."""
        return self._now.seen_ms is not None and self._now.settled is None and not self._now.waiting

    @property
    def approach(self) -> Approach | None:
        """The approach of the face that is there; None while there is none."""
        return None if self._now.seen_ms is None else self._now

    def observe(self, sight: Sight, gallery: Gallery, threshold: float) -> Outcome | None:
        """Take one frame's sight; an Outcome when this frame completes one."""
        now_ms = sight.captured_ns // 1_000_000
        if sight.box is None:
            if self._now.seen_ms is not None and now_ms - self._now.seen_ms >= self._policy.gone_ms:
                self.leave(now_ms)
            return None
        if self._now.box is not None and overlap(self._now.box, sight.box) < 0.05:
            self.leave(now_ms)  # the face jumped: another person stepped in
        self._now.box, self._now.seen_ms = sight.box, now_ms
        if sight.probe is None:
            return self._advise(sight.reason or RefusalReason.TURNED, now_ms)
        return self._match(sight.probe, gallery, threshold, now_ms)

    def leave(self, now_ms: int) -> None:
        """End the approach. A person who left before an answer has still spent an attempt."""
        self._charge(now_ms)
        if self._now.settled is not None and self._now.usual:
            self._attempts.unspent()
        self._now = Approach()

    def confirm(self) -> None:
        """Note that the person who was accepted last passed everything else."""
        if self._now.face is not None:
            self._attempts.succeeded(self._now.face)

    def deny(self, now_ms: int) -> None:
        """Note that the person who was accepted last failed the turn of the head, or broke it off."""
        self._now.compared, self._now.settled, self._now.told = True, None, True
        self._charge(now_ms, turn=True)

    @property
    def _span_ms(self) -> int:
        """The span, with room for the agreeing frames and one that is spoilt between them."""
        return self._pace.within(self._policy.span_ms, self._policy.frames + 1)

    @property
    def _give_up_ms(self) -> int:
        """The length of a spell; it has one look more than the span."""
        return self._pace.within(self._policy.give_up_ms, self._policy.frames + 2)

    def _match(self, probe: Probe, gallery: Gallery, threshold: float, now_ms: int) -> Outcome | None:
        policy = self._policy
        self._now.poor.clear()
        self._now.looks.append(GoodFrame(now_ms, probe, gallery.best(probe)))
        while now_ms - self._now.looks[0].at_ms > self._span_ms:
            self._now.looks.popleft()
        self._replaced(now_ms)
        now = self._now
        if now.first_good_ms is None:
            now.first_good_ms = now_ms
        latest = [look.probe for look in list(now.looks)[-policy.frames :]]
        if len(latest) == policy.frames and one_face(latest):
            fused = fuse(latest)
            best = gallery.best(fused)
            if now.face is None:
                now.face = fused.embedding
            likeness = NOBODY if best is None else best.score
            if self._attempts.paused(fused.embedding, likeness, now_ms):
                return self._paused(fused, best, threshold, now_ms)
            now.waiting = False
            accepted = self._agreed(fused, best, threshold, now_ms)
            if accepted is not None:
                return self._accept(accepted, fused)
        if now_ms - now.first_good_ms < self._give_up_ms or now.settled is not None:
            return None
        if now.face is not None and float(probe.embedding @ now.face) < ONE_PERSON:
            return None  # somebody else steps in: the answer to the one before is not theirs
        return self._give_up(now_ms)

    def _replaced(self, now_ms: int) -> None:
        """Whether another person took the same place without a gap. That is another approach."""
        latest = list(self._now.looks)[-self._policy.frames :]
        face = self._now.face
        if face is None or len(latest) < self._policy.frames:
            return
        if any(float(look.probe.embedding @ face) >= ONE_PERSON for look in latest):
            return
        box, seen_ms = self._now.box, self._now.seen_ms
        self.leave(now_ms)
        self._now.box, self._now.seen_ms, self._now.looks = box, seen_ms, deque(latest)
        self._now.first_good_ms = latest[0].at_ms

    def _give_up(self, now_ms: int) -> Outcome | None:
        """End a spell without agreement. A person who stays is looked at further, and is accepted if surely
        recognised.
        """
        now = self._now
        said, now.told = now.told, True
        paused = self._charge(now_ms)
        now.looks.clear()
        now.first_good_ms = None
        if paused:
            return self._wait()
        return None if said else Refused(RefusalReason.NOT_RECOGNISED)

    def _paused(self, fused: Probe, best: Candidate | None, threshold: float, now_ms: int) -> Outcome | None:
        """Whether a person whose picture is paused may pass: surely recognised and alive, they turn their head as
        well.
        """
        now = self._now
        if not self._attempts.portrayed(fused.embedding, now_ms):
            return self._wait()
        now.tried, now.usual = True, False
        accepted = self._agreed(fused, best, threshold, now_ms)
        now.compared = now.lifeless = False  # the face is paused: nothing more is counted
        if accepted is not None:
            return self._accept(replace(accepted, prove=True), fused)
        first_ms = now.looks[-1].at_ms if now.first_good_ms is None else now.first_good_ms
        if now.told_waiting or now_ms - first_ms < self._give_up_ms:
            return None
        now.told_waiting = True
        return Refused(RefusalReason.PAUSED)

    def _wait(self) -> Outcome | None:
        self._now.waiting = True
        self._now.looks.clear()
        self._now.first_good_ms = None
        self._now.usual = False
        said, self._now.told_waiting = self._now.told_waiting, True
        return None if said else Refused(RefusalReason.PAUSED)

    def _charge(self, now_ms: int, *, turn: bool = False) -> bool:
        """Count what this spell tried; True when that pauses the face."""
        now = self._now
        if not now.compared or now.settled is not None or now.face is None:
            return False
        paused = self._attempts.failed(now.face, now_ms, lifeless=now.lifeless, turn=turn)
        now.compared = now.lifeless = now.usual = False
        now.tried = True
        return paused

    def _agreed(self, fused: Probe, best: Candidate | None, threshold: float, now_ms: int) -> Accepted | None:
        policy, now = self._policy, self._now
        if best is None:
            return None
        if not now.tried and not now.usual:
            now.usual = self._attempts.admit(fused.embedding, now_ms)
        now.compared = True
        asked = threshold + fused.demand + best.demand + (0.0 if now.usual else self._attempts.beyond)
        if best.score < asked or best.score - best.runner_up < policy.margin:
            return None
        looks = list(now.looks)[-policy.frames :]
        alike = all(look.best is not None and look.best.person == best.person for look in looks)
        if not alike or (policy.strobe and not self._flashed(best.person, threshold)):
            return None
        # Last, because it costs most: only a person who would be accepted is looked at so closely.
        verdict = pad_verdict([look.probe for look in looks], [look.probe for look in now.looks], policy.liveness)
        now.lifeless = now.lifeless or not verdict.live
        if not verdict.live or (verdict.liveness < SURE and self._watched_ms() < policy.unsure_ms):
            return None
        seen = float(np.mean([look.probe.quality for look in looks]))
        prove = self._attempts.must_prove(now_ms)
        return Accepted(best.person, seen, verdict.liveness, best.score, best.runner_up, prove)

    def _flashed(self, person: str, threshold: float) -> bool:
        """Whether a flash was evaluated on a face similar enough to this one, and not on the person before."""
        for look in self._now.looks:
            traces, best = look.probe.traces, look.best
            alike = best is not None and best.person == person and best.score >= threshold
            if alike and traces is not None and traces.strobe is not None:
                return True
        return False

    def _watched_ms(self) -> int:
        first = self._now.first_good_ms
        return 0 if first is None else self._now.looks[-1].at_ms - first

    def _advise(self, reason: RefusalReason, now_ms: int) -> Outcome | None:
        policy = self._policy
        self._now.poor.append((now_ms, reason))
        while now_ms - self._now.poor[0][0] > self._span_ms:
            self._now.poor.popleft()
        if self._now.looks and now_ms - self._now.looks[-1].at_ms < policy.advice_ms:
            return None  # good frames come in between: no need to repeat the advice
        if self._now.settled is not None or now_ms - self._now.poor[0][0] < policy.advice_ms:
            return None
        if self._now.advised_ms is not None and now_ms - self._now.advised_ms < policy.repeat_ms:
            return None
        self._now.advised_ms = now_ms
        return Refused(Counter(reason for _, reason in self._now.poor).most_common(1)[0][0])

    def _accept(self, accepted: Accepted, fused: Probe) -> Accepted | None:
        """None for a person who has had an answer and lingers."""
        now = self._now
        lingering = accepted.person == now.settled
        now.face, now.settled = fused.embedding, accepted.person
        if now.usual:
            self._attempts.unspent()
        now.compared = now.lifeless = now.usual = False
        now.looks.clear()
        now.first_good_ms = None
        return None if lingering else accepted
