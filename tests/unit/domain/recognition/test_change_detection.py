"""When a frame is worth the search for faces."""

import numpy as np
import pytest

from edge.domain.recognition.change_detection import ChangeDetector, tiles
from tests.support.tolerance import SINGLE

ROOM = np.linspace(60, 200, 480 * 640).reshape(480, 640, 1).repeat(3, axis=2).astype(np.uint8)


def noisy(picture: np.ndarray, seed: int, sigma: float = 5.0) -> np.ndarray:
    grain = np.random.default_rng(seed).normal(0, sigma, picture.shape)
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


def someone(picture: np.ndarray, x: int, side: int = 120) -> np.ndarray:
    with_them = picture.copy()
    with_them[150 : 150 + side, x : x + side] = (190, 150, 130)
    return with_them


def test_an_empty_room_is_searched_twice_a_second_whatever_its_noise() -> None:
    view = ChangeDetector()
    searched = [view.worth_a_search(noisy(ROOM, n), n * 100) for n in range(100)]
    assert searched[0]
    assert sum(searched) == 20


def test_whoever_steps_in_is_searched_for_at_once() -> None:
    view = ChangeDetector()
    assert view.worth_a_search(noisy(ROOM, 0), 0)
    assert not view.worth_a_search(noisy(ROOM, 1), 66)
    assert view.worth_a_search(noisy(someone(ROOM, 300), 2), 133)


def test_a_face_as_small_as_may_punch_is_a_change() -> None:
    view = ChangeDetector()
    view.worth_a_search(ROOM, 0)
    assert view.worth_a_search(someone(ROOM, 410, side=80), 10)


def test_after_a_face_every_frame_is_searched_for_two_seconds() -> None:
    view = ChangeDetector()
    view.worth_a_search(ROOM, 0)
    view.face_seen(0)
    assert all(view.worth_a_search(ROOM, at) for at in range(66, 2_000, 66))
    assert view.worth_a_search(ROOM, 2_000) is False
    assert not view.awake(2_000)


def test_light_that_is_switched_on_costs_one_search() -> None:
    view = ChangeDetector()
    view.worth_a_search(ROOM // 3, 0)
    assert view.worth_a_search(ROOM, 66)
    assert not view.worth_a_search(ROOM, 133)


def test_a_camera_that_changes_its_size_is_searched() -> None:
    view = ChangeDetector()
    view.worth_a_search(ROOM, 0)
    assert view.worth_a_search(ROOM[:240, :320], 66)


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 640, 3), (47, 63, 3), (480, 640, 3), (1079, 1917, 3)])
def test_frames_of_any_size_have_tiles(shape: tuple[int, int, int]) -> None:
    assert np.allclose(tiles(np.full(shape, 77, np.uint8)), 77, atol=SINGLE)
