"""What a lost camera's libraries log: the first opening, and nothing more until frames come again."""

import logging
import os
import sys
from types import ModuleType

import pytest

from edge.adapters import reopening_camera
from edge.adapters.raspberry_pi import library_logs
from edge.adapters.raspberry_pi.camera import PiCamera
from edge.adapters.raspberry_pi.library_logs import CATEGORIES, LEVELS, VARIABLE
from edge.adapters.reopening_camera import RETRIES_S, ReopeningCamera
from edge.errors import CameraError

PICAMERA2 = logging.getLogger("picamera2.picamera2")


@pytest.fixture
def libcamera(monkeypatch) -> dict[str, str]:
    """A stand-in for libcamera's module, and the level of each category."""
    levels = dict.fromkeys(CATEGORIES, "WARN")
    module = ModuleType("libcamera")
    module.log_set_level = levels.__setitem__
    monkeypatch.setitem(sys.modules, "libcamera", module)
    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.delenv(VARIABLE)
    yield levels
    logging.getLogger("picamera2").setLevel(logging.NOTSET)


@pytest.fixture
def noisy(bench, monkeypatch, libcamera) -> type:
    """A camera whose opening makes picamera2 write a line."""
    opens = bench.__init__

    def say_and_open(self, number=0):
        PICAMERA2.error("Camera __init__ sequence did not complete.")
        opens(self, number)

    monkeypatch.setattr(bench, "__init__", say_and_open)
    return bench


def lines(caplog, name: str = "picamera2.picamera2") -> int:
    return len([one for one in caplog.records if one.name == name])


def lose(camera: PiCamera, times: int) -> None:
    for _ in range(times):
        with pytest.raises(CameraError):
            camera.open()


def test_the_first_opening_is_logged_and_its_repetitions_are_not(noisy, libcamera, caplog) -> None:
    noisy.busy = True
    camera = PiCamera()
    lose(camera, 1)
    assert lines(caplog) == 1
    assert set(libcamera.values()) == {"WARN"}
    lose(camera, 50)
    assert lines(caplog) == 1
    assert set(libcamera.values()) == {"FATAL"}
    assert lines(caplog, library_logs.__name__) == 1, "it is said once that they are silent"


def test_with_the_first_frame_everything_is_logged_again(noisy, libcamera, caplog) -> None:
    noisy.busy = True
    camera = PiCamera()
    lose(camera, 5)
    noisy.busy = False
    camera.open()
    assert set(libcamera.values()) == {"FATAL"}, "a camera that opens and gives no frame is still lost"
    assert camera.read(1.0) is not None
    assert set(libcamera.values()) == {"WARN"}
    assert "gives frames again, after 6 openings" in caplog.text
    camera.close()
    camera.open()
    assert lines(caplog) == 2, "the next loss begins with a whole opening"
    camera.close()


def test_a_camera_that_opens_and_stays_silent_is_quiet_too(noisy, libcamera, caplog) -> None:
    camera = PiCamera()
    for _ in range(10):
        camera.open()
        noisy.opened[-1].unplugged = True
        assert camera.read(0.0) is None
        camera.close()
    assert lines(caplog) == 1


def test_a_camera_that_works_changes_no_level(noisy, libcamera, caplog) -> None:
    camera = PiCamera()
    camera.open()
    for _ in range(5):
        assert camera.read(1.0) is not None
    camera.close()
    assert set(libcamera.values()) == {"WARN"}
    assert lines(caplog, library_logs.__name__) == 0
    assert os.environ[VARIABLE] == LEVELS, "before libcamera is loaded, which reads it once"


def test_levels_that_somebody_chose_stay(noisy, libcamera, monkeypatch, caplog) -> None:
    monkeypatch.setenv(VARIABLE, "*:DEBUG")
    noisy.busy = True
    lose(PiCamera(), 5)
    assert set(libcamera.values()) == {"WARN"}
    assert os.environ[VARIABLE] == "*:DEBUG"


def test_a_libcamera_without_the_function_is_no_fault(noisy, libcamera, monkeypatch) -> None:
    monkeypatch.delattr(sys.modules["libcamera"], "log_set_level")
    noisy.busy = True
    lose(PiCamera(), 3)


def test_a_weekend_without_a_camera_is_a_handful_of_lines(noisy, libcamera, monkeypatch, caplog) -> None:
    class Hands:
        now = 100.0

        def monotonic(self) -> float:
            return self.now

        def sleep(self, seconds: float) -> None:
            self.now += seconds

    hands = Hands()
    monkeypatch.setattr(reopening_camera, "time", hands)
    noisy.busy = True
    camera = ReopeningCamera(PiCamera())
    camera.open()
    while hands.now < 100.0 + 200 * RETRIES_S[-1]:
        assert camera.read(0.5) is None
    assert camera.restarts > 150
    assert len(caplog.records) <= 4
