"""From sights to a person: faces awaited after a badge, head turns, and the decision on a sight. No I/O, no
clock.
"""

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace

from edge.domain.attendance.states import DEADLINES_MS, State
from edge.domain.face import Sight
from edge.domain.pad.strobe_timing import LONGEST_MS
from edge.domain.pad.verdict import liveness_band
from edge.domain.recognition import quality
from edge.domain.recognition.approach import Approach
from edge.domain.recognition.attempts import Attempts
from edge.domain.recognition.calibration import Scorebook
from edge.domain.recognition.decision import Accepted, Decider, DecisionPolicy, Refused
from edge.domain.recognition.enrolled_faces import EnrolledFaces
from edge.domain.recognition.gallery import Gallery, decade
from edge.domain.recognition.head_turn import WITHIN_LOOKS, WITHIN_MS, Challenge, Progress, Side
from edge.domain.recognition.look_pace import KEPT, TOO_SLOW_MS, LookPace
from edge.domain.vocabulary import Band, Method, RefusalReason
from edge.terminal.attendance.punch_recorder import Identified
from edge.terminal.runtime.alarms import Alarm, Alarms

LOG = logging.getLogger(__name__)
BADGE_LOOKS = 6
"""Looks for which there must be time after a badge: a spell and the look that goes on when the badge is shown."""
SURELY = 0.08
"""Cosine above the threshold from which a coming model learns; LFW's median genuine face is 0.2 above it."""


@dataclass(frozen=True, slots=True)
class FaceRules:
    """How similar a face must be, and whether a face alone is enough."""

    decision: DecisionPolicy
    target_fpir: float
    fmr_table: Mapping[float, float]
    """The embedder's measured false match rate at each cosine, from the manifest."""
    challenge: bool = False
    """Whether a recognised person must turn their head as well."""
    mode: str = "face"
    """`face`: either a face or a badge is enough; `badge+face`: both; `badge`: faces are not looked at."""


@dataclass(frozen=True, slots=True)
class _Awaited:
    """The person whose badge was shown and whose face must follow."""

    decider: Decider
    gallery: Gallery
    """This person alone, because the badge says who it must be."""
    threshold: float
    until_ms: int


@dataclass(frozen=True, slots=True)
class Challenged:
    """A person was recognised, and is asked to turn the head to a side."""

    side: Side
    within_ms: int
    """The time for it."""


class FaceRecognition:
    """The state of recognition between two sights. One thread uses it."""

    def __init__(self, rules: FaceRules, model_ids: tuple[str, ...], scores: Scorebook) -> None:
        """`model_ids` are the models in use. `scores` counts how similar the accepted faces were."""
        self.enrolled = EnrolledFaces(scores.model_id, rules.fmr_table, rules.target_fpir)
        self._rules, self._model_ids, self._scores = rules, model_ids, scores
        self._attempts = Attempts(min(rules.fmr_table.values()), decade(rules.fmr_table))
        self._pace = LookPace()
        self._decider = Decider(rules.decision, self._attempts, self._pace)
        self._paused_long = False
        self._slow = Alarms()
        self._awaited: _Awaited | None = None
        self._challenge: tuple[Challenge, Identified] | None = None

    @property
    def present(self) -> bool:
        """Whether somebody stands there who has had no answer yet."""
        return self._decider.present

    @property
    def standing(self) -> Approach | None:
        """The approach of the face that is there, answered or not; None while there is none."""
        return (self._decider if self._awaited is None else self._awaited.decider).approach

    @property
    def attempting(self) -> bool:
        """Whether a face is being recognised, and not asked to turn."""
        decider = self._decider if self._awaited is None else self._awaited.decider
        return self._challenge is None and decider.present

    @property
    def alarms(self) -> tuple[str, ...]:
        """Alarm words for the status."""
        return (*(Alarm.FACES_PAUSED,) * self._paused_long, *self._slow.words)

    def counters(self) -> dict[str, int]:
        """Counters for the status: how often a face was paused, and how long a look at a face takes."""
        return {"lockouts": self._attempts.pauses, "look_ms": self._pace.look_ms}

    def needs_badge(self, person: str) -> bool:
        """Whether a person needs face and badge together: because of the terminal's mode, or because another person
        looks alike.

        A person who has no face here, or may not be matched (after an objection, for example), needs the badge
        alone.
        """
        both = self._rules.mode == "badge+face" or person in self.enrolled.lookalikes
        return both and person in self.enrolled

    def enrolled_changed(self) -> None:
        """Take up a changed gallery. An awaited face or a challenge goes on if that person is still enrolled."""
        one = self._awaited
        if one is not None:
            person = one.gallery.people[0]
            gallery = self.enrolled.gallery.only(person) if person in self.enrolled else None
            asked = self.enrolled.asked(1)
            self._awaited = None if gallery is None else replace(one, gallery=gallery, threshold=asked)
        if self._challenge is not None and self._challenge[1].person not in self.enrolled:
            self._challenge = None

    def expect(self, person: str, now_ms: int) -> int:
        """Await the face of a person who showed their badge, until time is over or another badge is shown. Returns
        the time for it, in milliseconds.
        """
        self._await_nobody(now_ms)
        if self._challenge is not None:
            self._challenge = None
            self._decider.deny(now_ms)  # an interrupted turn counts as failed, or it would cost nothing
            self._decider.leave(now_ms)  # the person who was asked is looked at afresh
        asked = self.enrolled.asked(1)
        within_ms = self._pace.within(DEADLINES_MS[State.VERIFYING], BADGE_LOOKS)
        decider = Decider(self._rules.decision, self._attempts, self._pace)
        self._awaited = _Awaited(decider, self.enrolled.gallery.only(person), asked, now_ms + within_ms)
        return within_ms

    def keep_up(self, now_ms: int) -> None:
        """Begin or end the alarms that faces are paused again and again, and that looks are too slow; called every
        second.
        """
        self._watch_pace()
        lasting = self._attempts.lasting(now_ms)
        if lasting is not self._paused_long:
            LOG.warning(
                "%s: %s",
                Alarm.FACES_PAUSED,
                "for an hour (docs/operations.md says what to do)" if lasting else "over",
            )
        self._paused_long = lasting

    def _watch_pace(self) -> None:
        looks = self._rules.decision.frames
        look_s = self._pace.look_ms / 1000
        # The lamp is out again when a longer look ends: no flash could ever be evaluated.
        longest_ms = LONGEST_MS if self._rules.decision.strobe else TOO_SLOW_MS
        if self._pace.is_too_slow(looks, before=Alarm.TOO_SLOW in self._slow, longest_ms=longest_ms):
            text = (
                "%s: a look at a face takes %.1f s (median of the last %d), so that a punch takes %.0f s or more: "
                "look for heat, a weak power supply and other programs (docs/operations.md says how)"
            )
            self._slow.begin(Alarm.TOO_SLOW, logging.WARNING, text, Alarm.TOO_SLOW, look_s, KEPT, looks * look_s)
        else:
            self._slow.end(Alarm.TOO_SLOW, f"{Alarm.TOO_SLOW}: over, a look at a face takes {look_s:.1f} s")

    def observe(self, sight: Sight, now_ms: int) -> Identified | Challenged | Refused | None:
        """Take the next sight. Returns an outcome when this sight completes one, otherwise None."""
        if sight.lit:
            return None
        if sight.probe is not None:
            self._pace.took(sight.look_ms)
        if self._challenge is not None:
            return self._turned(*self._challenge, sight, now_ms)
        outcome = self._decide(sight, now_ms)
        if not isinstance(outcome, Identified):
            return outcome
        if not (self._rules.challenge or outcome.prove):
            self._decider.confirm()
            return outcome
        if sight.box is None or sight.yaw is None:
            self._decider.deny(now_ms)
            return Refused(RefusalReason.NOT_RECOGNISED)
        side = secrets.choice(tuple(Side))
        within_ms = self._pace.within(WITHIN_MS, WITHIN_LOOKS)
        self._challenge = Challenge(side, sight.yaw, now_ms + within_ms, sight.box), outcome
        return Challenged(side, within_ms)

    def _turned(
        self, challenge: Challenge, who: Identified, sight: Sight, now_ms: int
    ) -> Identified | Refused | None:
        likeness = None
        if sight.probe is not None and who.person in self.enrolled:
            best = self.enrolled.gallery.only(who.person).best(sight.probe)
            likeness = None if best is None else best.score
        progress = challenge.observe(sight, likeness, self.enrolled.threshold, now_ms)
        if progress is Progress.GOING_ON:
            return None
        self._challenge = None
        if progress is Progress.MET:
            self._decider.confirm()
            return who
        self._decider.deny(now_ms)
        return Refused(RefusalReason.NOT_RECOGNISED)

    def _decide(self, sight: Sight, now_ms: int) -> Identified | Refused | None:
        if self._awaited is not None and now_ms >= self._awaited.until_ms:
            self._await_nobody(now_ms)
        one = self._awaited
        if one is None:
            outcome = self._decider.observe(sight, self.enrolled.gallery, self.enrolled.threshold)
        else:
            outcome = one.decider.observe(sight, one.gallery, one.threshold)
        if isinstance(outcome, Accepted):
            return self._identified(outcome)
        if outcome is not None and outcome.reason in {RefusalReason.NOT_RECOGNISED, RefusalReason.PAUSED}:
            self._await_nobody(now_ms)
        return outcome

    def _identified(self, who: Accepted) -> Identified | Refused:
        if self._awaited is None and self.needs_badge(who.person):
            return Refused(RefusalReason.BADGE_NEEDED)
        method, asked = Method.FACE, self.enrolled.threshold
        if self._awaited is not None:
            # This person has had their answer, and may stay a while.
            method, self._decider, self._awaited = Method.BADGE_FACE, self._awaited.decider, None
            asked = self.enrolled.asked(1)
        people = self.enrolled.gallery.size
        self._scores.punched(who.score, who.runner_up, people, by_badge=method is Method.BADGE_FACE)
        bands = quality.band(who.quality), liveness_band(who.liveness)
        beyond = who.score - asked
        sure = beyond >= SURELY and who.score - who.runner_up >= 2 * SURELY and set(bands) == {Band.HIGH}
        return Identified(who.person, method, *bands, self._model_ids, sure, who.prove)

    def _await_nobody(self, now_ms: int) -> None:
        if self._awaited is not None:
            self._awaited.decider.leave(now_ms)
        self._awaited = None
