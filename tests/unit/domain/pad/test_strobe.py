"""Heads, prints and displays under a lamp, drawn by the laws that the limits come from (`strobe_scene.py`)."""

import numpy as np
import pytest

from edge.domain.face import Box, Reflection, StrobeFinding
from edge.domain.pad import strobe
from edge.domain.pad.strobe import AROUND, FLAT, patch, reflection
from tests.support.strobe_scene import LAMP, View, display, filmed, flat, head


def lit(view: View, power: float = 1.0, *, lamp: np.ndarray = LAMP, change: object = 1.0) -> Reflection | None:
    """One flash; `change` multiplies the room's light after it."""
    room = view.room()
    pictures = (room, room + power * view.lamp(lamp), room * change)
    before, during, after = (patch(filmed(light, seed=seed), view.face) for seed, light in enumerate(pictures))
    return reflection(before, during, after)


def finding(*arguments: object, **words: object) -> StrobeFinding:
    found = lit(*arguments, **words)
    assert found is not None
    assert (found.suspicion is None) == (found.finding in {StrobeFinding.NOTHING, StrobeFinding.BURNT})
    return found.finding


@pytest.mark.parametrize("away", [0.35, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("depth", [0.6, 0.9, 1.2])
@pytest.mark.parametrize("yaw", [0, 30])
def test_a_head_is_a_face_and_keeps_away_from_the_limit(away: float, depth: float, yaw: float) -> None:
    found = lit(head(away, depth=depth, yaw=yaw))
    assert found is not None
    assert found.finding is StrobeFinding.FACE
    assert found.suspicion is not None
    assert found.suspicion < 0.92


@pytest.mark.parametrize("behind", [0.25, 0.4, 1.0, 3.0])
def test_a_wall_behind_a_head_may_be_near(behind: float) -> None:
    assert finding(head(0.5, wall=0.5 + behind)) is StrobeFinding.FACE


@pytest.mark.parametrize("lamp", [(0.0, 0.0), (0.1, 0.0), (-0.1, 0.03), (0.0, 0.08), (0.0, -0.08)])
def test_the_lamp_may_be_anywhere_near_the_camera(lamp: tuple[float, float]) -> None:
    beside = np.array([*lamp, 0.0])
    assert finding(head(0.4), lamp=beside) is StrobeFinding.FACE
    assert finding(flat(head(0.4), 0.4), lamp=beside) is StrobeFinding.PRINT


@pytest.mark.parametrize("away", [0.4, 0.5, 0.7])
@pytest.mark.parametrize("tilt", [0, 20, -35])
def test_a_print_in_ink_that_is_clear_in_infrared_is_flat(away: float, tilt: float) -> None:
    found = lit(flat(head(0.5), away, tilt=tilt))
    assert found is not None
    assert found.finding is StrobeFinding.PRINT
    assert found.suspicion is not None
    assert found.suspicion > 1.08


@pytest.mark.parametrize("tilt", [0, 10, -10])
def test_a_print_in_toner_has_its_background_beside_it(tilt: float) -> None:
    found = lit(flat(head(0.5), 0.4, tilt=tilt, toner=True))
    assert found is not None
    assert found.finding is StrobeFinding.PRINT
    assert found.suspicion is not None
    assert found.suspicion > 1.0 / AROUND - 0.1


def test_a_print_cut_around_the_face_is_flat_alone() -> None:
    assert finding(flat(head(0.5), 0.4, half=0.07), 0.5) is StrobeFinding.PRINT


@pytest.mark.parametrize("half", [0.07, 0.09, 0.11])
def test_a_display_returns_less_than_what_is_around_it(half: float) -> None:
    assert finding(display(head(0.5), half=half)) is StrobeFinding.SCREEN


def test_a_display_that_fills_the_view_shows_by_the_lamps_image_alone() -> None:
    whole = head(0.5)
    assert finding(display(whole, half=None, spot=True)) is StrobeFinding.SCREEN
    assert finding(display(whole, half=None)) is StrobeFinding.NOTHING, "it looks as an infrared filter does"


@pytest.mark.parametrize("view", [head(), flat(head())])
def test_nothing_can_be_said_without_a_difference_or_with_too_much(view: View) -> None:
    assert finding(view, 0.0) is StrobeFinding.NOTHING
    assert finding(view, 0.02) is StrobeFinding.NOTHING, "a bright day"
    assert finding(view, 20.0) is StrobeFinding.BURNT


def test_the_automatic_exposure_may_take_a_step() -> None:
    assert finding(head(), change=0.93) is StrobeFinding.FACE
    assert finding(flat(head()), change=0.93) is StrobeFinding.PRINT


def test_a_room_whose_light_changed_is_no_measure() -> None:
    assert lit(head(), change=0.7) is None
    side = np.ones((480, 640))
    side[:, :320] = 1.4
    assert lit(head(), change=side) is None
    face = np.ones((480, 640))
    face[160:320, 240:400] = 0.8
    assert lit(head(), change=face) is None, "the face alone"


def test_a_face_that_moved_is_no_measure() -> None:
    box = Box(100, 100, 200, 200)
    assert not strobe.moved(box, Box(114, 95, 214, 195))
    assert strobe.moved(box, Box(116, 100, 216, 200))
    assert strobe.moved(box, Box(100, 100, 216, 216)), "it came nearer"
    assert strobe.moved(box, Box(float("nan"), 100, 200, 200))


@pytest.mark.parametrize("made", [head, lambda away, shift: flat(head(away, shift=shift), 0.45)])
@pytest.mark.parametrize("way", [0.005, 0.02])
def test_a_small_motion_between_the_frames_changes_nothing(made: object, way: float) -> None:
    """The wall behind a head stays, a print's does not."""
    first, during, last = (made(0.5, shift=shift) for shift in (0, way / 2, way))
    assert not strobe.moved(first.face, last.face)
    middle = strobe.between(first.face, last.face, 0.5)
    found = reflection(
        patch(filmed(first.room()), first.face),
        patch(filmed(during.room() + during.lamp()), middle),
        patch(filmed(last.room()), last.face),
    )
    assert found is not None
    assert found.finding is (StrobeFinding.FACE if made is head else StrobeFinding.PRINT)


def test_a_box_between_two_boxes_is_interpolated() -> None:
    assert strobe.between(Box(0, 0, 10, 10), Box(4, 8, 14, 18), 0.25) == Box(1, 2, 11, 12)


def test_what_returns_nothing_between_its_cheeks_is_no_face() -> None:
    view = head(0.5)
    x, y = map(round, view.face.centre)
    view.infrared[y - 20 : y + 40, x - 26 : x + 26] = 0.0
    found = lit(view, 0.5)
    assert found is not None
    assert found.finding is not StrobeFinding.FACE


def test_a_face_at_the_frames_edge_is_compared_as_far_as_it_is_seen() -> None:
    near_the_edge = head(0.5, shift=0.22)
    assert finding(near_the_edge) is StrobeFinding.FACE
    assert finding(flat(near_the_edge, 0.4)) is StrobeFinding.PRINT


def test_a_patch_is_the_mean_light_of_each_place() -> None:
    frame = np.full((480, 640, 3), 128, np.uint8)
    frame[:, 320:] = 255
    seen = patch(frame, Box(270, 190, 370, 290))
    assert seen.light.shape == (32, 32)
    assert seen.light[:, 0] == pytest.approx((128 / 255) ** 2.2, abs=1e-3)
    assert seen.light[:, -1] == pytest.approx(1.0, abs=1e-3)
    assert (seen.burnt[:, :16].max(), seen.burnt[:, 17:].min()) == (0, 1)
    beyond = patch(frame, Box(-50, 190, 50, 290))
    assert np.isnan(beyond.light[:, :14]).all()
    assert np.isfinite(beyond.light[:, 17:]).all()


def test_what_the_models_card_says_was_computed() -> None:
    """The extremes: the flattest and the deepest head, a white plane that is tilted most, a print in toner."""

    def sides(view: View) -> float:
        found = lit(view)
        assert found is not None
        assert found.suspicion is not None
        return found.suspicion * FLAT

    assert 0.76 <= sides(head(0.9, depth=0.6, yaw=30)) <= 0.785
    assert 0.505 <= sides(head(0.35, depth=1.2)) <= 0.53
    assert 0.97 <= sides(flat(head(0.5), 0.6, tilt=35, half=0.09)) <= 1.0
    assert 0.85 <= sides(flat(head(0.5), 0.6, tilt=10, toner=True, half=0.09)) <= 0.875
