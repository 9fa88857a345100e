"""Guided enrolment before the camera: which frames become templates, what to tell the person next, when it ends.

A template is taken only of a face that passes the gate of enrolment, is alive by every liveness layer over the last
frames, is the same person as the templates before, and stands otherwise than in each of them: turned by some
degrees, or nearer. Both turns of the head are asked for, so that a photograph which is only held up never gets so
far. Pure; instants are the frames' own.
"""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from edge.domain.face import Box, Probe, Sight
from edge.domain.pad.verdict import LIVE, pad_verdict
from edge.domain.recognition.approach import fuse, one_face
from edge.domain.recognition.head_turn import Side
from edge.domain.recognition.look_pace import LookPace
from edge.domain.vocabulary import RefusalReason

TEMPLATES = 5
"""Templates of one enrolment."""
APART_DEG, LARGER = 7.0, 1.15
"""Two views are varied if the head is turned by so many degrees more, or the face is larger by this factor."""
FRONT_DEG = 10.0
"""The first template shows the face from the front: turned by at most so many degrees."""
TURN_DEG = 11.0
"""A template to a side is turned from the first by at least so many degrees; the gate of enrolment passes 25."""
FRAMES = 3
"""Good frames in a row on which the liveness of a template is judged, as for a punch."""
SPAN_LOOKS, LEFT_LOOKS, LIFELESS_LOOKS = 4, 3, 16
"""Looks that must find room in SPAN_MS, LEFT_MS and LIFELESS_MS: on a slow machine these limits are longer
(edge/domain/recognition/look_pace.py). WATCHED_MS is shorter than three such looks, and JUMP_DEG stays, because a
cut that slow looks do not show is a cut all the same.
"""
SPAN_MS, WATCHED_MS = 2_000, 700
"""Only frames this recent are judged together, and no template is taken before WATCHED_MS of them."""
SAME_PERSON = 0.4
"""Least cosine of a frame to the mean of the templates before it. Within one sitting a person's frames stay far
above it; of strangers, fewer than one in 10,000 pairs reach it (models/fr-embedder.md).
"""
JUMP_DEG = 12.0
"""A head does not turn so far, nor a face move by half its height, from one frame to the next: it is a cut, and
what is seen after it is watched anew, for WATCHED_MS.
"""
STRANGE_FRAMES = 3
"""So many frames of another face in a row end the enrolment. Fewer may be bad frames; none becomes a template."""
LEFT_MS = 3_000
"""After so long without a face, the person has left."""
LIFELESS_MS = 8_000
"""After so long without a frame that is alive, it is over: then it is no chance."""
POOR_MS, HOLD_MS = 600, 1_500
"""A reason is told when it has lasted for POOR_MS; each advice is shown for HOLD_MS at least."""
_KEPT = 64
"""Most good frames that are kept."""


class EnrolmentEnd(StrEnum):
    """Why a guided enrolment ended without templates."""

    ANOTHER_PERSON = "another-person"
    LEFT = "left"
    NOT_LIVE = "not-live"


@dataclass(frozen=True, slots=True)
class Advice:
    """What the person should do next: turn to `side`, otherwise mend `reason`, otherwise look into the camera."""

    side: Side | None = None
    reason: RefusalReason | None = None


@dataclass(frozen=True, slots=True)
class View:
    """How a face stands before the camera."""

    yaw: float
    """Degrees, positive towards the person's own left."""
    height_px: float
    """Of the face."""

    def differs(self, other: "View") -> bool:
        """Whether a template of this view adds something to one of the other."""
        nearer, farther = max(self.height_px, other.height_px), min(self.height_px, other.height_px)
        return abs(self.yaw - other.yaw) >= APART_DEG or nearer >= LARGER * farther


class GuidedEnrolment:
    """One person's enrolment, from the first frame to the last template."""

    def __init__(self, first_side: Side, *, wanted: int = TEMPLATES, strobe: bool = False) -> None:
        """`first_side` is the side to turn to first, chosen by chance.

        `strobe`: with an infrared lamp, a flash must have been evaluated before the enrolment is complete.
        """
        self._sides = (first_side, Side.RIGHT if first_side is Side.LEFT else Side.LEFT)
        self._wanted, self._strobe = wanted, strobe
        self._pace = LookPace()
        self._probes: list[Probe] = []
        self._views: list[View] = []
        self._good: deque[tuple[int, Probe]] = deque(maxlen=_KEPT)
        self._strange = 0
        self._flashed = self._close = False
        self._seen_ms: int | None = None
        self._lifeless_ms: int | None = None
        self._last: tuple[float, Box] | None = None
        """Where the last good face was turned to, and where it was."""
        self._poor: tuple[RefusalReason, int] | None = None
        self._advice, self._advised_ms = Advice(), 0

    @property
    def taken(self) -> int:
        """How many templates there are."""
        return len(self._probes)

    @property
    def complete(self) -> bool:
        """Whether there are enough varied templates, and everything was looked at."""
        enough = self.taken >= self._wanted and not any(self._lacks(side) for side in self._sides)
        return enough and (self._flashed or not self._strobe)

    @property
    def advice(self) -> Advice:
        """What the person should do now."""
        return self._advice

    def templates(self) -> list[Probe]:
        """The probes that become templates, without the traces of their frames."""
        return list(self._probes)

    def forget(self) -> None:
        """Drop everything that was learnt of the person."""
        self._probes.clear()
        self._views.clear()
        self._good.clear()

    def observe(self, sight: Sight) -> EnrolmentEnd | None:
        """Take the next sight, made by the limits of enrolment; the end when this sight brings one."""
        now_ms = sight.captured_ns // 1_000_000
        if sight.lit or self.complete:
            return None
        end = self._nobody(now_ms) if sight.box is None else self._somebody(sight, now_ms)
        if now_ms - self._advised_ms >= HOLD_MS:
            wanted = self._wanted_advice(now_ms)
            if wanted != self._advice:
                self._advice, self._advised_ms = wanted, now_ms
        return end

    def _nobody(self, now_ms: int) -> EnrolmentEnd | None:
        if self._seen_ms is None or now_ms - self._seen_ms < self._pace.within(LEFT_MS, LEFT_LOOKS):
            return None
        self._good.clear()
        return EnrolmentEnd.LEFT

    def _somebody(self, sight: Sight, now_ms: int) -> EnrolmentEnd | None:
        self._seen_ms = now_ms
        if sight.probe is None or sight.box is None:
            reason = sight.reason or RefusalReason.TURNED
            since = self._poor[1] if self._poor is not None and self._poor[0] is reason else now_ms
            self._poor = reason, since
            self._close = self._close or reason is RefusalReason.TOO_CLOSE
            return None
        self._poor = None
        self._pace.took(sight.look_ms)
        if self._is_strange(sight.probe):
            self._strange += 1
            return EnrolmentEnd.ANOTHER_PERSON if self._strange >= STRANGE_FRAMES else None
        self._strange = 0
        if self._is_cut(sight.yaw or 0.0, sight.box):
            self._good.clear()
        self._good.append((now_ms, sight.probe))
        while now_ms - self._good[0][0] > self._pace.within(SPAN_MS, SPAN_LOOKS):
            self._good.popleft()
        traces = sight.probe.traces
        self._flashed = self._flashed or (traces is not None and traces.strobe is not None)
        return self._judge(sight.probe, View(sight.yaw or 0.0, sight.box.height), now_ms)

    def _is_strange(self, probe: Probe) -> bool:
        """Whether a frame shows another face than the templates: than their mean, or than the one from the front. A
        face that is like the mean alone could lead from one person to the next, template by template.
        """
        if not self._probes:
            return False
        known = fuse(self._probes).embedding, self._probes[0].embedding
        return min(float(one @ probe.embedding) for one in known) < SAME_PERSON

    def _is_cut(self, yaw: float, box: Box) -> bool:
        """Whether no head moves so from the last good frame to this one."""
        last, self._last = self._last, (yaw, box)
        if last is None:
            return False
        moved = max(abs(box.x0 + box.x1 - last[1].x0 - last[1].x1), abs(box.y0 + box.y1 - last[1].y0 - last[1].y1))
        return abs(yaw - last[0]) >= JUMP_DEG or moved >= min(box.height, last[1].height)

    def _judge(self, probe: Probe, view: View, now_ms: int) -> EnrolmentEnd | None:
        seen = [one for _, one in self._good]
        latest = seen[-FRAMES:]
        if len(latest) < FRAMES or not one_face(latest):
            return None
        if not pad_verdict(latest, [*self._probes, *seen], LIVE).live:
            since = self._lifeless_ms = now_ms if self._lifeless_ms is None else self._lifeless_ms
            lifeless_ms = self._pace.within(LIFELESS_MS, LIFELESS_LOOKS)
            return EnrolmentEnd.NOT_LIVE if now_ms - since >= lifeless_ms else None
        self._lifeless_ms = None
        if now_ms - self._good[0][0] >= WATCHED_MS and self._adds(view):
            self._probes.append(probe)
            self._views.append(view)
        return None

    def _adds(self, view: View) -> bool:
        """Whether a template of this view is wanted. The last places are kept for the sides that lack."""
        if not self._views:
            return abs(view.yaw) <= FRONT_DEG
        lacking = [side for side in self._sides if self._lacks(side)]
        if len(lacking) >= self._wanted - self.taken and not any(self._is_to(side, view) for side in lacking):
            return False
        return self.taken < self._wanted and all(view.differs(one) for one in self._views)

    def _lacks(self, side: Side) -> bool:
        return not any(self._is_to(side, view) for view in self._views)

    def _is_to(self, side: Side, view: View) -> bool:
        turned = view.yaw - self._views[0].yaw
        return turned >= TURN_DEG if side is Side.LEFT else turned <= -TURN_DEG

    def _wanted_advice(self, now_ms: int) -> Advice:
        if self._poor is not None and now_ms - self._poor[1] >= POOR_MS:
            return Advice(reason=self._poor[0])
        if not self._views:
            return Advice()
        lacking = next((side for side in self._sides if self._lacks(side)), None)
        if lacking is not None:
            return Advice(side=lacking)
        nearest = max(view.height_px for view in self._views)
        near = self._close or nearest >= LARGER * self._views[0].height_px
        return Advice(reason=RefusalReason.TOO_CLOSE if near else RefusalReason.TOO_FAR)
