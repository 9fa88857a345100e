"""Turned, mirrored and cropped as the configuration says, pixel by pixel."""

import numpy as np
import pytest

from edge.adapters.picture_geometry import PictureGeometry, crop_of, part_of, shaped

PICTURE = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
TOP_LEFT, TOP_RIGHT, BOTTOM_LEFT, BOTTOM_RIGHT = (PICTURE[y, x] for y, x in ((0, 0), (0, -1), (-1, 0), (-1, -1)))


@pytest.mark.parametrize(
    ("rotate", "flip", "corner"),
    [
        (0, "none", TOP_LEFT),
        (90, "none", BOTTOM_LEFT),  # clockwise: what was at the lower left comes to the upper left
        (180, "none", BOTTOM_RIGHT),
        (270, "none", TOP_RIGHT),
        (0, "horizontal", TOP_RIGHT),
        (0, "vertical", BOTTOM_LEFT),
        (180, "horizontal", BOTTOM_LEFT),
        (90, "horizontal", TOP_LEFT),
    ],
)
def test_the_upper_left_corner_is_where_it_should_be(rotate: int, flip: str, corner: np.ndarray) -> None:
    turned = PictureGeometry(rotate, flip).turned(PICTURE)
    assert turned.shape == ((4, 6, 3) if rotate % 180 == 0 else (6, 4, 3))
    assert (turned[0, 0] == corner).all()
    assert turned.flags.c_contiguous


def test_a_crop_is_in_per_cent_of_the_picture() -> None:
    assert crop_of("") == (0, 0, 100, 100)
    assert part_of((0, 0, 640, 480), crop_of("25 50 50 50")) == (160, 240, 320, 240)
    assert part_of((16, 24, 4608, 2592), crop_of("")) == (16, 24, 4608, 2592)
    picture = np.zeros((481, 641, 3), np.uint8)
    assert PictureGeometry(crop=crop_of("10 0 33 100")).cropped(picture).shape == (480, 210, 3)


@pytest.mark.parametrize(
    ("part", "size", "expected"),
    [
        ((0, 0, 4608, 2592), (640, 480), (576, 0, 3456, 2592)),
        ((0, 0, 1000, 3000), (640, 480), (0, 1125, 1000, 750)),
        ((100, 50, 640, 480), (640, 480), (100, 50, 640, 480)),
    ],
)
def test_the_shape_of_the_picture_is_kept(part, size, expected) -> None:
    assert shaped(part, size) == expected
