"""Planes and parallax, on a real face's mesh turned in space and on scenes where what moves is known exactly."""

from dataclasses import replace
from math import cos, radians, sin
from pathlib import Path

import numpy as np
import pytest

from edge.domain.face import Box, Floats, Frame, Pixels, Traces
from edge.domain.pad.motion import planar, rides_along
from edge.domain.pad.verdict import PLANE, SURROUNDINGS
from edge.domain.recognition.quality import QualityLimits
from edge.resources import models_directory
from edge.vision.antispoof import traces
from edge.vision.image import FrameImage
from edge.vision.landmarks import FaceMesh
from edge.vision.manifest import Role
from edge.vision.models import ModelStore
from edge.vision.photo import load_photo
from edge.vision.pipeline import Pipeline

BOX = Box(200, 120, 360, 300)
RNG = np.random.default_rng(7)
WALL = np.kron(RNG.integers(60, 200, (15, 20), dtype=np.uint8), np.ones((8, 8), np.uint8))
PICTURE = np.kron(RNG.integers(30, 220, (22, 20), dtype=np.uint8), np.ones((5, 5), np.uint8))
"""What is held up, with its own background: 110 × 100 pixels of the small picture."""


@pytest.fixture(scope="module")
def head(photos: Path) -> Floats:
    """(468, 3): the mesh of a real face, centred."""
    store = ModelStore(models_directory())
    frame = Frame(load_photo(photos / "obama.jpg"), 0)
    face = Pipeline(store, QualityLimits()).detect(frame)[0]
    points = FaceMesh(store.load(Role.LANDMARKS)).locate(FrameImage(frame.pixels), face).points.astype(np.float64)
    centred = points - points.mean(0)
    return np.asarray(centred * 160 / np.ptp(centred[:, 0]), np.float32)


def seen(shape: Floats, *, yaw: float = 0.0, roll: float = 0.0, shift: float = 0.0, thumb: Pixels = WALL) -> Traces:
    """Through a pinhole 600 mm away, turned by degrees, moved by pixels."""
    a, b = radians(yaw), radians(roll)
    turned = shape @ np.array([[cos(a), 0, -sin(a)], [0, 1, 0], [sin(a), 0, cos(a)]])
    flat = turned[:, :2] * (600 / (600 + turned[:, 2:])) @ np.array([[cos(b), sin(b)], [-sin(b), cos(b)]])
    points = np.asarray(flat + np.array([280 + shift, 210]), np.float32)
    box = Box(BOX.x0 + shift, BOX.y0, BOX.x1 + shift, BOX.y1)
    return Traces(box, points, thumb, 4, np.zeros((64, 64), np.uint8))


def flat(head: Floats) -> Floats:
    return head * np.array([1, 1, 0], np.float32)


@pytest.mark.parametrize("yaw", [-40, -28, 28, 40])
def test_a_print_that_is_tilted_is_a_plane_and_a_head_that_turns_is_not(head: Floats, yaw: float) -> None:
    printed = planar([seen(flat(head)), seen(flat(head), yaw=yaw)])
    real = planar([seen(head), seen(head, yaw=yaw)])
    assert printed is not None
    assert printed > PLANE
    assert real is not None
    assert real < PLANE


def test_what_holds_still_or_moves_within_the_picture_cannot_be_told(head: Floats) -> None:
    assert planar([]) is None
    assert planar([seen(head)]) is None
    assert planar([seen(head), seen(head), seen(head)]) is None
    assert planar([seen(flat(head)), seen(flat(head), roll=12, shift=40)]) is None


def test_the_frame_that_differs_most_is_the_one_that_counts(head: Floats) -> None:
    looks = [seen(flat(head), yaw=25), *[seen(flat(head))] * 5]
    found = planar(looks)
    assert found is not None
    assert found > PLANE


def test_points_that_all_coincide_say_nothing(head: Floats) -> None:
    assert planar([seen(head), seen(np.zeros_like(head))]) is None


def scene(left: int, *, wall: Pixels = WALL) -> Pixels:
    """A wall with something before it, from the small picture's column `left` on."""
    picture = wall.copy()
    picture[5:115, left : left + 100] = PICTURE
    return picture


def test_a_picture_takes_its_surroundings_along(head: Floats) -> None:
    before, now = seen(head, thumb=scene(20)), seen(head, shift=16, thumb=scene(24))
    found = rides_along([before, now])
    assert found is not None
    assert found > SURROUNDINGS


def test_a_wall_stands_still_behind_a_head(head: Floats) -> None:
    found = rides_along([seen(head), seen(head, shift=16)])
    assert found is not None
    assert found < 0


def test_a_shaking_camera_a_blank_wall_and_a_still_face_say_nothing(head: Floats) -> None:
    everything = np.roll(WALL, 4, axis=1)
    assert rides_along([seen(head), seen(head, shift=16, thumb=everything)]) is None
    blank = np.full_like(WALL, 128)
    assert rides_along([seen(head, thumb=blank), seen(head, shift=16, thumb=blank)]) is None
    assert rides_along([seen(head), seen(head, shift=1)]) is None
    assert rides_along([seen(head)]) is None


def test_a_face_that_fills_the_frame_leaves_nothing_to_compare(head: Floats) -> None:
    near = [replace(seen(head, shift=s), box=Box(20 + s, -100, 560 + s, 560)) for s in (0, 16)]
    assert rides_along(near) is None


def test_frames_of_two_sizes_are_not_compared(head: Floats) -> None:
    assert rides_along([seen(head, thumb=WALL[:60]), seen(head, shift=16)]) is None


@pytest.mark.parametrize("size", [(480, 640), (90, 90), (3000, 2000)])
def test_traces_of_any_frame(head: Floats, size: tuple[int, int]) -> None:
    from edge.vision.landmarks import Mesh

    height, width = size
    pixels = RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)
    for box in (Box(0, 0, 85, 88), Box(width - 85, height - 88, width - 1, height - 1)):
        found = traces(FrameImage(pixels), box, Mesh(head, 1.0))
        assert max(found.thumb.shape) <= 320
        assert found.face.shape[0] == found.face.shape[1] <= 128
        assert found.points.shape == (468, 2)
