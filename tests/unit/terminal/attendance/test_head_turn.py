"""The challenge on the way of a face: everything else first, then the turn, and neither alone."""

import numpy as np
import pytest

from edge.domain.face import Box, Floats, Probe, Sight
from edge.domain.recognition.attempts import PAUSE_MS, SPELLS
from edge.domain.recognition.calibration import Scorebook
from edge.domain.recognition.decision import DecisionPolicy, Refused
from edge.domain.recognition.gallery import Gallery
from edge.domain.recognition.head_turn import WITHIN_MS, Side
from edge.domain.vocabulary import RefusalReason
from edge.terminal.attendance.face_recognition import Challenged, FaceRecognition, FaceRules
from edge.terminal.attendance.punch_recorder import Identified

ANN: Floats = np.eye(1, 8, dtype=np.float32)[0]
BOB: Floats = np.eye(2, 8, dtype=np.float32)[1]
BOX = Box(200, 100, 380, 320)


@pytest.fixture
def stand():
    rules = FaceRules(DecisionPolicy(), 0.001, {1e-4: 0.3, 1e-5: 0.4}, challenge=True)
    faces = FaceRecognition(rules, ("m",), Scorebook("m"))
    faces.enrolled.replace(Gallery.of("m", [("a" * 26, ANN[None]), ("b" * 26, BOB[None])]), 0.0)
    at, look = [0], [0]

    def show(yaw: float, who: Floats = ANN, liveness: float = 0.99, box: Box | None = BOX):
        at[0] += max(look[0], 66)
        probe = None if box is None else Probe(who, "m", liveness, 0.9)
        return faces.observe(Sight(at[0] * 1_000_000, box, None, probe, None, yaw, look_ms=look[0]), at[0])

    show.at, show.look, show.faces = at, look, faces
    return show


def until(show, kind: type, yaw: float, **words) -> object:
    for _ in range(100):
        found = show(yaw, **words)
        if isinstance(found, kind):
            return found
    raise AssertionError(f"no {kind.__name__} came")


def side_of(found: object) -> int:
    assert isinstance(found, Challenged)
    return 1 if found.side is Side.LEFT else -1


def test_who_is_recognised_is_asked_and_then_let_in(stand) -> None:
    sign = side_of(until(stand, Challenged, 2.0))
    assert stand(2.0) is None
    assert stand(2.0 + sign * 25) == Identified("a" * 26, "face", "high", "high", ("m",), sure=True)
    assert stand(2.0) is None, "they may linger"


def test_a_turn_alone_lets_nobody_in(stand) -> None:
    for yaw in (0, 25, -25) * 25:
        assert not isinstance(stand(yaw, liveness=0.01), Identified | Challenged)


def test_another_face_that_turns_in_their_place_is_refused(stand) -> None:
    sign = side_of(until(stand, Challenged, 2.0))
    assert isinstance(until(stand, Refused, 2.0 + sign * 25, who=BOB), Refused)
    assert stand.at[0] >= WITHIN_MS


def test_who_fails_the_turn_five_times_is_paused(stand) -> None:
    for _ in range(SPELLS):
        until(stand, Challenged, 2.0)
        for _ in range(12):
            stand(2.0, box=None)
    assert until(stand, Refused, 2.0) == Refused(RefusalReason.PAUSED)


def test_who_leaves_meanwhile_is_refused_and_the_side_is_not_always_the_same(stand) -> None:
    sides = set()
    for _ in range(40):
        sides.add(side_of(until(stand, Challenged, 2.0)))
        assert isinstance(stand(2.0, box=None), Refused)
        for _ in range(15):
            stand(2.0, box=None)
        stand.at[0] += PAUSE_MS  # else the fifth failure would pause this face
    assert sides == {1, -1}


def turns_of(stand, until_ms: int) -> int:
    """Who is asked, and goes at once, again and again: how often they are asked."""
    asked = 0
    while stand.at[0] < until_ms:
        if isinstance(stand(2.0), Challenged):
            asked += 1
            stand(2.0, box=None)
    return asked


def test_whom_a_portrait_shows_has_five_turns_in_its_pause_and_waits_then(stand) -> None:
    until(stand, Refused, 2.0, liveness=0.01)
    while stand.faces.counters()["lockouts"] == 0:
        stand(2.0, liveness=0.01)
    assert turns_of(stand, stand.at[0] + PAUSE_MS // 2) == SPELLS
    assert turns_of(stand, stand.at[0] + PAUSE_MS // 3) == 0, "the fifth began the pause anew"
    stand.at[0] += PAUSE_MS
    side_of(until(stand, Challenged, 2.0))


def test_whom_a_portrait_shows_is_let_in_by_the_turn_and_that_ends_the_pause(stand) -> None:
    while stand.faces.counters()["lockouts"] == 0:
        stand(2.0, liveness=0.01)
    until(stand, Challenged, 2.0)
    stand(2.0, box=None)
    sign = side_of(until(stand, Challenged, 2.0))
    assert isinstance(stand(2.0 + sign * 25), Identified)
    for _ in range(12):
        stand(2.0, box=None)
    side_of(until(stand, Challenged, 2.0))


def test_who_breaks_a_turn_off_with_a_badge_has_failed_it(stand) -> None:
    for _ in range(SPELLS - 1):
        until(stand, Challenged, 2.0)
        for _ in range(12):
            stand(2.0, box=None)
    until(stand, Challenged, 2.0)
    assert stand.faces.counters()["lockouts"] == 0
    stand.faces.expect("b" * 26, stand.at[0])
    assert stand.faces.counters()["lockouts"] == 1


def test_at_a_usual_pace_the_turn_has_five_seconds(stand) -> None:
    asked = until(stand, Challenged, 2.0)
    assert asked.within_ms == WITHIN_MS


@pytest.mark.parametrize("look_ms", [1_200, 1_500, 2_000])
def test_on_a_slow_machine_there_are_two_looks_to_see_the_turn_and_no_endless_time(stand, look_ms: int) -> None:
    stand.look[0] = look_ms
    asked = until(stand, Challenged, 2.0)
    sign, asked_at = side_of(asked), stand.at[0]
    assert asked.within_ms <= 8_000
    assert stand(2.0) is None, "while this frame was taken the cue was not seen yet"
    assert stand(2.0) is None
    assert isinstance(stand(2.0 + sign * 25), Identified)
    for _ in range(3):
        stand(2.0, box=None)
    asked = until(stand, Challenged, 2.0)
    asked_at = stand.at[0]
    assert isinstance(until(stand, Refused, 2.0), Refused), "whoever does not turn"
    assert stand.at[0] - asked_at <= asked.within_ms + look_ms
