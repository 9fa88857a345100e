"""From frames to decisions, with embeddings made by hand: who is who is known exactly."""

from collections.abc import Iterable, Sequence

import numpy as np
import pytest

from edge.domain.face import Box, Floats, Probe, Sight
from edge.domain.recognition.approach import fuse
from edge.domain.recognition.attempts import LIFE_EVERY_MS, LIVES, PAUSE_MS, SPELLS, Attempts
from edge.domain.recognition.decision import Accepted, Decider, DecisionPolicy, Outcome, Refused
from edge.domain.recognition.gallery import Gallery
from edge.domain.vocabulary import RefusalReason
from tests.support.tolerance import SINGLE

MODEL = "embedder-a"
POLICY = DecisionPolicy()
THRESHOLD = 0.5
STEP_MS = 66
HERE, THERE = Box(200, 100, 380, 320), Box(20, 100, 120, 230)


def unit(*values: float) -> Floats:
    vector = np.array([*values, *([0.0] * (8 - len(values)))], np.float32)
    return vector / np.float32(np.linalg.norm(vector))


ADA, BEN, STRANGER, BETWEEN = unit(1), unit(0, 1), unit(0, 0, 1), unit(1, 0.95)
GALLERY = Gallery.of(MODEL, [("ada", ADA[None]), ("ben", BEN[None])])


def good(embedding: Floats, liveness: float = 0.99, box: Box = HERE) -> Sight:
    return Sight(0, box, None, Probe(embedding, MODEL, liveness, 0.9))


def poor(reason: RefusalReason) -> Sight:
    return Sight(0, HERE, reason)


NOBODY = Sight(0)


def play(decider: Decider, sights: Iterable[Sight], start_ms: int = 1_000) -> tuple[list[Outcome], int]:
    outcomes, now = [], start_ms
    for sight in sights:
        stamped = Sight(now * 1_000_000, sight.box, sight.reason, sight.probe)
        outcome = decider.observe(stamped, GALLERY, THRESHOLD)
        outcomes += [] if outcome is None else [outcome]
        now += STEP_MS
    return outcomes, now


def people(outcomes: Sequence[Outcome]) -> list[str]:
    return [outcome.person if isinstance(outcome, Accepted) else str(outcome.reason) for outcome in outcomes]


def test_three_agreeing_frames_accept_and_two_do_not() -> None:
    assert play(Decider(POLICY), [good(ADA)] * 2)[0] == []
    assert people(play(Decider(POLICY), [good(ADA)] * 3)[0]) == ["ada"]


def test_who_lingers_is_punched_once() -> None:
    assert people(play(Decider(POLICY), [good(ADA)] * 200)[0]) == ["ada"]


def test_who_leaves_and_returns_is_punched_again() -> None:
    sights = [good(ADA)] * 5 + [NOBODY] * 15 + [good(ADA)] * 5
    assert people(play(Decider(POLICY), sights)[0]) == ["ada", "ada"]


def test_a_blink_of_the_detector_is_not_a_return() -> None:
    sights = [good(ADA)] * 5 + [NOBODY] * 3 + [good(ADA)] * 5
    assert people(play(Decider(POLICY), sights)[0]) == ["ada"]


def test_the_next_in_the_queue_is_seen_at_once() -> None:
    sights = [good(ADA)] * 5 + [good(BEN)] * 5
    assert people(play(Decider(POLICY), sights)[0]) == ["ada", "ben"]


def test_a_face_that_jumps_is_someone_else_and_mixes_with_nobody() -> None:
    assert play(Decider(POLICY), [good(ADA)] * 2 + [good(ADA, box=THERE)] * 2)[0] == []


def test_a_stranger_is_refused_and_only_after_a_while() -> None:
    frames = POLICY.give_up_ms // STEP_MS
    assert play(Decider(POLICY), [good(STRANGER)] * frames)[0] == []
    assert people(play(Decider(POLICY), [good(STRANGER)] * (frames + 2))[0]) == ["not-recognised"]


@pytest.mark.parametrize("failed_before", [0, SPELLS - 1])
def test_whoever_steps_in_is_not_told_what_the_one_before_was_to_be_told(failed_before: int) -> None:
    """At the frame at which the stranger's spell ends, or their pause begins, somebody else stands there."""
    for frames in range(30, 45):
        attempts = Attempts()
        for _ in range(failed_before):
            attempts.failed(STRANGER, 1_000)
        decider = Decider(POLICY, attempts)
        before, now_ms = play(decider, [good(STRANGER)] * frames)
        assert people(before) in ([], ["paused" if failed_before else "not-recognised"])
        after, _ = play(decider, [good(BEN)] * 10, now_ms)
        assert people(after) == ["ben"], frames


def test_a_spell_ends_whatever_single_frames_show_in_between() -> None:
    """Another face in some frames does not lengthen it by more than these frames."""
    sights = [good(BEN) if number % 4 == 3 else good(STRANGER) for number in range(60)]
    assert people(play(Decider(POLICY), sights)[0]) == ["not-recognised"]


def test_frames_that_disagree_accept_nobody() -> None:
    assert "ada" not in people(play(Decider(POLICY), [good(ADA), good(BEN)] * 30)[0])


def test_a_face_between_two_people_is_nobody_without_a_margin() -> None:
    outcomes = people(play(Decider(POLICY), [good(BETWEEN)] * 60)[0])
    assert outcomes == ["not-recognised"]


@pytest.mark.parametrize("liveness", [0.0, 0.3, float("nan"), float("inf"), -1.0])
def test_a_photograph_of_ada_is_refused_as_a_stranger_is(liveness: float) -> None:
    assert people(play(Decider(POLICY), [good(ADA, liveness)] * 60)[0]) == ["not-recognised"]


def test_one_frame_without_life_among_the_agreeing_ones_refuses() -> None:
    assert play(Decider(POLICY), [good(ADA), good(ADA, 0.01), good(ADA)])[0] == []


def test_advice_comes_after_a_while_and_is_not_nagging() -> None:
    outcomes, _ = play(Decider(POLICY), [poor(RefusalReason.BLURRED)] * (4_500 // STEP_MS))
    assert people(outcomes) == ["blurred", "blurred"]


def test_the_advice_is_the_commonest_reason() -> None:
    sights = [poor(RefusalReason.DARK), poor(RefusalReason.TURNED), poor(RefusalReason.DARK)] * 10
    assert people(play(Decider(POLICY), sights)[0])[0] == "dark"


def test_poor_frames_between_good_ones_do_not_hold_up_acceptance() -> None:
    sights = [good(ADA), poor(RefusalReason.BLURRED), good(ADA), poor(RefusalReason.BLURRED), good(ADA)]
    assert people(play(Decider(POLICY), sights)[0]) == ["ada"]


def test_no_advice_for_who_has_been_accepted() -> None:
    sights = [good(ADA)] * 3 + [poor(RefusalReason.TURNED)] * 60
    assert people(play(Decider(POLICY), sights)[0]) == ["ada"]


def test_old_frames_do_not_count() -> None:
    decider = Decider(POLICY)
    _, now = play(decider, [good(ADA)] * 2)
    assert play(decider, [good(ADA)] * 2, now + POLICY.span_ms)[0] == []


def test_an_empty_gallery_knows_nobody() -> None:
    decider = Decider(POLICY)
    sights = [Sight(i * STEP_MS * 1_000_000, HERE, None, good(ADA).probe) for i in range(60)]
    outcomes = [decider.observe(sight, Gallery.empty(MODEL), THRESHOLD) for sight in sights]
    assert [o for o in outcomes if o is not None] == [Refused(RefusalReason.NOT_RECOGNISED)]


def test_present_says_who_has_had_no_answer_yet() -> None:
    decider = Decider(POLICY)
    assert not decider.present
    play(decider, [good(ADA)])
    assert decider.present
    play(decider, [good(ADA)] * 3, 1_100)
    assert not decider.present


def test_more_is_asked_of_a_strong_face_and_less_of_a_weak_one() -> None:
    near = unit(1, 1.7)  # cosine 0.507 with ada, 0.862 with ben
    just = Gallery.of(MODEL, [("ada", ADA[None])])
    for demand, taken in ((0.0, True), (0.01, False), (-0.025, True)):
        probe = Probe(near, MODEL, 0.99, 0.9, demand)
        decider = Decider(POLICY)
        outcomes = [decider.observe(Sight(i * STEP_MS * 1_000_000, HERE, None, probe), just, 0.5) for i in range(3)]
        assert isinstance(outcomes[-1], Accepted) is taken
    assert fuse([Probe(ADA, MODEL, 1, 1, 0.02), Probe(ADA, MODEL, 1, 1, 0.0)]).demand == pytest.approx(
        0.01, abs=SINGLE
    )


def test_fusing_probes_of_two_models_is_an_error() -> None:
    with pytest.raises(ValueError, match="different models"):
        fuse([Probe(ADA, "a", 1, 1), Probe(ADA, "b", 1, 1)])


def test_one_approach_is_one_attempt_and_has_one_answer() -> None:
    """Five refusals of one standing face paused faces for everybody."""
    decider = Decider(POLICY)
    assert people(play(decider, [good(STRANGER)] * (12_000 // STEP_MS))[0]) == ["not-recognised"]


def test_who_stays_is_paused_and_told_so_once_and_nobody_else_waits() -> None:
    attempts = Attempts()
    decider = Decider(POLICY, attempts)
    outcomes, now = play(decider, [good(STRANGER)] * (100_000 // STEP_MS))
    assert people(outcomes) == ["not-recognised", "paused"]
    assert attempts.pauses == 2
    came, _ = play(decider, [good(ADA)] * 5, now)
    assert people(came) == ["ada"], "in the same place, without a gap: five frames"


def test_a_stranger_who_comes_again_and_again_is_paused_alone() -> None:
    attempts = Attempts()
    decider = Decider(POLICY, attempts)
    visit = [good(STRANGER)] * 40 + [NOBODY] * 12
    outcomes, now = play(decider, visit * 6)
    assert people(outcomes) == ["not-recognised"] * 4 + ["paused"] * 2
    outcomes, now = play(decider, [*([good(ADA)] * 4), *([NOBODY] * 12), *([good(STRANGER)] * 10)], now)
    assert people(outcomes) == ["ada", "paused"]
    outcomes, now = play(decider, [NOBODY] * 12, now + PAUSE_MS)
    assert people(play(decider, [good(STRANGER)] * 40, now)[0]) == ["not-recognised"], "forgotten after the pause"


def test_who_leaves_before_the_answer_has_tried_all_the_same() -> None:
    attempts = Attempts()
    decider = Decider(POLICY, attempts)
    outcomes, _ = play(decider, ([good(STRANGER)] * 4 + [NOBODY] * 12) * 6)
    assert people(outcomes) == ["paused"]
    assert attempts.pauses == 1


def test_who_was_refused_and_stays_is_let_in_if_surely_recognised() -> None:
    beyond = Attempts().beyond
    for cosine, taken in ((THRESHOLD + beyond / 2, []), (THRESHOLD + 2 * beyond, ["ada"])):
        decider = Decider(POLICY)
        _, now = play(decider, [good(ADA, 0.1)] * 40)
        face = unit(cosine, 0, (1 - cosine**2) ** 0.5)
        assert people(play(decider, [good(face)] * 5, now)[0]) == taken


def test_who_did_not_show_themselves_long_enough_was_not_tried() -> None:
    attempts = Attempts()
    decider = Decider(POLICY, attempts)
    outcomes, now = play(decider, [good(STRANGER), *[poor(RefusalReason.TURNED)] * 45, good(STRANGER)])
    assert "not-recognised" in people(outcomes)
    near = unit(THRESHOLD + 0.01, 0, 0.85)
    assert people(play(decider, [good(near)] * 5, now)[0]) == ["ada"], "at the usual threshold"


def test_after_many_lifeless_faces_who_is_recognised_must_prove_it() -> None:
    attempts = Attempts()
    decider = Decider(POLICY, attempts)
    now = 1_000
    for turn in range(LIVES):
        photograph = unit(1, 0, 0, *([0.0] * (turn % 5)), 0.4)
        _, now = play(decider, [good(photograph, 0.1)] * 4 + [NOBODY] * 12, now)
    (outcome,), now = play(decider, [good(BEN)] * 3, now)
    assert isinstance(outcome, Accepted)
    assert outcome.prove
    _, now = play(decider, [NOBODY] * 12, now + LIFE_EVERY_MS)
    (outcome,), _ = play(decider, [good(BEN)] * 3, now)
    assert isinstance(outcome, Accepted)
    assert not outcome.prove


def portrait_held_up(decider: Decider) -> int:
    """A picture of Ada that failed so often that it is paused; now."""
    portrait = unit(0.7, 0, 0.714)
    outcomes, now = play(decider, [good(portrait, 0.1)] * (14_000 // STEP_MS))
    assert people(outcomes) == ["not-recognised", "paused"]
    return play(decider, [NOBODY] * 12, now)[1]


@pytest.mark.parametrize("cosine", [0.7, 0.8])
def test_whom_a_picture_shows_does_not_wait_for_it_and_turns_their_head(cosine: float) -> None:
    """It was made today, and is more like her than the template of last year."""
    decider = Decider(POLICY, Attempts())
    now = portrait_held_up(decider)
    today = unit(cosine, 0, (1 - cosine**2) ** 0.5)
    assert float(today @ unit(0.7, 0, 0.714)) > cosine
    assert decider.present is False
    outcomes, now = play(decider, [good(today)] * 40, now)
    assert people(outcomes) == ["ada"], "within three frames, and once"
    assert isinstance(outcomes[0], Accepted)
    assert outcomes[0].prove
    decider.confirm()
    _, now = play(decider, [NOBODY] * 12, now)
    (again,), _ = play(decider, [good(today)] * 3, now)
    assert isinstance(again, Accepted)
    assert not again.prove, "who proved it ends the picture's row"


def test_a_picture_that_is_paused_is_told_so_once_and_costs_nobody_anything() -> None:
    attempts = Attempts()
    decider = Decider(POLICY, attempts)
    now = portrait_held_up(decider)
    spent = attempts._lives.left(now), attempts._guesses.left(now)
    for _ in range(3):
        outcomes, now = play(decider, [good(unit(0.7, 0, 0.714), 0.1)] * 60, now)
        assert people(outcomes) == ["paused"]
        _, now = play(decider, [NOBODY] * 12, now)
    assert attempts.pauses == 1
    assert attempts._lives.left(now) >= spent[0]
    assert attempts._guesses.left(now) >= spent[1]


def test_while_a_picture_is_paused_only_who_is_surely_recognised_is_asked_to_turn() -> None:
    decider = Decider(POLICY, Attempts())
    now = portrait_held_up(decider)
    cosine = THRESHOLD + Attempts().beyond / 2
    near = unit(cosine, 0, (1 - cosine**2) ** 0.5)
    assert people(play(decider, [good(near)] * 60, now)[0]) == ["paused"]


def test_somebody_who_was_like_nobody_waits_however_alive_they_are() -> None:
    decider = Decider(POLICY, Attempts())
    _, now = play(decider, [good(STRANGER)] * (14_000 // STEP_MS))
    assert people(play(decider, [NOBODY] * 12 + [good(unit(0.6, 0, 0.8))] * 9, now)[0]) == ["paused"]
