"""What is particular to the Pi's camera, on a stand-in for picamera2."""

import sys
import time

import numpy as np
import pytest

from edge.adapters import frame_times
from edge.adapters.picture_geometry import PictureGeometry
from edge.adapters.raspberry_pi.camera import PiCamera
from edge.domain.camera.identity import CameraIdentity
from edge.errors import CameraError
from edge.ports import Camera
from tests.support.camera_bytes import RED
from tests.support.contracts import contract
from tests.support.fake_picamera2 import WHOLE_SENSOR, FakePicamera2, FakeRequest

pytestmark = contract(Camera, PiCamera, "a stand-in for picamera2")


def test_pixels_are_rgb(bench):
    camera = PiCamera()
    camera.open()
    assert tuple(camera.read(1.0).pixels[0, 0]) == RED
    camera.close()


def test_the_configuration_given_to_picamera2_is_minimal(bench):
    camera = PiCamera(size=(1280, 720), fps=20)
    camera.open()
    assert bench.opened[0].config == {
        "main": {"size": (1280, 720), "format": "BGR888"},
        "buffer_count": 4,
        "queue": False,
        "controls": {"FrameDurationLimits": (50_000, 50_000)},
    }
    assert camera.read(1.0).pixels.shape == (720, 1280, 3)
    camera.close()
    assert bench.opened[0].closed


def test_one_job_waits_through_a_stall_and_none_is_left_behind(bench):
    camera = PiCamera()
    camera.open()
    fake = bench.opened[0]
    fake.unplugged = True
    for _ in range(30):
        assert camera.read(0.0) is None
    assert len(fake.jobs) == 1
    fake.unplugged = False
    for _ in range(30):
        assert camera.read(1.0) is not None
    assert fake.in_hands == 0
    fake.unplugged = True
    camera.read(0.0)
    camera.close()
    assert fake.closed
    assert fake.jobs == []


def test_time_is_the_sensors_on_our_clock(bench, monkeypatch):
    monkeypatch.setattr(frame_times, "MOST_AGE_NS", 2 * 3_600 * 10**9)
    camera = PiCamera()
    camera.open()
    fake = bench.opened[0]
    read_out_ns = time.monotonic_ns() - 3_600 * 10**9
    ahead = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()
    fake.metadata = {"SensorTimestamp": read_out_ns + ahead, "ExposureTime": 9_000}
    assert camera.read(1.0).captured_ns == pytest.approx(read_out_ns, abs=60 * 10**9)
    fake.metadata = {"SensorTimestamp": time.clock_gettime_ns(time.CLOCK_BOOTTIME) + 10**12}
    assert camera.read(1.0).captured_ns <= time.monotonic_ns(), "never in the future"
    fake.metadata = {}
    before_ns = time.monotonic_ns()
    assert before_ns <= camera.read(1.0).captured_ns <= time.monotonic_ns()
    camera.close()


def test_a_suspend_does_not_shift_the_time_of_a_frame(bench, monkeypatch):
    """After a suspend of an hour boottime is an hour ahead of the monotonic clock."""
    hour = 3_600 * 10**9
    monkeypatch.setattr(
        "edge.adapters.raspberry_pi.camera.time.clock_gettime_ns", lambda _: time.monotonic_ns() + hour
    )
    camera = PiCamera()
    camera.open()
    read_out_ns = time.monotonic_ns()
    bench.opened[0].metadata = {"SensorTimestamp": read_out_ns + hour}
    assert camera.read(1.0).captured_ns == pytest.approx(read_out_ns, abs=60 * 10**9), (
        "minutes, where the fault is an hour"
    )
    camera.close()


def test_no_camera_names_the_cable(bench):
    bench.plugged_in = 0
    FakePicamera2.plugged_in = 0
    try:
        with pytest.raises(CameraError, match=r"no camera 0 \(0 found\).*ribbon cable.*rpicam-hello"):
            PiCamera().open()
    finally:
        FakePicamera2.plugged_in = 1


def test_a_camera_in_use_names_the_cure(bench):
    bench.busy = True
    with pytest.raises(CameraError, match=r"Device or resource busy.*fuser.*group video"):
        PiCamera().open()


def test_a_size_that_it_refuses_gives_the_camera_back(bench):
    bench.refuse_configuration = True
    with pytest.raises(CameraError, match=r"640×480.*bad size"):
        PiCamera().open()
    assert bench.opened[0].closed


@pytest.mark.parametrize("word", ["advertised", "advertied"])
def test_a_control_that_it_has_not_is_told_from_a_size(bench, monkeypatch, word):
    def refuse(_self, _config):
        raise RuntimeError(f"Control FrameDurationLimits is not {word} by libcamera")

    monkeypatch.setattr(bench, "configure", refuse)
    with pytest.raises(CameraError, match=r"no control FrameDurationLimits.*full-upgrade.*USB camera") as refused:
        PiCamera().open()
    assert "choose a size" not in str(refused.value)
    assert bench.opened[0].closed


def test_a_camera_that_cannot_crop_names_the_key(bench, monkeypatch):
    def refuse(_self, controls):
        raise RuntimeError(f"Control {next(iter(controls))} is not advertised by libcamera")

    monkeypatch.setattr(bench, "set_controls", refuse)
    monkeypatch.setattr(bench, "autofocus", False)
    with pytest.raises(CameraError, match=r"no control ScalerCrop.*remove camera\.crop"):
        PiCamera(geometry=PictureGeometry(crop=(20, 0, 60, 100))).open()


def test_light_that_it_cannot_set_is_no_matter_of_the_cable(bench, monkeypatch):
    camera = PiCamera()
    camera.open()
    monkeypatch.setitem(bench.opened[0].__dict__, "camera_controls", {})
    with pytest.raises(CameraError, match="no control ExposureValue") as refused:
        camera.expose(0.5)
    assert "cable" not in str(refused.value)
    camera.close()


def test_a_failing_camera_is_our_error_and_closes(bench):
    camera = PiCamera()
    camera.open()
    bench.opened[0].broken = True
    with pytest.raises(CameraError, match="check its cable"):
        camera.read(1.0)
    camera.close()
    assert bench.opened[0].closed


def test_a_frame_of_another_shape_is_refused(bench, monkeypatch):
    monkeypatch.setattr(FakeRequest, "make_array", lambda self, name: np.zeros((480, 704, 3), np.uint8))
    camera = PiCamera()
    camera.open()
    with pytest.raises(CameraError, match=r"704.*multiples of 64"):
        camera.read(1.0)
    assert bench.opened[0].in_hands == 0, "released all the same"
    camera.close()


def test_a_camera_that_will_not_close_does_not_hold_up_the_shutdown(bench, monkeypatch, caplog):
    camera = PiCamera()
    camera.open()

    def refuse():
        raise RuntimeError("camera.release() failed")

    monkeypatch.setattr(bench.opened[0], "close", refuse)
    camera.close()
    assert "did not close cleanly" in caplog.text


def test_without_picamera2_the_cure_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(CameraError, match=r"apt install python3-picamera2.*--system-site-packages"):
        PiCamera().open()


def test_a_numpy_that_does_not_fit_is_named(monkeypatch, tmp_path):
    (tmp_path / "picamera2.py").write_text("raise ValueError('numpy.dtype size changed, may indicate ...')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "picamera2", raising=False)
    with pytest.raises(CameraError, match=r"does not fit numpy.*locks/terminal.txt"):
        PiCamera().open()


def test_it_says_which_sensor_it_is_without_opening_it(bench):
    camera = PiCamera(number=0)
    assert camera.identify() == CameraIdentity("pi", "imx708", "libcamera", "/base/soc/i2c0mux/i2c@0/imx708@1a")
    assert bench.opened == []
    with pytest.raises(CameraError, match=r"no camera 1 \(1 found\).*ribbon cable"):
        PiCamera(number=1).identify()


def test_a_lens_that_moves_is_focused_on_faces_all_the_time(bench):
    camera = PiCamera()
    camera.open()
    given = bench.opened[0].set
    assert {name: given[name] for name in ("AfMode", "AfRange", "AfMetering")} == {
        "AfMode": 2,  # continuous
        "AfRange": 0,  # normal: macro ends at 33 cm
        "AfMetering": 1,  # windows
    }
    ((left, top, width, height),) = given["AfWindows"]
    _, _, across, down = WHOLE_SENSOR
    assert across / 4 <= left < left + width <= across * 3 / 4
    assert 0 < top < top + height < down
    assert "ScalerCrop" not in given
    camera.close()


def test_a_lens_that_is_fixed_is_left_alone(bench):
    bench.autofocus = False
    camera = PiCamera()
    camera.open()
    assert not [name for name in bench.opened[0].set if name.startswith("Af")]
    assert camera.read(1.0) is not None
    camera.close()


@pytest.mark.parametrize(
    ("size", "crop", "kept"),
    [
        ((640, 480), (0, 0, 50, 100), (0, 432, 2304, 1728)),
        ((640, 480), (50, 0, 50, 100), (2304, 432, 2304, 1728)),
        ((1280, 720), (25, 25, 50, 50), (1152, 648, 2304, 1296)),
        ((640, 480), (0, 0, 100, 50), (1440, 0, 1728, 1296)),
    ],
)
def test_a_crop_is_the_sensors_own_and_stretches_nothing(bench, size, crop, kept):
    camera = PiCamera(size=size, geometry=PictureGeometry(crop=crop))
    camera.open()
    given = bench.opened[0].set
    assert given["ScalerCrop"] == kept
    assert kept[2] / kept[3] == pytest.approx(size[0] / size[1], rel=0.01)
    ((left, top, width, height),) = given["AfWindows"]
    assert kept[0] < left < left + width < kept[0] + kept[2]
    assert kept[1] < top < top + height < kept[1] + kept[3]
    assert camera.read(1.0).pixels.shape == (size[1], size[0], 3)
    camera.close()


def test_a_picture_is_turned_after_it_was_taken(bench):
    camera = PiCamera(geometry=PictureGeometry(rotate=90))
    camera.open()
    frame = camera.read(1.0)
    assert frame.pixels.shape == (640, 480, 3)
    assert frame.pixels.flags.c_contiguous
    camera.close()
