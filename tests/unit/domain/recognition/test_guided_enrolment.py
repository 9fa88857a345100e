"""Guided enrolment: which frames become templates, what is asked for next, and every way to its end."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from edge.domain.face import Box, Probe, Reflection, Sight, StrobeFinding, Traces
from edge.domain.recognition.guided_enrolment import (
    HOLD_MS,
    LEFT_MS,
    LIFELESS_MS,
    SAME_PERSON,
    STRANGE_FRAMES,
    TEMPLATES,
    WATCHED_MS,
    Advice,
    EnrolmentEnd,
    GuidedEnrolment,
)
from edge.domain.recognition.head_turn import Side
from edge.domain.vocabulary import RefusalReason

FRAME_MS = 67
ANN, BOB = np.eye(8, dtype=np.float32)[:2]


class Clip:
    """Sights for one enrolment: 15 a second, or as many as a machine makes that needs `look_ms` for a look."""

    def __init__(
        self, first: Side = Side.LEFT, look_ms: int = 0, *, measured: bool = True, **rules: object
    ) -> None:
        self.enrolment = GuidedEnrolment(first, **rules)
        self.now_ms, self.step_ms = 10_000, max(look_ms, FRAME_MS)
        self.look_ms = look_ms if measured else 0

    def frames(self, count: int, **look: object) -> EnrolmentEnd | None:
        for _ in range(count):
            end = self.frame(**look)
            if end is not None:
                return end
        return None

    def frame(
        self,
        yaw: float = 0.0,
        height: float = 180.0,
        who: np.ndarray = ANN,
        liveness: float = 0.99,
        reason: RefusalReason | None = None,
        nobody: bool = False,
        lit: bool = False,
        traces: Traces | None = None,
    ) -> EnrolmentEnd | None:
        self.now_ms += self.step_ms
        sight = Sight(self.now_ms * 1_000_000, lit=lit, look_ms=self.look_ms)
        if not nobody:
            probe = None if reason else Probe(who, "model", liveness, 0.9, traces=traces)
            sight = replace(sight, box=Box(0, 0, height, height), reason=reason, probe=probe, yaw=yaw)
        return self.enrolment.observe(sight)

    def follow(self, seconds: float = 30.0, **look: object) -> EnrolmentEnd | None:
        """A person who does what they are told, a little at a time, as long as it is not complete."""
        yaw, height = 0.0, 180.0
        for _ in range(round(seconds * 1000 / self.step_ms)):
            if self.enrolment.complete:
                return None
            advice = self.enrolment.advice
            goal = {Side.LEFT: 20.0, Side.RIGHT: -20.0, None: 0.0}[advice.side]
            most = 1.5 * self.step_ms / FRAME_MS
            yaw += max(-most, min(most, goal - yaw))
            height += {RefusalReason.TOO_FAR: 2.0, RefusalReason.TOO_CLOSE: -2.0}.get(advice.reason, 0.0)
            end = self.frame(yaw, height, **look)
            if end is not None:
                return end
        return None


@pytest.mark.parametrize("first", list(Side))
def test_who_follows_the_advice_is_enrolled_within_thirty_seconds(first: Side) -> None:
    clip = Clip(first)
    assert clip.follow() is None
    assert clip.enrolment.complete
    assert clip.now_ms - 10_000 < 30_000
    assert len(clip.enrolment.templates()) == TEMPLATES == 5


def test_the_templates_are_varied_and_of_both_sides() -> None:
    clip = Clip()
    clip.follow()
    views = clip.enrolment._views
    assert all(one.differs(other) for n, one in enumerate(views) for other in views[:n])
    assert min(view.yaw for view in views) <= -11 < 11 <= max(view.yaw for view in views)


def test_the_side_to_turn_to_first_is_the_one_that_chance_chose() -> None:
    for first in Side:
        clip = Clip(first)
        clip.frames(40)
        assert clip.enrolment.advice == Advice(side=first)


def test_a_picture_that_never_turns_is_never_enrolled_however_live_it_looks() -> None:
    clip = Clip()
    for height in (180, 230, 290, 150, 120, 370):
        assert clip.frames(100, height=height) is None
    assert not clip.enrolment.complete
    assert clip.enrolment.taken <= TEMPLATES - 2, "the places of the two sides are kept"


def test_without_liveness_nothing_is_taken_and_after_a_while_it_is_over() -> None:
    clip = Clip()
    begun = clip.now_ms
    assert clip.follow(liveness=0.2) is EnrolmentEnd.NOT_LIVE
    assert clip.enrolment.taken == 0
    assert clip.now_ms - begun >= LIFELESS_MS


def test_a_layer_that_is_sure_of_an_attack_is_enough_also_after_good_templates() -> None:
    clip = Clip()
    clip.frames(30)
    taken = clip.enrolment.taken
    screen = Traces(Box(0, 0, 9, 9), np.zeros((468, 2), np.float32), _grey(), 4, _grey(), wide=0.01)
    assert clip.frames(300, yaw=15.0, traces=screen) is EnrolmentEnd.NOT_LIVE
    assert clip.enrolment.taken == taken > 0


def test_a_change_of_person_ends_it() -> None:
    clip = Clip()
    clip.frames(30)
    assert clip.enrolment.taken == 1
    assert clip.frames(STRANGE_FRAMES - 1, who=BOB) is None
    assert clip.frame(who=BOB) is EnrolmentEnd.ANOTHER_PERSON


def test_single_frames_of_another_face_become_no_template_and_end_nothing() -> None:
    clip = Clip()
    clip.frames(30)
    for _ in range(20):
        assert clip.frame(yaw=20.0, who=BOB) is None
        assert clip.frame() is None
    assert clip.enrolment.taken == 1


def test_a_person_who_changes_before_the_first_template_is_not_mixed_with_the_next() -> None:
    clip = Clip()
    for _ in range(50):
        clip.frame(who=ANN)
        clip.frame(who=BOB)
    assert clip.enrolment.taken == 0


def test_who_leaves_ends_it_and_a_moment_away_does_not() -> None:
    clip = Clip()
    clip.frames(30)
    assert clip.frames(LEFT_MS // FRAME_MS - 1, nobody=True) is None
    assert clip.frames(10) is None
    assert clip.frames(LEFT_MS // FRAME_MS + 2, nobody=True) is EnrolmentEnd.LEFT


def test_a_cut_film_gives_no_template_before_the_new_view_was_watched() -> None:
    clip = Clip()
    clip.frames(30)
    assert clip.enrolment.taken == 1
    for _ in range(10):  # a few frames of a side, spliced in again and again
        clip.frames(WATCHED_MS // FRAME_MS, yaw=18.0)
        clip.frames(WATCHED_MS // FRAME_MS)
    assert clip.enrolment.taken == 1
    clip.frames(2 * WATCHED_MS // FRAME_MS, yaw=18.0)
    assert clip.enrolment.taken == 2


def test_a_profile_of_another_person_after_the_front_of_one_is_no_template_and_ends_it() -> None:
    clip = Clip()
    clip.frames(30)
    assert clip.frames(40, yaw=18.0, who=BOB) is EnrolmentEnd.ANOTHER_PERSON
    assert clip.enrolment.taken == 1


def test_no_chain_of_faces_leads_from_one_person_to_another() -> None:
    """Each face is like the mean of those before it, and the last ones are not like the first."""
    clip = Clip()
    clip.frames(30)
    end = None
    for n, yaw in enumerate((8.0, 16.0, 24.0, 32.0, 40.0), 1):
        angle = n * 0.45
        end = end or clip.frames(40, yaw=yaw, who=(np.cos(angle) * ANN + np.sin(angle) * BOB).astype(np.float32))
    assert end is EnrolmentEnd.ANOTHER_PERSON
    assert all(float(one.embedding @ ANN) >= SAME_PERSON for one in clip.enrolment.templates())


def test_before_somebody_came_nobody_left() -> None:
    assert Clip().frames(500, nobody=True) is None


@pytest.mark.parametrize("reason", [RefusalReason.DARK, RefusalReason.BLURRED, RefusalReason.TOO_FAR])
def test_what_to_mend_is_told_and_nothing_is_taken(reason: RefusalReason) -> None:
    clip = Clip()
    clip.frames(60, reason=reason)
    assert clip.enrolment.advice == Advice(reason=reason)
    assert clip.enrolment.taken == 0


def test_advice_does_not_flicker() -> None:
    clip = Clip()
    changes, before = [], clip.enrolment.advice
    for n in range(300):
        clip.frame(reason=RefusalReason.DARK if n // 12 % 2 else RefusalReason.BLURRED)
        if clip.enrolment.advice != before:
            before = clip.enrolment.advice
            changes.append(clip.now_ms)
    assert all(later - earlier >= HOLD_MS for earlier, later in pairwise(changes))


def test_who_stands_near_is_asked_to_step_back_instead_of_closer() -> None:
    clip = Clip()
    clip.frames(30)
    clip.frames(30, reason=RefusalReason.TOO_CLOSE)
    for yaw in (0.0, 13.0, 0.0, -13.0, 0.0):
        clip.frames(30, yaw=yaw)
    assert clip.enrolment.taken == 3
    assert clip.enrolment.advice == Advice(reason=RefusalReason.TOO_CLOSE)


def test_the_first_template_is_from_the_front_and_takes_a_moment_of_watching() -> None:
    clip = Clip()
    clip.frames(60, yaw=18.0)
    assert clip.enrolment.taken == 0
    other = Clip()
    other.frames(9)
    assert other.enrolment.taken == 0
    other.frames(5)
    assert other.enrolment.taken == 1


def test_a_frame_that_the_lamp_lit_decides_nothing() -> None:
    clip = Clip()
    assert clip.frames(100, lit=True) is None
    assert clip.enrolment.taken == 0


def test_with_a_lamp_a_flash_must_have_been_evaluated() -> None:
    clip = Clip(strobe=True)
    assert clip.follow() is None
    assert not clip.enrolment.complete
    flashed = Traces(Box(0, 0, 9, 9), _mesh(), _grey(), 4, _grey(), strobe=Reflection(StrobeFinding.FACE, 0.1))
    clip.frame(traces=flashed)
    assert clip.enrolment.complete


def test_forgetting_leaves_no_vector() -> None:
    clip = Clip()
    clip.follow()
    clip.enrolment.forget()
    assert (clip.enrolment.templates(), len(clip.enrolment._good), clip.enrolment._views) == ([], 0, [])


def test_what_is_kept_is_bounded() -> None:
    clip = Clip()
    clip.frames(5_000, yaw=3.0)
    assert len(clip.enrolment._good) <= 64


def _grey() -> np.ndarray:
    return np.random.default_rng(1).integers(90, 110, (64, 64), dtype=np.uint8)


def _mesh() -> np.ndarray:
    return np.random.default_rng(2).uniform(10, 50, (468, 2)).astype(np.float32)


@pytest.mark.parametrize("look_ms", [300, 900, 1_200, 2_000])
def test_on_a_slow_machine_who_follows_the_advice_is_enrolled_all_the_same(look_ms: int) -> None:
    clip = Clip(look_ms=look_ms)
    assert clip.follow(110.0) is None
    assert clip.enrolment.complete
    assert clip.now_ms - 10_000 < 110_000, "within the time of an enrolment"


def test_without_the_measured_pace_nothing_was_taken_from_a_second_on() -> None:
    clip = Clip(look_ms=1_200, measured=False)
    clip.follow(110.0)
    assert clip.enrolment.taken == 0


@pytest.mark.parametrize("look_ms", [1_200, 2_000])
def test_on_a_slow_machine_a_picture_is_enrolled_no_sooner(look_ms: int) -> None:
    still = Clip(look_ms=look_ms)
    still.frames(55, yaw=2.0)
    assert still.enrolment.taken <= 1
    clip, looks = Clip(look_ms=look_ms), 0
    while clip.frame(liveness=0.1) is None:
        looks += 1
        assert looks < 60
    assert clip.enrolment.taken == 0
    assert looks * look_ms <= 16 * look_ms + 3 * look_ms, "no more looks than at half a second"


def test_on_a_slow_machine_a_change_of_person_still_ends_it() -> None:
    clip = Clip(look_ms=1_500)
    clip.frames(8)
    assert clip.enrolment.taken == 1
    assert clip.frames(STRANGE_FRAMES, who=BOB) is EnrolmentEnd.ANOTHER_PERSON


def test_on_a_slow_machine_one_look_without_a_face_is_no_leaving() -> None:
    clip = Clip(look_ms=2_000)
    clip.frames(4)
    clip.step_ms = 2_500
    assert clip.frames(1, nobody=True) is None
    assert clip.frames(4, nobody=True) is EnrolmentEnd.LEFT
