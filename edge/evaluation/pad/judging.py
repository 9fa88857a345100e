"""The good frames of a clip, one after another, to attempts and to approaches. Pure: frames in, verdicts out.

An attempt is as many good frames as a decision takes, judged once. An approach is what the decision makes of
somebody who stays: the latest frames are judged again and again with all that was seen in the span, until they pass
or the time for a spell is over. An attack that passes at any moment of an approach has passed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from edge.domain.face import Probe
from edge.domain.pad.verdict import SURE, PadVerdict, pad_verdict
from edge.domain.recognition.approach import one_face
from edge.domain.recognition.decision import DecisionPolicy
from edge.evaluation.pad.attempts import Attempt, TakenFor


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A good frame."""

    file: Path
    at_ms: int
    probe: Probe


class Judging:
    """Judges one clip; holds no more frames than an approach has."""

    def __init__(
        self, kind: str, recording: str, policy: DecisionPolicy, identify: Callable[[list[Probe]], TakenFor | None]
    ) -> None:
        """`identify` says whom the frames of an attempt are taken for."""
        self.attempts: list[Attempt] = []
        self.approaches: list[Attempt] = []
        self.too_few = 0
        """Good frames that were too few for an attempt."""
        self._kind, self._recording, self._policy, self._identify = kind, recording, policy, identify
        self._now: list[Look] = []
        self._spell: list[Look] = []
        self._last: PadVerdict | None = None

    def add(self, look: Look) -> None:
        """Take the next good frame."""
        policy = self._policy
        if self._now and look.at_ms - self._now[-1].at_ms > policy.span_ms:
            self._attempt(policy.frames)
        self._now.append(look)
        if len(self._now) == policy.frames:
            self._attempt(policy.frames)
        self._approach(look)

    def end(self, shots: int) -> None:
        """Judge what is left, at the end of a clip with so many pictures or frames.

        Its last approach is not counted when it was broken off before an answer.
        """
        if self._now:
            self._attempt(min(self._policy.frames, shots))

    def _attempt(self, least: int) -> None:
        looks, self._now = self._now, []
        if len(looks) < least:
            self.too_few += len(looks)
            return
        probes = [look.probe for look in looks]
        verdict = pad_verdict(probes, live=self._policy.liveness)
        self.attempts.append(self._result(looks, verdict, self._identify(probes)))

    def _approach(self, look: Look) -> None:
        policy, spell = self._policy, self._spell
        if spell and look.at_ms - spell[-1].at_ms > policy.span_ms:
            spell.clear()  # the person left before an answer
            self._last = None
        spell.append(look)
        seen = list(self._within(policy.span_ms))
        latest = [one.probe for one in seen[-policy.frames :]]
        first_ms = spell[0].at_ms
        if len(latest) == policy.frames and one_face(latest):
            self._last = pad_verdict(latest, [one.probe for one in seen], policy.liveness)
            watched = look.at_ms - first_ms >= policy.unsure_ms
            if self._last.live and (self._last.liveness >= SURE or watched):
                self._answer(self._last)
                return
        if look.at_ms - first_ms >= policy.give_up_ms:
            if self._last is not None:
                self._answer(replace(self._last, live=False))
            spell.clear()
            self._last = None

    def _within(self, span_ms: int) -> Iterator[Look]:
        return (one for one in self._spell if self._spell[-1].at_ms - one.at_ms <= span_ms)

    def _answer(self, verdict: PadVerdict) -> None:
        self.approaches.append(self._result(self._spell, verdict, None))
        self._spell.clear()
        self._last = None

    def _result(self, looks: list[Look], verdict: PadVerdict, taken_for: TakenFor | None) -> Attempt:
        first = looks[0]
        return Attempt(self._kind, self._recording, first.file, first.at_ms, len(looks), verdict, taken_for)
