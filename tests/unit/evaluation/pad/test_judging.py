"""Attempts and approaches of a clip's good frames, by times and figures that are given."""

from pathlib import Path

import numpy as np

from edge.domain.face import Probe
from edge.domain.recognition.decision import DecisionPolicy
from edge.evaluation.pad.judging import Judging, Look

POLICY = DecisionPolicy()
FILM = Path("film.mp4")


def look(at_ms: int, liveness: float, person: int = 0) -> Look:
    return Look(FILM, at_ms, Probe(np.eye(8, dtype=np.float32)[person], "m", liveness, 1.0))


def judged(looks: list[Look], shots: int | None = None) -> Judging:
    judging = Judging("screen", "screen/a", POLICY, lambda _: None)
    for one in looks:
        judging.add(one)
    judging.end(len(looks) if shots is None else shots)
    return judging


def test_nothing_gives_nothing() -> None:
    judging = judged([])
    assert judging.attempts == judging.approaches == []
    assert judging.too_few == 0


def test_frames_that_are_too_few_are_counted_and_not_judged() -> None:
    judging = judged([look(n * 67, 0.99) for n in range(5)], 30)
    assert [(one.at_ms, one.frames) for one in judging.attempts] == [(0, 3)]
    assert judging.too_few == 2
    assert judged([look(0, 0.99)], 30).attempts == []
    assert len(judged([look(0, 0.99)]).attempts) == 1, "a picture alone is an attempt"


def test_a_gap_longer_than_the_span_parts_two_attempts() -> None:
    late = POLICY.span_ms + 1
    judging = judged([look(at, 0.99) for at in (0, 67, 67 + late, 134 + late, 201 + late)])
    assert [(one.at_ms, one.frames) for one in judging.attempts] == [(67 + late, 3)]
    assert judging.too_few == 2


def test_a_sure_face_passes_at_once_and_every_third_frame_answers() -> None:
    judging = judged([look(n * 67, 0.99) for n in range(9)])
    assert [one.verdict.live for one in judging.attempts] == [True] * 3
    assert [(one.at_ms, one.frames, one.verdict.live) for one in judging.approaches] == [
        (0, 3, True), (201, 3, True), (402, 3, True),
    ]  # fmt: skip


def test_an_attack_that_passes_once_has_passed_its_approach() -> None:
    lives = [0.1] * 10 + [0.99] * 3 + [0.1] * 30
    judging = judged([look(n * 67, live) for n, live in enumerate(lives)])
    first = judging.approaches[0]
    assert (first.verdict.live, first.at_ms, first.frames) == (True, 0, 13)
    assert not any(one.verdict.live for one in judging.attempts), "no three frames of one attempt were live"


def test_a_face_that_is_not_sure_is_watched_first() -> None:
    judging = judged([look(n * 67, 0.7) for n in range(30)])
    first = judging.approaches[0]
    assert first.verdict.live
    assert (first.frames - 1) * 67 >= POLICY.unsure_ms > (first.frames - 2) * 67


def test_a_refused_approach_lasts_until_the_terminal_gives_up() -> None:
    judging = judged([look(n * 100, 0.1) for n in range(60)])
    assert [(one.at_ms, one.verdict.live) for one in judging.approaches] == [(0, False), (2_600, False)]
    assert len(judging.attempts) == 20


def test_an_approach_that_breaks_off_before_an_answer_is_not_counted() -> None:
    assert judged([look(n * 100, 0.1) for n in range(10)]).approaches == []


def test_two_people_in_one_place_are_no_agreement() -> None:
    judging = judged([look(n * 67, 0.99, n % 2) for n in range(20)])
    assert judging.approaches == []


def test_long_clips_do_not_fill_the_memory() -> None:
    judging = Judging("screen", "screen/a", POLICY, lambda _: None)
    for n in range(500):
        judging.add(look(n * 67, 0.1))
        assert len(judging._now) + len(judging._spell) < 50
