"""What is particular to USB cameras, on a stand-in for the kernel's V4L2."""

import ctypes
import errno
import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.adapters.picture_geometry import PictureGeometry
from edge.adapters.reopening_camera import ReopeningCamera
from edge.adapters.v4l2 import abi, sysfs
from edge.adapters.v4l2.camera import UsbCamera
from edge.adapters.v4l2.decoding import BrokenFrame, from_mjpeg, from_yuyv
from edge.domain.camera.identity import CameraIdentity
from edge.errors import CameraError
from edge.ports import Camera
from tests.support.camera_bytes import RED, jpeg, without_tables, yuyv
from tests.support.contracts import contract
from tests.support.fake_v4l2 import DEVICE, H264, MJPG, YUYV, FakeV4l2

pytestmark = contract(Camera, UsbCamera, "a stand-in for V4L2's ioctls: what is particular to it")


def opened(usb: FakeV4l2, **options) -> UsbCamera:
    camera = UsbCamera(Path(DEVICE), calls=usb, **options)
    camera.open()
    return camera


def read_until_it_fails(camera: UsbCamera) -> None:
    for _ in range(200):  # frames that came before may still be there
        camera.read(1.0)


# --- the kernel's interface ---


def test_structures_are_those_of_the_kernels_header() -> None:
    """Sizes, offsets and numbers as a C compiler prints them for <linux/videodev2.h>, on 64-bit Linux."""
    assert {
        name: getattr(abi, name)
        for name in (
            "QUERYCAP", "ENUM_FMT", "S_FMT", "REQBUFS", "QUERYBUF", "QBUF", "DQBUF", "STREAMON", "STREAMOFF",
            "S_PARM", "S_CTRL", "QUERYCTRL", "ENUM_FRAMESIZES", "ENUM_FRAMEINTERVALS",
        )
    } == {
        "QUERYCAP": 0x80685600, "ENUM_FMT": 0xC0405602, "S_FMT": 0xC0D05605, "REQBUFS": 0xC0145608,
        "QUERYBUF": 0xC0585609, "QBUF": 0xC058560F, "DQBUF": 0xC0585611, "STREAMON": 0x40045612,
        "STREAMOFF": 0x40045613, "S_PARM": 0xC0CC5616, "S_CTRL": 0xC008561C, "QUERYCTRL": 0xC0445624,
        "ENUM_FRAMESIZES": 0xC02C564A, "ENUM_FRAMEINTERVALS": 0xC034564B,
    }  # fmt: skip
    offsets = {
        (abi.Capability, "device_caps"): 88,
        (abi.FormatDescription, "pixelformat"): 44,
        (abi.FrameSize, "numbers"): 12,
        (abi.FrameInterval, "numbers"): 20,
        (abi.PixelFormat, "quantization"): 48,
        (abi.StreamParameters, "numerator"): 12,
        (abi.Buffer, "seconds"): 24,
        (abi.Buffer, "sequence"): 56,
        (abi.Buffer, "offset"): 64,
        (abi.Buffer, "length"): 72,
        (abi.ControlDescription, "flags"): 56,
    }
    assert {key: getattr(*key).offset for key in offsets} == offsets
    assert ctypes.sizeof(abi.Buffer) == 88
    assert (abi.YUYV, abi.MJPEG) == (0x56595559, 0x47504A4D)


# --- pixels ---


@pytest.mark.parametrize("quantization", [0, 1])
@pytest.mark.parametrize("pixelformat", [YUYV, MJPG])
def test_pixels_are_rgb(usb, pixelformat, quantization) -> None:
    usb.offers = {pixelformat: usb.offers[pixelformat]}
    usb.quantization = quantization
    camera = opened(usb)
    assert np.abs(camera.read(1.0).pixels.reshape(-1, 3).mean(0) - np.array(RED)).max() < 4
    camera.close()


def test_yuyv_is_taken_where_it_is_given_and_mjpeg_for_larger_pictures(usb) -> None:
    for size, expected in (((640, 480), YUYV), ((1280, 720), MJPG)):
        camera = opened(usb, size=size)
        assert [one.format for one in usb.opened.values() if one.streaming][-1] == (*size, expected)
        assert camera.read(1.0).pixels.shape == (size[1], size[0], 3)
        camera.close()


def test_mjpeg_without_huffman_tables_is_decoded(photos: Path) -> None:
    """As most cameras send it: the tables are the standard's."""
    picture = np.asarray(Image.open(photos / "obama.jpg").convert("RGB").resize((640, 480)))
    whole = jpeg(picture, quality=85)
    bare = without_tables(whole)
    assert len(bare) < len(whole)
    assert (from_mjpeg(bare, (640, 480)) == from_mjpeg(whole, (640, 480))).all()


def test_a_padded_row_and_one_that_lacks_its_padding() -> None:
    rgb = np.random.default_rng(1).integers(60, 200, (8, 16, 3), dtype=np.uint8).repeat(2, axis=1)
    rows = np.frombuffer(yuyv(rgb, full=True), np.uint8).reshape(8, 64)
    padded = np.hstack([rows, np.zeros((8, 12), np.uint8)]).tobytes()
    plain = from_yuyv(rows.tobytes(), (32, 8), 64, full_range=True)
    assert np.abs(plain.astype(int) - rgb).max() <= 4
    assert (from_yuyv(padded, (32, 8), 76, full_range=True) == plain).all()
    assert (from_yuyv(padded[:-12], (32, 8), 76, full_range=True) == plain).all()


@pytest.mark.parametrize("content", [b"", b"\xff\xd8", b"text", bytes(10)])
def test_a_broken_frame_is_named_as_one(content: bytes) -> None:
    with pytest.raises(BrokenFrame):
        from_mjpeg(content, (640, 480))
    with pytest.raises(BrokenFrame, match="fewer than"):
        from_yuyv(content, (640, 480), 1280, full_range=False)


def test_a_jpeg_of_another_size_is_not_even_decoded() -> None:
    with pytest.raises(BrokenFrame, match="64×64 in place of 640×480"):
        from_mjpeg(jpeg(np.zeros((64, 64, 3), np.uint8)), (640, 480))


def test_broken_frames_are_left_out_and_only_many_are_an_error(usb) -> None:
    usb.broken_frames = 7
    camera = opened(usb)
    for _ in range(5):
        assert camera.read(5.0) is not None
    usb.broken_frames = 500
    with pytest.raises(CameraError, match="only broken pictures"):
        read_until_it_fails(camera)
    camera.close()


def test_frames_that_the_driver_calls_damaged_are_left_out(usb) -> None:
    camera = opened(usb)
    usb.flags |= 0x40
    camera.read(0.05)
    for timeout_s in (0.0, 0.05):  # it comes back in time, although damaged frames never end
        assert camera.read(timeout_s) is None
    usb.flags &= ~0x40
    assert camera.read(1.0) is not None
    camera.close()


def test_a_picture_is_cropped_turned_and_mirrored(usb) -> None:
    camera = opened(usb, geometry=PictureGeometry(rotate=270, flip="vertical", crop=(0, 0, 50, 100)))
    frame = camera.read(1.0)
    assert frame.pixels.shape == (320, 480, 3)
    assert frame.pixels.flags.c_contiguous
    camera.close()


# --- time ---


def test_time_is_the_drivers_where_it_is_the_monotonic_clock(usb) -> None:
    camera = opened(usb)
    before = time.monotonic_ns()
    camera.read(1.0)
    assert before - 60e9 < camera.read(1.0).captured_ns <= time.monotonic_ns()
    usb.flags = 0
    camera.read(1.0)
    before = time.monotonic_ns()
    for _ in range(6):  # the buffers that were filled before
        frame = camera.read(1.0)
    assert before <= frame.captured_ns <= time.monotonic_ns()
    camera.close()


def test_a_drivers_time_that_stands_still_or_is_of_another_year_stops_no_clock(usb) -> None:
    camera = opened(usb)
    for stamp_us in (1, time.monotonic_ns() // 1000):
        usb.stamp_us = stamp_us
        for _ in range(4):  # the buffers that were filled before
            camera.read(1.0)
        before = time.monotonic_ns()
        at = [camera.read(1.0).captured_ns for _ in range(4)]
        assert before <= at[1] < at[2] < at[3] <= time.monotonic_ns()
    camera.close()


def test_yuyv_of_an_odd_width_is_refused_in_words(usb) -> None:
    usb.offers = {YUYV: {(641, 480): (15,)}}
    camera = opened(usb, size=(641, 480))
    with pytest.raises(CameraError, match=r"set camera\.width to an even number"):
        camera.read(1.0)
    camera.close()


# --- what is refused, told apart from what is missing ---


def refusal_of(usb: FakeV4l2, **options) -> str:
    with pytest.raises(CameraError) as caught:
        opened(usb, **options)
    for descriptor in usb.opened:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)
    return str(caught.value)


def test_a_size_that_is_not_given_lists_those_that_are(usb) -> None:
    said = refusal_of(usb, size=(800, 600))
    assert "does not give 800×600 pixels; it gives 640×480, 1280×720: set camera.width" in said


def test_a_rate_that_is_not_given_lists_those_that_are(usb) -> None:
    assert "at 20 frames a second; it gives them at 30, 15, 5: set camera.fps" in refusal_of(usb, fps=20)


def test_a_format_that_nobody_decodes_here(usb) -> None:
    usb.offers = {H264: {(640, 480): (30,)}}
    assert "gives H264, and neither YUYV nor MJPEG" in refusal_of(usb)


def test_a_driver_that_settles_on_something_else(usb) -> None:
    usb.settles_on = (320, 240, YUYV)
    assert "refuses 640×480 pixels and offers 320×240 YUYV" in refusal_of(usb)
    usb.settles_on, usb.rate = None, (1, 30)
    assert "refuses 15 frames a second and offers 30: set camera.fps" in refusal_of(usb)


@pytest.mark.parametrize(
    ("request_", "error", "said"),
    [
        (0, errno.EACCES, "group video"),
        (0, errno.ENXIO, "there is no camera behind"),
        (abi.QUERYCAP, errno.ENOTTY, "is no camera"),
        (abi.S_FMT, errno.EBUSY, "is in use.*fuser"),
        (abi.REQBUFS, errno.EBUSY, "is in use.*fuser"),
        (abi.STREAMON, errno.ENOSPC, "USB has no room.*smaller"),
        (abi.STREAMON, errno.EPROTO, "failed.*plug it in again"),
    ],
)
def test_what_the_kernel_refuses_has_its_cure(usb, request_: int, error: int, said: str) -> None:
    usb.errors[request_] = error
    with pytest.raises(CameraError, match=said):
        opened(usb)


def test_a_device_that_is_missing_or_no_device(tmp_path: Path, usb) -> None:
    with pytest.raises(CameraError, match=r"there is no .*by-id.*: plug the camera in; "):
        UsbCamera(tmp_path / "by-id", calls=usb).open()
    (tmp_path / "file").touch()
    with pytest.raises(CameraError, match="is no device"):
        UsbCamera(tmp_path / "file", calls=usb).identify()
    with pytest.raises(CameraError, match="is no camera"):
        UsbCamera(Path("/dev/null")).identify()  # the kernel's own answer


def test_the_metadata_device_of_a_camera_is_told_apart(usb) -> None:
    usb.device_caps = 0x04A0_0000
    assert "the one whose name ends with index0" in refusal_of(usb)


def test_a_driver_that_tells_nothing_of_its_sizes_is_tried(usb) -> None:
    usb.errors |= {
        abi.ENUM_FRAMESIZES: errno.ENOTTY,
        abi.ENUM_FRAMEINTERVALS: errno.ENOTTY,
        abi.S_PARM: errno.ENOTTY,
    }
    camera = opened(usb)
    assert camera.read(1.0) is not None
    camera.close()


def test_focus_is_automatic_where_the_camera_can(usb) -> None:
    opened(usb).close()
    assert usb.controls == {abi.FOCUS_AUTO: 1}
    usb.controls.clear()
    opened(usb).close()
    assert usb.controls == {}


# --- unplugged in mid-stream ---


def test_unplugged_is_our_error_and_closes(usb) -> None:
    camera = opened(usb)
    assert camera.read(1.0) is not None
    usb.unplug()
    with pytest.raises(CameraError, match=r"was unplugged.*plug it in again"):
        read_until_it_fails(camera)
    camera.close()
    camera.close()
    with pytest.raises(CameraError, match="not open"):
        camera.read(0.05)


def test_unplugged_and_back_again_behind_the_ladder(usb, monkeypatch, caplog) -> None:
    monkeypatch.setattr("edge.adapters.reopening_camera.RETRIES_S", (0.05, 0.1))
    camera = ReopeningCamera(UsbCamera(Path(DEVICE), calls=usb))
    camera.open()
    assert camera.read(1.0) is not None
    usb.unplug()
    while camera.restarts < 3:
        camera.read(0.02)
    usb.plugged_in = True
    while camera.read(0.02) is None:
        pass
    assert camera.counters()["camera_restarts"] >= 3
    assert "was unplugged" in caplog.text
    assert caplog.text.count("there is no") == 1, "said once"
    camera.close()


# --- which camera it is ---


def test_it_says_which_camera_it_is_also_while_another_program_films(usb) -> None:
    usb.errors[abi.S_FMT] = errno.EBUSY
    assert UsbCamera(Path(DEVICE), calls=usb).identify() == CameraIdentity(
        "usb", "HD Pro Webcam C920", "uvcvideo", "usb-0000:01:00.0-1.3"
    )


def test_names_that_a_device_chooses_cannot_shape_a_line(usb) -> None:
    usb.card = b"Cam\nera\x1b[31m\xff"
    found = UsbCamera(Path(DEVICE), calls=usb).identify()
    assert found.model == "Camera[31m\ufffd"


@pytest.mark.parametrize(
    ("driver", "card", "bus"),
    [
        (b"v4l2 loopback", b"Dummy video device (0x0000)", b"platform:v4l2loopback-000"),
        (b"vivid", b"vivid", b"platform:vivid-000"),
        (b"v4l2 loopback", b"OBS Virtual Camera", b"platform:v4l2loopback-001"),
    ],
)
def test_a_virtual_camera_is_known_as_one(usb, driver, card, bus) -> None:
    usb.driver, usb.card, usb.bus = driver, card, bus
    assert UsbCamera(Path(DEVICE), calls=usb).identify().virtual


def test_product_and_serial_number_come_from_the_kernel(tmp_path: Path) -> None:
    usb_device = tmp_path / "devices/pci/usb1/1-1.3"
    interface = usb_device / "1-1.3:1.0"
    (interface / "video4linux/video4").mkdir(parents=True)
    (interface / "video4linux/video4/device").symlink_to(interface)
    for name, text in (("idVendor", "046d\n"), ("idProduct", "082d\n"), ("serial", "8A1B\x1b2C3D\n")):
        (usb_device / name).write_text(text)
    classes = tmp_path / "class"
    classes.mkdir()
    (classes / "video4").symlink_to(interface / "video4linux/video4")
    (tmp_path / "devices/virtual/video9").mkdir(parents=True)
    (classes / "video9").symlink_to(tmp_path / "devices/virtual/video9")
    (tmp_path / "by-id").symlink_to(tmp_path / "video4")
    (tmp_path / "video4").touch()
    assert sysfs.usb_product(tmp_path / "by-id", classes) == ("046d:082d", "8A1B2C3D")
    assert sysfs.usb_product(tmp_path / "video9", classes) == ("", "")
    assert sysfs.usb_product(tmp_path / "absent", classes) == ("", "")
    assert sysfs.is_made_by_a_program(tmp_path / "video9", classes)
    assert not sysfs.is_made_by_a_program(tmp_path / "by-id", classes)
