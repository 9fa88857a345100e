"""The face that fails is paused, what strangers may guess is bounded, and nothing is remembered for longer."""

import numpy as np
import pytest

from edge.domain.face import Floats
from edge.domain.recognition.attempts import (
    GUESS_EVERY_MS,
    GUESSES,
    LIFE_EVERY_MS,
    LIVES,
    MOST,
    PAUSE_MS,
    QUIET_MS,
    RUN_MS,
    SPELLS,
    Attempts,
)

FACES: Floats = np.eye(100, dtype=np.float32)
ANN, BOB = FACES[0], FACES[1]


def fail(attempts: Attempts, face: Floats, times: int, now_ms: int = 0) -> list[bool]:
    return [attempts.failed(face, now_ms) for _ in range(times)]


def test_the_fifth_failure_pauses_that_face_and_no_other() -> None:
    attempts = Attempts()
    assert fail(attempts, ANN, SPELLS) == [False] * (SPELLS - 1) + [True]
    assert attempts.paused(ANN, 0.3, PAUSE_MS - 1)
    assert not attempts.paused(BOB, 0.3, 1)
    assert not attempts.paused(ANN, 0.3, PAUSE_MS)


def test_who_is_more_like_somebody_enrolled_than_like_the_face_that_failed_is_not_that_one() -> None:
    attempts = Attempts()
    fail(attempts, ANN, SPELLS)
    colleague = np.asarray(ANN * 0.6 + BOB * 0.8, np.float32)
    assert attempts.paused(colleague, 0.55, 1)
    assert not attempts.paused(colleague, 0.75, 1)


def test_nothing_is_remembered_for_longer_than_a_pause_after_the_last_failure() -> None:
    attempts = Attempts()
    fail(attempts, ANN, SPELLS - 1)
    assert not attempts.failed(ANN, PAUSE_MS), "forgotten: the row begins anew"
    attempts.lasting(2 * PAUSE_MS)
    assert attempts._failing == []
    for face in FACES:
        attempts.failed(face, 0)
    assert len(attempts._failing) == MOST


def test_a_recognised_face_ends_its_row() -> None:
    attempts = Attempts()
    fail(attempts, ANN, SPELLS - 1)
    attempts.succeeded(ANN)
    assert fail(attempts, ANN, SPELLS - 1) == [False] * (SPELLS - 1)


def test_attempts_print_no_face() -> None:
    attempts = Attempts()
    attempts.failed(ANN, 0)
    assert "array" not in f"{attempts!r} {attempts._failing!r}"


def test_guesses_are_few_and_come_back_with_time_or_when_they_led_to_somebody() -> None:
    attempts = Attempts()
    assert [attempts.admit(face, 0) for face in FACES[: GUESSES + 1]] == [True] * GUESSES + [False]
    assert not attempts.admit(ANN, GUESS_EVERY_MS - 1)
    assert attempts.admit(ANN, GUESS_EVERY_MS)
    attempts.unspent()
    assert attempts.admit(ANN, GUESS_EVERY_MS)


def test_a_face_that_failed_leaves_half_of_the_guesses_to_others() -> None:
    attempts = Attempts()
    attempts.failed(ANN, 0)
    assert [attempts.admit(ANN, 1) for _ in range(GUESSES)].count(True) == GUESSES // 2
    assert attempts.admit(BOB, 1)


def test_one_face_alone_never_uses_up_what_the_door_may_spend_on_life() -> None:
    """A portrait of somebody enrolled that hangs in view: nobody else turns their head for it."""
    attempts, now = Attempts(), 0
    for _ in range(200):
        for _ in range(SPELLS):
            assert not attempts.must_prove(now)
            now += 2_500
            attempts.failed(ANN, now, lifeless=True)
        now += PAUSE_MS


def test_what_the_door_admits_in_an_hour_is_less_than_it_was() -> None:
    """Five refusals in 12.5 s, then a pause of 30 s for everybody: 425 an hour, of faces that stay to be refused.

    Beyond the guesses it is asked for a decade more; an answer takes 2.5 s (docs/adr/0011-attempts.md).
    """
    before = 5 * -(-3_600_000 // 42_500)
    spells = 3_600_000 // 2_500
    guesses = GUESSES + 3_600_000 // GUESS_EVERY_MS
    assert before == 425
    assert guesses + (spells - guesses) / 10 <= before
    assert before >= LIVES + 3_600_000 // LIFE_EVERY_MS


@pytest.mark.parametrize("every_ms", [60_000, QUIET_MS + 1_000])
def test_pauses_that_go_on_for_an_hour_are_an_alarm(every_ms: int) -> None:
    attempts, told = Attempts(), []
    for now in range(0, RUN_MS + 2 * every_ms, every_ms):
        fail(attempts, ANN, SPELLS, now)
        told.append(attempts.lasting(now))
    assert told[0] is False
    assert any(told) is (every_ms < QUIET_MS)
    assert not attempts.lasting(RUN_MS + 3 * every_ms + QUIET_MS)
