"""From frames to somebody, as the attending thread sees it: who is enrolled, who is awaited, what a frame says."""

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from edge.domain.attendance.states import DEADLINES_MS, State
from edge.domain.exposure import Metering
from edge.domain.face import Frame, Sight
from edge.domain.pad.fusion import liveness_band
from edge.domain.plural import counted
from edge.domain.recognition import quality
from edge.domain.recognition.attempts import Attempts
from edge.domain.recognition.change_detection import ChangeDetector
from edge.domain.recognition.decision import Accepted, Decider, DecisionPolicy, Refused
from edge.domain.recognition.gallery import Gallery, decade, threshold
from edge.domain.recognition.head_turn import WITHIN_MS, Challenge, Progress, Side
from edge.domain.recognition.lookalike_index import Lookalikes
from edge.domain.vocabulary import Band, Method, RefusalReason
from edge.terminal.attendance.capture import Pace
from edge.terminal.attendance.punch_recorder import Identified
from edge.terminal.attendance.site_threshold import SiteThreshold
from edge.terminal.attendance.strobe import Strobing
from edge.terminal.runtime.alarms import CALIBRATION_IGNORED, FACES_PAUSED, STROBE_BLIND
from edge.vision.pipeline import Pipeline

LOG = logging.getLogger(__name__)
SURELY = 0.08
"""Cosine beyond the threshold from which on a coming model learns: LFW's median genuine face is 0.2 beyond it."""


AT_ONCE = 2_000
"""People whose look-alikes are searched for before the first face is attended to; of more, a part each second."""


@dataclass(frozen=True, slots=True)
class FaceRules:
    """How sure is sure enough, and whether a face alone ever is."""

    decision: DecisionPolicy
    target_fpir: float
    fmr_table: Mapping[float, float]
    """The embedder's measured false match rates to cosines, from the manifest."""
    challenge: bool = False
    """Whether who was recognised must turn their head as well."""
    mode: str = "face"
    """`face`: either a face or a badge is enough; `badge+face`: both; `badge`: faces are not looked at."""


@dataclass(frozen=True, slots=True)
class _Awaited:
    """Somebody whose badge was shown."""

    decider: Decider
    gallery: Gallery
    """They alone: the badge has said who it is to be, so that nobody else matters."""
    threshold: float
    until_ms: int


@dataclass(frozen=True, slots=True)
class Challenged:
    """Recognised, and asked to turn the head to a side."""

    side: Side


class FaceRecognition:
    """One thread uses it."""

    def __init__(
        self,
        pipeline: Pipeline,
        rules: FaceRules,
        pace: Pace,
        site: SiteThreshold,
        strobing: Strobing | None = None,
    ) -> None:
        """`pace` is how fast the camera is to be read; `strobing` flashes the infrared lamp, where there is one."""
        self.site = site
        self._strobing, self._seen = strobing, Sight(0)
        self._pipeline, self._rules, self._pace = pipeline, rules, pace
        self._attempts = Attempts(min(rules.fmr_table.values()), decade(rules.fmr_table))
        self._decider = Decider(rules.decision, self._attempts)
        self._stillness, self._metering, self._paused_long = ChangeDetector(), Metering(), False
        self._awaited: _Awaited | None = None
        self._challenge: tuple[Challenge, Identified] | None = None
        self._gallery = Gallery.empty(pipeline.embedder_id)
        self._threshold = 1.0
        self._alike = Lookalikes()

    @property
    def present(self) -> bool:
        """Somebody stands there who has had no answer yet."""
        return self._decider.present

    @property
    def alarms(self) -> tuple[str, ...]:
        """Words for the status."""
        blind = self._strobing is not None and self._strobing.blind
        words = ((CALIBRATION_IGNORED, self.site.ignored), (STROBE_BLIND, blind), (FACES_PAUSED, self._paused_long))
        return tuple(word for word, raised in words if raised)

    @property
    def pauses(self) -> int:
        """How often a face was paused."""
        return self._attempts.pauses

    def matches(self, person: str) -> bool:
        """Whether somebody is among those who are matched now."""
        return person in self._gallery.people

    def enrolled(self, gallery: Gallery) -> None:
        """These are matched from now on."""
        self.site.changed()
        asked = self._asked(gallery.size)
        if asked == self._threshold and _same(gallery, self._gallery):
            return  # the people file was written to, a wrong PIN for instance, and nobody's face changed
        self._gallery, self._threshold = gallery, asked
        self._still_there()
        LOG.info("%s enrolled with consent", counted(gallery.size, "person", "people"))
        self._alike.enrolled(gallery, asked)
        if gallery.size <= AT_ONCE:
            while self._alike.searching:
                self._search_on()

    def _still_there(self) -> None:
        """Who is awaited or was asked to turn their head goes on: others came or went, while they stay enrolled."""
        one = self._awaited
        if one is not None:
            person = one.gallery.people[0]
            here = person in self._gallery.people
            gallery = self._gallery.only(person) if here else None
            self._awaited = None if gallery is None else replace(one, gallery=gallery, threshold=self._asked(1))
        if self._challenge is not None and self._challenge[1].person not in self._gallery.people:
            self._challenge = None

    def needed(self, person: str) -> bool:
        """Whether face and badge go together for somebody: by the terminal's mode, or because another looks alike.

        Who has no face here, or may not be matched (an objection, say), has their badge alone.
        """
        both = self._rules.mode == "badge+face" or person in self._alike.people
        return both and person in self._gallery.people

    def expect(self, person: str, now_ms: int) -> None:
        """The face of somebody who showed their badge, one to one, for a while or until another's is shown."""
        self._await_nobody(now_ms)
        if self._challenge is not None:
            self._challenge = None
            self._decider.deny(now_ms)  # a turn that is broken off is one that failed, or it would cost nothing
            self._decider.leave(now_ms)  # whoever was asked is looked at anew
        asked = self._asked(1)
        until_ms = now_ms + DEADLINES_MS[State.VERIFYING]
        decider = Decider(self._rules.decision, self._attempts)
        self._awaited = _Awaited(decider, self._gallery.only(person), asked, until_ms)

    def _await_nobody(self, now_ms: int) -> None:
        if self._awaited is not None:
            self._awaited.decider.leave(now_ms)
        self._awaited = None

    def keep_up(self, now_ms: int) -> None:
        """Every second: the site's threshold as it is now, some look-alikes; now and then counts to the disk."""
        if self.site.changed():
            self.enrolled(self._gallery)
        self._search_on()
        self.site.save(now_ms)
        lasting = self._attempts.lasting(now_ms)
        if lasting is not self._paused_long:
            LOG.warning(
                "%s: %s", FACES_PAUSED, "for an hour (docs/operations.md says what to do)" if lasting else "over"
            )
        self._paused_long = lasting

    def _search_on(self) -> None:
        """One turn of the search for look-alikes, if it is not through."""
        if self._alike.searching and not self._alike.search_on() and self._alike.people:
            LOG.info(
                "%d people look like another: their face counts with their badge alone", len(self._alike.people)
            )

    def _asked(self, people: int) -> float:
        usual = threshold(people, self._rules.fmr_table, self._rules.target_fpir)
        return min(usual + self.site.shift, 1.0)

    def look(self, frame: Frame, now_ms: int) -> tuple[Sight, Identified | Challenged | Refused | None]:
        """What a frame shows, and an outcome when it completes one."""
        if self._strobing is not None and self._strobing.took(frame):
            return replace(self._seen, captured_ns=frame.captured_ns), None
        sight = self._seen = self._sight(frame)
        if self._challenge is not None:
            return sight, self._challenged(*self._challenge, sight, now_ms)
        outcome = self._outcome(sight, now_ms)
        if self._strobing is not None and outcome is None and self._attempting:
            self._strobing.attempted(frame, sight)
        if not isinstance(outcome, Identified):
            return sight, outcome
        if not (self._rules.challenge or outcome.prove):
            self._decider.confirm()
            return sight, outcome
        if sight.box is None or sight.yaw is None:
            self._decider.deny(now_ms)
            return sight, Refused(RefusalReason.NOT_RECOGNISED)
        side = secrets.choice(tuple(Side))
        self._challenge = Challenge(side, sight.yaw, now_ms + WITHIN_MS, sight.box), outcome
        return sight, Challenged(side)

    @property
    def _attempting(self) -> bool:
        return self.present if self._awaited is None else self._awaited.decider.present

    def _challenged(
        self, challenge: Challenge, who: Identified, sight: Sight, now_ms: int
    ) -> Identified | Refused | None:
        likeness = None
        if sight.probe is not None and who.person in self._gallery.people:
            best = self._gallery.only(who.person).best(sight.probe)
            likeness = None if best is None else best.score
        progress = challenge.observe(sight, likeness, self._asked(self._gallery.size), now_ms)
        if progress is Progress.GOING_ON:
            return None
        self._challenge = None
        if progress is Progress.MET:
            self._decider.confirm()
            return who
        self._decider.deny(now_ms)
        return Refused(RefusalReason.NOT_RECOGNISED)

    def _outcome(self, sight: Sight, now_ms: int) -> Identified | Refused | None:
        if self._awaited is not None and now_ms >= self._awaited.until_ms:
            self._await_nobody(now_ms)
        one = self._awaited
        if one is None:
            outcome = self._decider.observe(sight, self._gallery, self._threshold)
        else:
            outcome = one.decider.observe(sight, one.gallery, one.threshold)
        if isinstance(outcome, Accepted):
            return self._accepted(outcome)
        if outcome is not None and outcome.reason in {RefusalReason.NOT_RECOGNISED, RefusalReason.PAUSED}:
            self._await_nobody(now_ms)
        return outcome

    def _accepted(self, who: Accepted) -> Identified | Refused:
        if self._awaited is None and self.needed(who.person):
            return Refused(RefusalReason.BADGE_NEEDED)
        method = Method.FACE
        if self._awaited is not None:
            # They have had their answer, and may linger.
            method, self._decider, self._awaited = Method.BADGE_FACE, self._awaited.decider, None
        self.site.punched(who.score, who.runner_up, self._gallery.size, by_badge=method is Method.BADGE_FACE)
        bands = quality.band(who.quality), liveness_band(who.liveness)
        beyond = who.score - self._asked(1 if method is Method.BADGE_FACE else self._gallery.size)
        sure = beyond >= SURELY and who.score - who.runner_up >= 2 * SURELY and set(bands) == {Band.HIGH}
        return Identified(who.person, method, *bands, self._pipeline.model_ids, sure, who.prove)

    def _sight(self, frame: Frame) -> Sight:
        """An empty room that does not change is not searched, and filmed slowly."""
        now_ms = frame.captured_ns // 1_000_000
        if not self._stillness.worth_a_search(frame.pixels, now_ms):
            return Sight(frame.captured_ns)
        sight = self._pipeline.look(frame)
        if sight.box is not None:
            self._stillness.face_seen(now_ms)
        self._pace.calm(not self._stillness.awake(now_ms))
        if self._metering.observe(sight.light, now_ms):
            self._pace.ev = self._metering.ev
        return sight if self._strobing is None else self._strobing.compared(frame, sight)


def _same(one: Gallery, other: Gallery) -> bool:
    return one.people == other.people and np.array_equal(one.matrix, other.matrix)
