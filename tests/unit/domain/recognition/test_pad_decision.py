"""The layers where a decision is made: who is recognised but moves as a print, or shows a grid, is refused."""

from dataclasses import replace

import numpy as np
import pytest

from edge.domain.face import Box, Probe, Reflection, Sight, StrobeFinding, Traces
from edge.domain.pad.verdict import Layer, Vote, pad_verdict
from edge.domain.recognition.decision import Accepted, Decider, DecisionPolicy, Outcome
from edge.domain.recognition.gallery import Gallery

BOX = Box(240, 160, 400, 320)
ADA = np.eye(1, 8, dtype=np.float32)[0]
GALLERY = Gallery.of("a-model", [("ada", ADA[None])])
NOISE = np.random.default_rng(5).integers(90, 110, (128, 128)).astype(np.uint8)
STEP_MS = 66


def traces(squeeze: float = 1.0, face: "np.ndarray" = NOISE) -> Traces:
    """A flat face, narrower by `squeeze` as when its print is turned away."""
    x, y = np.meshgrid(np.linspace(-76, 76, 26), np.linspace(-76, 76, 18))
    points = np.stack([320 + x.ravel() * squeeze, 240 + y.ravel()], 1).astype(np.float32)
    return Traces(BOX, points, np.full((120, 160), 128, np.uint8), 4, face)


def grid() -> "np.ndarray":
    y, x = np.mgrid[0:128, 0:128]
    return (NOISE * (1 + 0.1 * np.cos(2 * np.pi * (0.21 * x + 0.13 * y)))).astype(np.uint8)


def sight(found: Traces | None, liveness: float = 0.99) -> Sight:
    return Sight(0, BOX, None, Probe(ADA, "a-model", liveness, 0.9, traces=found))


def play(sights: list[Sight], policy: DecisionPolicy = DecisionPolicy()) -> list[Outcome]:  # noqa: B008
    decider, outcomes = Decider(policy), []
    for number, one in enumerate(sights):
        outcome = decider.observe(replace(one, captured_ns=number * STEP_MS * 1_000_000), GALLERY, 0.5)
        outcomes += [] if outcome is None else [outcome]
    return outcomes


def accepted(outcomes: list[Outcome]) -> bool:
    return any(isinstance(outcome, Accepted) for outcome in outcomes)


def test_a_still_face_is_accepted_with_the_layers_of_motion_abstaining() -> None:
    assert accepted(play([sight(traces())] * 5))
    verdict = pad_verdict([sight(traces()).probe] * 3)
    assert verdict.live
    assert verdict.opinions[Layer.PLANE].vote is Vote.ABSTAIN
    assert verdict.opinions[Layer.GRID].vote is Vote.LIVE


def test_a_print_that_was_tilted_before_the_frames_that_agree_is_refused() -> None:
    # The first two frames are not enough for a decision, and the print is straight again in the third.
    outcomes = play([sight(traces(0.85))] * 2 + [sight(traces())] * 20)
    assert not accepted(outcomes)


def test_a_grid_in_the_face_is_refused_and_looks_like_a_stranger() -> None:
    outcomes = play([sight(traces(face=grid()))] * 60)
    assert not accepted(outcomes)
    assert [str(outcome.reason) for outcome in outcomes] == ["not-recognised"]


def test_one_sure_layer_outweighs_a_perfect_texture() -> None:
    verdict = pad_verdict([sight(traces(face=grid()), 1.0).probe] * 3)
    assert verdict.opinions[Layer.TEXTURE].vote is Vote.LIVE
    assert (verdict.live, verdict.liveness) == (False, 0.0)


def test_layers_that_see_life_never_lift_a_bad_texture() -> None:
    assert not pad_verdict([sight(traces(), 0.1).probe] * 3).live


def test_a_mesh_that_is_no_number_is_not_alive() -> None:
    broken = traces()
    broken.points[5] = np.nan
    assert not pad_verdict([sight(broken).probe] * 3).live
    assert not pad_verdict([sight(traces()).probe], [sight(broken).probe, sight(traces()).probe]).live


FACE, PRINT = Reflection(StrobeFinding.FACE, 0.7), Reflection(StrobeFinding.PRINT, 1.1)
NOTHING, UNKNOWN = Reflection(StrobeFinding.NOTHING, None), Reflection(StrobeFinding.FACE, float("nan"))


def flashed(*found: Reflection | None) -> list[Sight]:
    return [sight(replace(traces(), strobe=one)) for one in found]


@pytest.mark.parametrize(
    ("found", "vote"),
    [
        ([None], Vote.ABSTAIN),
        ([NOTHING], Vote.ABSTAIN),
        ([FACE], Vote.LIVE),
        ([NOTHING, FACE], Vote.LIVE),
        ([PRINT], Vote.ATTACK),
        ([PRINT, FACE], Vote.ATTACK),
        ([FACE, NOTHING, PRINT], Vote.ATTACK),
        ([UNKNOWN], Vote.ATTACK),
        ([FACE, UNKNOWN, FACE], Vote.ATTACK),
    ],
)
def test_a_flash_may_refuse_and_never_admits(found: list[Reflection | None], vote: Vote) -> None:
    verdict = pad_verdict([one.probe for one in flashed(*found)])
    assert verdict.opinions[Layer.STROBE].vote is vote
    assert verdict.live == (vote is not Vote.ATTACK)
    fake = [replace(one.probe, liveness=0.1) for one in flashed(*found)]
    assert not pad_verdict(fake).live


def test_with_a_strobe_nobody_is_accepted_before_a_flash_showed_something() -> None:
    policy = DecisionPolicy(strobe=True)
    dark, shown = flashed(None), flashed(NOTHING)
    assert not accepted(play(dark * 30, policy))
    assert accepted(play(dark * 2 + shown, policy))
    assert accepted(play(shown + dark * 2, policy))
    assert accepted(play(dark * 3)), "without a strobe nobody waits for one"
    assert not accepted(play(shown + [replace(one, box=None) for one in dark * 20] + dark * 3, policy)), (
        "of another approach"
    )


def test_a_flash_counts_for_the_face_that_it_lit_and_for_no_other() -> None:
    stranger = flashed(FACE)[0]
    assert stranger.probe is not None
    other = np.roll(stranger.probe.embedding, 1)
    stranger = replace(stranger, probe=replace(stranger.probe, embedding=other))
    assert not accepted(play([stranger, *flashed(None) * 3], DecisionPolicy(strobe=True)))
    assert accepted(play([*flashed(FACE), *flashed(None) * 3], DecisionPolicy(strobe=True)))


@pytest.mark.parametrize(("liveness", "frames"), [(0.95, 3), (0.8, 12)])
def test_an_unsure_texture_is_watched_longer(liveness: float, frames: int) -> None:
    assert 11 * STEP_MS >= DecisionPolicy().unsure_ms > 10 * STEP_MS
    assert not accepted(play([sight(traces(), liveness)] * (frames - 1)))
    assert accepted(play([sight(traces(), liveness)] * frames))
