"""The simulator's camera: a page's frames in place of the scene, for as long as they come."""

import numpy as np
import pytest

from edge.adapters.browser.camera import SILENT_S, BrowserCamera
from edge.adapters.replay.scene import Scene
from edge.errors import CameraError

BLUE = np.full((480, 640, 3), (10, 20, 200), np.uint8)


def is_blue(frame) -> bool:
    return frame.pixels[..., 2].mean() > 190 and frame.pixels[..., 0].mean() < 30


@pytest.fixture
def clock():
    return [100.0]


@pytest.fixture
def camera(clock):
    made = BrowserCamera(Scene(), fps=200, now_s=lambda: clock[0])
    made.open()
    yield made
    made.close()


def test_the_scene_is_filmed_until_a_page_sends_and_again_when_it_is_silent(camera, clock) -> None:
    assert not is_blue(camera.read(5))
    camera.offer(BLUE.copy())
    assert is_blue(camera.read(5))
    clock[0] += SILENT_S / 2
    assert camera.read(0.01) is None, "a page that is late is not replaced at once"
    clock[0] += SILENT_S
    assert not is_blue(camera.read(5))


def test_a_page_that_ends_its_webcam_gives_the_scene_back_at_once(camera) -> None:
    camera.offer(BLUE.copy())
    camera.end_offers()
    assert not is_blue(camera.read(5))


def test_of_several_frames_the_newest_is_read_once(camera) -> None:
    for blue in (10, 20, 250):
        camera.offer(np.full((480, 640, 3), (0, 0, blue), np.uint8))
    assert camera.read(5).pixels[0, 0, 2] == 250
    assert camera.read(0.01) is None


def test_an_unplugged_camera_gives_no_frame_of_a_page_either() -> None:
    scene = Scene()
    camera = BrowserCamera(scene, fps=200)
    camera.open()
    scene.stall(True)
    camera.offer(BLUE.copy())
    assert camera.read(0.01) is None
    scene.stall(False)
    assert is_blue(camera.read(5))
    camera.close()


def test_a_frame_that_is_offered_to_a_closed_camera_is_not_read_later(camera) -> None:
    camera.close()
    camera.offer(BLUE.copy())
    with pytest.raises(CameraError, match="not open"):
        camera.read(0.01)
    camera.open()
    assert camera.read(0.01) is None
