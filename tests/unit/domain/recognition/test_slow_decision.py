"""Decisions on a machine with slow looks: enrolled people are let in, and nobody else more easily than before."""

from collections.abc import Iterable

import numpy as np
import pytest

from edge.domain.face import Box, Floats, Probe, Sight
from edge.domain.recognition.attempts import GUESS_EVERY_MS, GUESSES, PAUSE_MS, SPELLS, Attempts
from edge.domain.recognition.decision import Accepted, Decider, DecisionPolicy, Outcome
from edge.domain.recognition.gallery import Gallery
from edge.domain.recognition.look_pace import LookPace

MODEL, THRESHOLD = "embedder-a", 0.5
POLICY = DecisionPolicy()
HERE, THERE = Box(200, 100, 380, 320), Box(20, 100, 120, 230)
ADA, BEN, STRANGER, OTHER = (row for row in np.eye(4, 8, dtype=np.float32))
GALLERY = Gallery.of(MODEL, [("ada", ADA[None]), ("ben", BEN[None])])
NOBODY = Sight(0)


def good(embedding: Floats, liveness: float = 0.99, box: Box = HERE) -> Sight:
    return Sight(0, box, None, Probe(embedding, MODEL, liveness, 0.9))


class Counting(Attempts):
    """Counts the guesses that were spent."""

    spent = 0

    def admit(self, face: Floats, now_ms: int) -> bool:
        admitted = super().admit(face, now_ms)
        self.spent += admitted
        return admitted


class Machine:
    """A door on a machine that needs `look_ms` for one look."""

    def __init__(self, look_ms: int, *, measured: bool = True, policy: DecisionPolicy = POLICY) -> None:
        self.attempts, self.pace, self.look_ms, self.measured = Counting(), LookPace(), look_ms, measured
        self.decider, self.now_ms = Decider(policy, self.attempts, self.pace), 1_000

    def see(self, sights: Iterable[Sight]) -> list[str]:
        outcomes: list[Outcome] = []
        for sight in sights:
            if self.measured and sight.probe is not None:
                self.pace.took(self.look_ms)
            stamped = Sight(self.now_ms * 1_000_000, sight.box, sight.reason, sight.probe)
            outcome = self.decider.observe(stamped, GALLERY, THRESHOLD)
            outcomes += [] if outcome is None else [outcome]
            self.now_ms += max(self.look_ms, 66)
        return [one.person if isinstance(one, Accepted) else str(one.reason) for one in outcomes]


@pytest.mark.parametrize("look_ms", [1_100, 1_200, 1_500, 2_000])
def test_without_the_measured_pace_nobody_was_let_in_from_a_second_on(look_ms: int) -> None:
    """The defect that the pace mends; a test of the pace alone could not fail for it."""
    assert Machine(look_ms, measured=False).see([good(ADA)] * 30) == ["not-recognised"]


@pytest.mark.parametrize("look_ms", [33, 300, 900, 1_000, 1_200, 1_500, 2_000, 3_900])
def test_whoever_is_enrolled_is_let_in_at_the_third_good_look(look_ms: int) -> None:
    machine = Machine(look_ms)
    assert machine.see([good(ADA)] * 2) == []
    assert machine.see([good(ADA)]) == ["ada"]
    assert machine.see([good(ADA)] * 10) == [], "and is punched once"


@pytest.mark.parametrize("frames", [2, 5, 10])
def test_so_it_is_with_another_number_of_frames(frames: int) -> None:
    machine = Machine(1_500, policy=DecisionPolicy(frames=frames))
    assert machine.see([good(ADA)] * (frames - 1)) == []
    assert machine.see([good(ADA)]) == ["ada"]


def test_one_spoilt_look_between_the_good_ones_holds_nobody_up() -> None:
    machine = Machine(1_500)
    assert machine.see([good(ADA), good(ADA), good(ADA, 0.01), good(ADA), good(ADA)]) == []
    assert machine.see([good(ADA)]) == ["ada"]


@pytest.mark.parametrize("look_ms", [66, 1_200, 2_000])
@pytest.mark.parametrize("liveness", [0.0, 0.3, float("nan")])
def test_a_picture_of_ada_is_refused_at_every_pace(look_ms: int, liveness: float) -> None:
    machine = Machine(look_ms)
    assert set(machine.see([good(ADA, liveness)] * 60)) <= {"not-recognised", "paused"}


@pytest.mark.parametrize("look_ms", [1_200, 2_000])
def test_nobody_is_put_together_from_two_people_or_two_approaches(look_ms: int) -> None:
    assert set(Machine(look_ms).see([good(ADA), good(BEN)] * 30)) <= {"not-recognised"}
    assert Machine(look_ms).see([good(ADA), good(ADA), good(ADA, box=THERE), good(ADA, box=THERE)]) == []
    assert Machine(look_ms).see([good(ADA), good(ADA), NOBODY, good(ADA), good(ADA)]) == [], "a face that went away"


def test_frames_from_before_the_span_do_not_count() -> None:
    machine = Machine(1_500)
    machine.see([good(ADA)] * 2)
    machine.now_ms += 4 * 1_500
    assert "ada" not in machine.see([good(ADA)] * 2)


@pytest.mark.parametrize("look_ms", [1_200, 2_000])
def test_a_stranger_is_refused_and_paused_after_five_spells(look_ms: int) -> None:
    machine = Machine(look_ms)
    said = machine.see([good(STRANGER)] * 60)
    assert said[0] == "not-recognised"
    assert "paused" in said
    assert machine.attempts.pauses >= 1


def test_a_spell_is_shorter_than_the_time_for_which_a_failure_is_remembered() -> None:
    """Otherwise five spells in a row would never come together."""
    slowest = LookPace()
    slowest.took(60_000)
    for frames in (2, 3, 10):
        assert slowest.within(POLICY.give_up_ms, frames + 2) < PAUSE_MS


def guesses_in_an_hour(look_ms: int) -> int:
    """Guesses of strangers who go as soon as they were compared, each with another face."""
    machine, visit = Machine(look_ms), 0
    while machine.now_ms < 3_600_000:
        machine.see([good(np.roll(STRANGER, visit % 5))] * 3 + [NOBODY] * max(1, 800 // look_ms))
        visit += 1
    return machine.attempts.spent


def test_a_slow_machine_gives_strangers_no_more_guesses() -> None:
    usual = guesses_in_an_hour(66)
    assert 250 < usual <= GUESSES + 3_600_000 // GUESS_EVERY_MS
    for look_ms in (600, 1_200, 2_000, 3_000):
        assert guesses_in_an_hour(look_ms) <= usual


@pytest.mark.parametrize("look_ms", [4_500, 6_000, 15_000])
def test_what_was_too_slow_to_be_compared_counts_as_no_attempt_and_lets_nobody_in(look_ms: int) -> None:
    machine = Machine(look_ms)
    for who in (ADA, STRANGER):
        for _ in range(4 * SPELLS):
            assert set(machine.see([good(who)] * 6 + [NOBODY] * 2)) <= {"not-recognised"}
    assert machine.attempts.pauses == 0
    assert not machine.attempts.paused(ADA, -1.0, machine.now_ms)
    guesses = [machine.attempts.admit(OTHER, machine.now_ms) for _ in range(GUESSES + 1)]
    assert guesses == [True] * GUESSES + [False], "nothing was guessed"
