"""Edges around a face, drawn: a display's sides pass the shoulders, a door's end at them."""

from math import isnan, nan

import numpy as np
import pytest

from edge.domain.face import Box, Pixels, Traces
from edge.domain.pad.enclosure import enclosed

STEP, WIDTH, HEIGHT = 4, 160, 120
BOX = Box(280, 140, 380, 240)
"""Of the face: 25 pixels of the small picture wide, its middle in column 82 and row 47, its chin in row 60."""
CHIN, MIDDLE, ACROSS = 60, 82, 25


def seen(picture: np.ndarray, box: Box = BOX) -> Traces:
    thumb: Pixels = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    return Traces(box, np.zeros((468, 2), np.float32), thumb, STEP, np.zeros((8, 8), np.uint8))


def room(seed: int = 3, level: float = 120) -> np.ndarray:
    return level + np.random.default_rng(seed).normal(0, 3, (HEIGHT, WIDTH))


def side(picture: np.ndarray, column: float, slant: float = 0, rows: slice = slice(None), step: float = 60) -> None:
    """Everything to the right of a line becomes lighter."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    right = x > column + slant * (y - HEIGHT / 2)
    picture[rows] += step * right[rows]


def display(away: float = 1.2, slant: float = 0, step: float = 60) -> Traces:
    picture = room()
    side(picture, MIDDLE - away * ACROSS, slant, step=step)
    side(picture, MIDDLE + away * ACROSS, slant, step=-step)
    return seen(picture)


@pytest.mark.parametrize("away", [0.7, 1.2, 2.0])
def test_both_sides_of_a_display_enclose_the_face(away: float) -> None:
    assert enclosed(display(away)) > 0.7


@pytest.mark.parametrize("slant", [-0.16, -0.07, 0.1])
def test_a_display_may_be_tilted(slant: float) -> None:
    assert enclosed(display(slant=slant)) > 0.55


def test_a_faint_edge_counts_less() -> None:
    assert enclosed(display(step=12)) < enclosed(display(step=60))


def test_a_room_without_edges_encloses_nothing() -> None:
    assert enclosed(seen(room())) < 0.3


def test_one_side_alone_encloses_nothing() -> None:
    picture = room()
    side(picture, MIDDLE + 1.2 * ACROSS)
    assert enclosed(seen(picture)) < 0.3


def test_door_posts_that_end_at_the_shoulders_enclose_nothing() -> None:
    picture = room()
    behind = slice(0, CHIN + 2)
    side(picture, MIDDLE - 1.2 * ACROSS, rows=behind)
    side(picture, MIDDLE + 1.2 * ACROSS, rows=behind, step=-60)
    assert enclosed(seen(picture)) < 0.3


def test_edges_further_away_than_a_display_are_not_looked_at() -> None:
    assert enclosed(display(away=3.0)) < 0.3


def test_an_edge_is_one_line_with_one_direction() -> None:
    """Bright above and dark below: what a trouser leg is under a door frame."""
    picture = room()
    for away in (-1.2, 1.2):
        side(picture, MIDDLE + away * ACROSS, rows=slice(0, CHIN + 2))
        side(picture, MIDDLE + away * ACROSS, rows=slice(CHIN + 2, None), step=-60)
    assert enclosed(seen(picture)) < 0.3


def test_a_face_that_fills_the_frame_to_its_end_says_nothing() -> None:
    assert enclosed(seen(room(), Box(200, 200, 440, 470))) is None


def test_a_face_at_the_side_has_one_side_out_of_view() -> None:
    picture = room()
    side(picture, 40)
    assert enclosed(seen(picture, Box(10, 140, 110, 240))) == 0


@pytest.mark.parametrize("box", [Box(nan, 140, 380, 240), Box(280, 140, 280, 240), Box(280, 240, 380, 140)])
def test_a_box_without_a_size_is_no_measure(box: Box) -> None:
    found = enclosed(seen(room(), box))
    assert found is not None
    assert isnan(found)
